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
