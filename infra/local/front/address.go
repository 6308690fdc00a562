package front

import (
	"fmt"
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
	return strings.ReplaceAll(value, f.upstream.String(), f.URL()), failed
}
