package deployed

import (
	"net/url"
	"strings"
)

// awsDomains are the domains of AWS's partitions: what answers below them is a real account.
var awsDomains = [...]string{
	"amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "api.amazonwebservices.com.cn", "on.aws",
	"c2s.ic.gov", "sc2s.sgov.gov", "csp.hci.ic.gov", "cloud.adc-e.uk",
}

// IsAWS tells whether an address is one of AWS's own, not a local stand-in's.
func IsAWS(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), ".")
	for _, domain := range awsDomains {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
