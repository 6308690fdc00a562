package hook

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

func TestPropagation(t *testing.T) {
	for _, test := range []struct {
		name, domains, url, header, trace string
		want                              bool
	}{
		{"a host", "a.test,pay.example.com", "https://pay.example.com:8443/x", "", xray, true},
		{"capitals", "pay.example.com", "https://PAY.example.com/x", "", xray, true},
		{"a host with its port", "pay.example.com:8443", "https://pay.example.com:8443/x", "", xray, true},
		{"another port", "pay.example.com:8443", "https://pay.example.com/x", "", xray, false},
		{"every host below", ".example.com", "https://a.pay.example.com/", "", xray, true},
		{"not the host itself", ".example.com", "https://example.com/", "", xray, false},
		{"not one that ends alike", ".example.com", "https://payexample.com/", "", xray, false},
		{"a star within", "pay.*.com", "https://pay.example.com/", "", xray, true},
		{"any", "*", "https://anything/", "", xray, true},
		{"an address of IPv6", "[::1]", "http://[::1]:8080/", "", xray, true},
		{"another host", "example.com", "https://pay.example.com/", "", xray, false},
		{"none", "", "https://pay.example.com/", "", xray, false},
		{"has one", "*", "https://a/", "Traceparent: x", xray, false},
		{"signed for AWS", "*", "https://a/", "Authorization: AWS4-HMAC-SHA256 Credential=x", xray, false},
		{"signed otherwise", "*", "https://a/", "Authorization: OAuth oauth_signature=x", xray, false},
		{"signed by headers", "*", "https://a/", "Signature-Input: x", xray, false},
		{"its body is signed", "*", "https://a/", "X-Amz-Content-Sha256: x", xray, false},
		{"signed by its query", "*", "https://a/?X-Amz-Signature=x", "", xray, false},
		{"a token is no signature", "*", "https://a/", "Authorization: Bearer x", xray, true},
		{"no trace", "*", "https://a/", "", "", false},
		{"no root", "*", "https://a/", "", "Parent=53995c3f42cd8ad8", false},
		{"a root that is none", "*", "https://a/", "", "Root=1-5759e988-bd862e3fe1be46a99427279g", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			if name, value, ok := strings.Cut(test.header, ": "); ok {
				header.Set(name, value)
			}
			var p Propagation
			if test.domains != "" {
				p = strings.Split(test.domains, ",")
			}
			span, value := p.Span(&Invocation{trace: test.trace}, u, header)
			if got := value != ""; got != test.want {
				t.Fatalf("%q, want one: %v", value, test.want)
			}
			if test.want && (!regexp.MustCompile("^[0-9a-f]{16}$").MatchString(span) || value != "00-5759e988bd862e3fe1be46a994272793-"+span+"-01") {
				t.Errorf("%q for span %q", value, span)
			}
		})
	}
}
