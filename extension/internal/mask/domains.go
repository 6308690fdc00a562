package mask

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// domains are hosts of which something is never shown.
type domains struct {
	hosts    map[string]bool // with or without a port
	suffixes []string        // with the leading dot
}

// secretServices are AWS's that exist to hand out secrets, by the names in hosts and by those that enrich gives them.
var secretServices = [...]string{"secretsmanager", "ssm", "kms", "sts"}

// localSecrets are addresses inside the environment that hand out credentials: the container's and the machine's, and AWS's own extension for parameters and
// secrets. https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html
var localSecrets = [...]string{"169.254.170.2", "169.254.170.23", "169.254.169.254", "localhost:2773", "127.0.0.1:2773"}

func newDomains(users, builtIn []string) domains {
	d := domains{hosts: map[string]bool{}}
	for _, host := range builtIn {
		d.hosts[host] = true
	}
	for _, domain := range users {
		switch domain = bareDomain(domain); {
		case domain == "":
		case strings.HasPrefix(domain, "."):
			d.suffixes = append(d.suffixes, domain)
		default:
			d.hosts[domain] = true
		}
	}
	return d
}

// bareDomain takes off what people write around a host and what would keep it from ever being met: https://, a path, a star for every host below.
func bareDomain(domain string) string {
	domain = strings.ToLower(strings.TrimSpace(domain))
	if _, rest, ok := strings.Cut(domain, "://"); ok {
		domain = rest
	}
	domain, _, _ = strings.Cut(domain, "/")
	return strings.TrimPrefix(domain, "*")
}

// isSecretService tells whether nothing of a call but its address may be shown. The service that enrich recognised counts too: with a local or private
// endpoint the host says nothing.
func isSecretService(c *event.Call) bool {
	for _, service := range secretServices {
		if strings.EqualFold(c.Target.Service, service) {
			return true
		}
	}
	return isSecretHost(hostName(hostOf(c.URL.Reveal())))
}

// has tells whether a call goes to one of the hosts.
func (d domains) has(c *event.Call) bool {
	host := hostOf(c.URL.Reveal())
	name := hostName(host)
	if d.hosts[host] || d.hosts[name] {
		return true
	}
	for _, suffix := range d.suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
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
	for label := range strings.SplitSeq(host, ".") {
		for _, service := range secretServices {
			if strings.TrimSuffix(label, "-fips") == service {
				return true
			}
		}
	}
	return false
}

// hostOf gives host and port of a URL, in lower case.
func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.ToLower(rest[strings.LastIndexByte(rest, '@')+1:])
}
