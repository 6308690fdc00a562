package mask

import "strings"

// domains are hosts of which something is never shown.
type domains struct {
	hosts    map[string]bool // with or without a port
	patterns []string        // with stars, which stand for anything
}

// secretServices are AWS's that exist to hand out secrets, by the names in hosts and by those that enrich gives them.
var secretServices = [...]string{"secretsmanager", "ssm", "kms", "sts"}

// localSecrets are addresses inside the environment that hand out credentials: the container's and the machine's, and AWS's own extension for parameters and
// secrets. https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
var localSecrets = [...]string{"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "169.254.169.254", "[fd00:ec2::254]", "localhost:2773", "127.0.0.1:2773", "[::1]:2773"}

func newDomains(users []string, builtIn ...string) domains {
	d := domains{hosts: map[string]bool{}}
	for _, host := range builtIn {
		d.hosts[host] = true
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
	return d
}

// isSecretService tells whether nothing of a call but its address may be shown. The service that enrich recognised counts too: with a local or private
// endpoint the host says nothing.
func isSecretService(recognised, host string) bool {
	for _, service := range secretServices {
		if strings.EqualFold(recognised, service) {
			return true
		}
	}
	return isSecretHost(hostName(host))
}

// has tells whether a host, as hostOf gives it, is one of them.
func (d domains) has(host string) bool {
	name := hostName(host)
	if d.hosts[host] || d.hosts[name] {
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
// vpce-….ssm.cn-north-1.vpce.amazonaws.com.cn, sts.eu-west-1.api.aws.
func isSecretHost(host string) bool {
	if !strings.Contains(host, ".amazonaws.") && !strings.HasSuffix(host, ".api.aws") && !strings.HasSuffix(host, ".gov") && !strings.HasSuffix(host, ".uk") {
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
