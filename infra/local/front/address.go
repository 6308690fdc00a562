package front

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// awsHosts are the host names that AWS gives to function URLs and HTTP APIs, in the spellings of AWS
// and of MiniStack.
var awsHosts = regexp.MustCompile(`https?://([a-z0-9-]+\.(?:lambda-url|execute-api)\.[a-z0-9.-]+)(:\d+)?`)

// Localise replaces what leads nowhere on this machine in a setting or an output: the host of a function
// URL or an HTTP API by a listener of its own, MiniStack's address by the front's.
func (f *Front) Localise(value string) (string, error) {
	var failed error
	value = awsHosts.ReplaceAllStringFunc(value, func(address string) string {
		parsed, err := url.Parse(address)
		if err != nil {
			failed = fmt.Errorf("read address %q: %w", address, err)
			return address
		}
		local, err := f.Expose(parsed.Host)
		if err != nil {
			failed = err
			return address
		}
		return local
	})
	for _, own := range f.spellings() {
		value = strings.ReplaceAll(value, own, f.URL())
	}
	return value, failed
}

// spellings are the ways in which an upstream that listens on this machine calls itself: what it hands out need not have
// the host name by which we were told of it.
func (f *Front) spellings() []string {
	all := []string{strings.TrimSuffix(f.upstream.String(), "/")}
	switch f.upstream.Hostname() {
	case loopback, "localhost":
		for _, host := range []string{loopback, "localhost", "localhost.localstack.cloud"} {
			all = append(all, f.upstream.Scheme+"://"+net.JoinHostPort(host, f.upstream.Port()))
		}
	}
	return all
}

// apis is what the host of every API has in it.
const apis = ".execute-api."

// apiHosts is what the host of an API is called in an account; its id comes first.
var apiHosts = regexp.MustCompile(`^([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.`)

// apiPath is where MiniStack serves an API by its id: it knows the host names that it gives out itself, but not AWS's, which
// the CDK puts together.
const apiPath = "/_aws/execute-api/"

// toAPI makes a request to an API's host one to its path.
func toAPI(address *url.URL, host string) {
	found := apiHosts.FindStringSubmatch(host)
	if found == nil {
		return
	}
	if address.RawPath != "" {
		address.RawPath = apiPath + found[1] + address.RawPath
	}
	address.Path = apiPath + found[1] + address.Path
}
