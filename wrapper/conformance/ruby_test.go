package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/apt"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// ruby is told by AWS's own runtime client where this machine has it, else by ours, on Debian's Ruby 3.3, which is one of Lambda's.
func ruby() actor {
	return actor{
		language:  "ruby",
		versions:  []string{"ruby3.3"},
		handlers:  map[string]string{"": "app.handler"},
		libraries: []string{"net/http", "open-uri"},
		installed: []string{"excon", "httpx", "typhoeus"},
		build:     asItIs,
		layers:    rubyLayers,
		asleep:    []string{"ruby/shorten.rb", "ruby/clients/ethon.rb", "ruby/clients/excon.rb", "ruby/clients/httpx.rb"},
		noise:     []*regexp.Regexp{regexp.MustCompile(`0x[0-9a-f]{8,}`), regexp.MustCompile(`#\d+\]`)}, // addresses; the process, where the client logs
	}
}

// rubyPackages are Debian's packages of Ruby's libraries, by the release that has them for Ruby 3.3: RubyGems' own cannot be had everywhere. libcurl, which
// typhoeus loads, is the machine's.
func rubyPackages() map[string][]string {
	return map[string][]string{
		"trixie": {"ruby-excon", "ruby-typhoeus", "ruby-ethon", "ruby-ffi", "ruby-mime-types", "ruby-mime-types-data", "ruby-faraday", "ruby-faraday-net-http",
			"ruby-httparty", "ruby-multi-xml", "ruby-mini-mime", "ruby-aws-sdk-core", "ruby-aws-eventstream", "ruby-aws-partitions", "ruby-aws-sigv4", "ruby-jmespath"},
		"forky": {"ruby-httpx", "ruby-http-2"},
	}
}

// rubyFolders puts what packages have in many folders into the two that Lambda looks into: gems as gems, the rest into /opt/ruby/lib.
const rubyFolders = `set -e
gems=$1/ruby/gems/3.3.0
mkdir -p "$1/ruby/lib" "$gems"
for from in "$1"/debian/usr/share/rubygems-integration/all "$1"/debian/usr/lib/*/rubygems-integration/3.3.0; do cp -R "$from/." "$gems/"; done
for from in "$1"/debian/usr/lib/ruby/vendor_ruby; do cp -R "$from/." "$1/ruby/lib/"; done
rm -R "$1/debian"`

// rubyLayers has the libraries that functions bring along.
func rubyLayers(t *testing.T, _ runtimes.Runtime, _ string) []string {
	t.Helper()
	var pins strings.Builder
	for _, release := range []string{"trixie", "forky"} {
		pins.WriteString(release + " " + strings.Join(rubyPackages()[release], " ") + "\n")
	}
	return []string{install(t, "ruby-libraries", pins.String()+rubyFolders, func(dir string) *exec.Cmd {
		for release, packages := range rubyPackages() {
			to := filepath.Join(dir, "debian")
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := apt.Unpack(t.Context(), release, to, packages...); errors.Is(err, apt.ErrNoDebian) && os.Getenv("CI") != "true" {
				t.Skipf("NOT TESTED: Ruby's libraries: %v", err)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return exec.CommandContext(t.Context(), "/bin/sh", "-c", rubyFolders, "sh", dir)
	})}
}
