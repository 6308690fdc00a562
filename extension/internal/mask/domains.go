package mask

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// domains are hosts of which something is never shown.
type domains struct {
	hosts    map[string]bool // with or without a port
	builtIn  map[string]bool // with a port, by their canonical names
	patterns []string        // with stars, which stand for anything
}

// secretServices are AWS's that exist to hand out secrets, by the names in hosts and by those that enrich gives them.
var secretServices = [...]string{"secretsmanager", "ssm", "kms", "sts"}

// localSecrets are addresses inside the environment that hand out credentials: the container's and the machine's, and AWS's own extension for parameters and
// secrets. https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
var localSecrets = [...]string{"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "169.254.169.254", "[fd00:ec2::254]", "localhost:2773"}

// secretTargets begin the x-amz-target of the services in secretServices, whatever host is asked: an endpoint of one's own, a proxy, a local AWS.
var secretTargets = [...]string{"secretsmanager.", "AmazonSSM.", "TrentService.", "AWSSecurityTokenService"}

// secretPaths are what AWS's extension for parameters and secrets answers at, on whatever port of this machine, and parametersToken is the header that it wants.
var secretPaths = [...]string{"/systemsmanager/parameters/get", "/secretsmanager/get"}

const parametersToken = "X-Aws-Parameters-Secrets-Token"

func newDomains(users []string, builtIn ...string) domains {
	d := domains{hosts: map[string]bool{}, builtIn: map[string]bool{}}
	for _, host := range builtIn {
		d.builtIn[canonical(host)] = true
	}
	for _, domain := range users {
		if strings.HasPrefix(domain, ".") {
			domain = "*" + domain
		}
		if strings.Contains(domain, "*") {
			d.patterns = append(d.patterns, domain)
		} else {
			d.hosts[domain] = true
		}
	}
	delete(d.hosts, "") // which is the host of what is no URL
	delete(d.builtIn, "")
	return d
}

// canonical gives one of the names that a host on this machine has; others have theirs.
func canonical(host string) string {
	name := hostName(host)
	if isLocal(name) {
		return "localhost" + host[len(name):]
	}
	return host
}

// isLocal tells whether a host is this machine, by the names and addresses of RFC 6761 and RFC 6890.
func isLocal(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasPrefix(name, "127.") || name == "[::1]" || name == "0.0.0.0"
}

// isSecretService tells whether nothing of a call but its address may be shown. The service that enrich recognised counts too, and what the request itself says:
// with a local or private endpoint the host says nothing.
func isSecretService(c *event.Call, host string) bool {
	for _, service := range secretServices {
		if strings.EqualFold(c.Target.Service, service) {
			return true
		}
	}
	target := headerValue(c.RequestHeaders, "x-amz-target")
	for _, prefix := range secretTargets {
		if len(target) >= len(prefix) && strings.EqualFold(target[:len(prefix)], prefix) {
			return true
		}
	}
	name := hostName(host)
	if isLocal(name) {
		for _, path := range secretPaths {
			if strings.HasPrefix(pathOf(c.URL.Reveal()), path) {
				return true
			}
		}
	}
	return headerValue(c.RequestHeaders, parametersToken) != "" || isSecretHost(name)
}

// pathOf gives the path of a URL, and what is behind it.
func pathOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return rest[max(0, strings.IndexByte(rest, '/')):]
}

// has tells whether a host, as hostOf gives it, is one of them.
func (d domains) has(host string) bool {
	name := hostName(host)
	if d.hosts[host] || d.hosts[name] || d.builtIn[canonical(host)] || d.builtIn[name] {
		return true
	}
	for _, pattern := range d.patterns {
		if host != "" && (fits(pattern, host) || fits(pattern, name)) {
			return true
		}
	}
	return false
}

// fits tells whether a host is what a pattern says.
func fits(pattern, host string) bool {
	before, pattern, star := strings.Cut(pattern, "*")
	host, ok := strings.CutPrefix(host, before)
	for ok && star { // each piece as early as it comes, which leaves the most to those behind it
		if before, pattern, star = strings.Cut(pattern, "*"); !star {
			return strings.HasSuffix(host, before)
		}
		_, host, ok = strings.Cut(host, before)
	}
	return ok && host == ""
}

// hostName takes the port off a host.
func hostName(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		return host[:colon]
	}
	return host
}

// isSecretHost knows the services by a label of their host in any partition: kms.eu-west-1.amazonaws.com, secretsmanager-fips.us-gov-west-1.amazonaws.com,
// vpce-….ssm.cn-north-1.vpce.amazonaws.com.cn, sts.eu-west-1.api.aws, ssm.eusc-de-east-1.api.amazonwebservices.eu, kms.us-isob-east-1.api.aws.scloud.
func isSecretHost(host string) bool {
	known := strings.Contains(host, ".amazonaws.") || strings.Contains(host, ".amazonwebservices.")
	for _, domain := range [...]string{".api.aws", ".gov", ".uk", ".scloud"} {
		known = known || strings.HasSuffix(host, domain)
	}
	if !known {
		return false
	}
	for more := true; more; {
		var label string
		label, host, more = strings.Cut(host, ".")
		label = strings.TrimSuffix(label, "-fips")
		for _, service := range secretServices {
			if label == service {
				return true
			}
		}
	}
	return false
}

// hostOf gives host and port of a URL, in lower case; the port is the scheme's where there is none.
func hostOf(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, `/?#\`); end >= 0 { // to many clients a backslash is a slash
		rest = rest[:end]
	}
	host := strings.ToLower(rest[strings.LastIndexByte(rest, '@')+1:])
	name := hostName(host)
	port := host[len(name):]
	if name = strings.TrimSuffix(name, "."); port == "" || port == ":" { // the root's dot, which may be left out
		if port = ":80"; strings.EqualFold(scheme, "https") {
			port = ":443"
		}
	}
	return name + port
}
