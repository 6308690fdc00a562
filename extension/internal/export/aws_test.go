package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func roleOf(id string) map[string]string {
	return map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": "secret/" + id, "AWS_SESSION_TOKEN": "token/" + id}
}

func environ(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// verify signs the request again, with the same signer and what the server knows, and compares.
func verify(r *http.Request, body []byte, id, service, region string) error {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return fmt.Errorf("read the time of signing: %w", err)
	}
	if off := time.Since(at).Abs(); off > 5*time.Minute {
		return fmt.Errorf("signed %v ago", off)
	}
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(list, ";") {
		if name != "host" && name != "content-length" && name != "x-amz-date" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	sum := sha256.Sum256(body)
	c := aws.Credentials{AccessKeyID: id, SecretAccessKey: "secret/" + id, SessionToken: "token/" + id}
	if err := v4.NewSigner().SignHTTP(context.Background(), c, again, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		return err
	}
	if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want || r.Header.Get("X-Amz-Security-Token") != "token/"+id {
		return fmt.Errorf("signed %q, want %q", got, want)
	}
	return nil
}

// answering serves what the function gives, after it has checked nothing.
func answering(t *testing.T, f func(w http.ResponseWriter, r *http.Request, body []byte)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f(w, r, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestRequestsAreSigned(t *testing.T) {
	var requests atomic.Int32
	s := answering(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		requests.Add(1)
		if err := verify(r, body, "AKID", "xray", "eu-central-1"); err != nil {
			t.Error(err)
			w.WriteHeader(403)
		}
	})
	a := NewAWS(environ(roleOf("AKID")))
	c := client(t, Endpoint{URL: s.URL + "/v1/traces", Compress: true, Authorize: a.Signature("xray", "eu-central-1"), UserAgent: "afterglow/test"})
	for _, size := range []int{1, 2 * smallest} {
		if _, err := c.Send(t.Context(), bytes.Repeat([]byte("x"), size)); err != nil {
			t.Error(err)
		}
	}
	if requests.Load() != 2 {
		t.Errorf("%d requests", requests.Load())
	}
	// The check itself: another key is found out.
	broken := roleOf("AKID")
	broken["AWS_SECRET_ACCESS_KEY"] = "another"
	strict := answering(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if verify(r, body, "AKID", "xray", "eu-central-1") != nil {
			w.WriteHeader(403)
			io.WriteString(w, "not "+r.Header.Get("Authorization")+" with "+r.Header.Get("X-Amz-Security-Token"))
		}
	})
	_, err := client(t, Endpoint{URL: strict.URL, Authorize: NewAWS(environ(broken)).Signature("xray", "eu-central-1")}).Send(t.Context(), []byte("x"))
	var e *Error
	if !errors.As(err, &e) || e.Status != 403 || !e.Retry || strings.Contains(err.Error(), "token/") || strings.Contains(err.Error(), "Credential") {
		t.Errorf("got %v", err)
	}
}

// container plays the endpoint that hands out credentials. Each time it gives others.
func container(t *testing.T, valid func(n int) time.Duration) (vars map[string]string, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	s := answering(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		n := int(asked.Add(1))
		if r.Header.Get("Authorization") != "letmein" || r.URL.Path != "/2021-04-23/credentials" {
			w.WriteHeader(401)
			return
		}
		id := fmt.Sprintf("AKID%d", n)
		json.NewEncoder(w).Encode(map[string]any{"AccessKeyId": id, "SecretAccessKey": "secret/" + id, "Token": "token/" + id,
			"Expiration": time.Now().Add(valid(n)).UTC().Format(time.RFC3339)})
	})
	return map[string]string{"AWS_REGION": "eu-central-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/2021-04-23/credentials",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "letmein"}, asked
}

func TestContainerCredentials(t *testing.T) {
	tests := []struct {
		name    string
		valid   func(n int) time.Duration
		refused int // the server refuses so many keys
		sends   int
		asked   int32
	}{
		{"kept while they are valid", func(int) time.Duration { return time.Hour }, 0, 3, 1},
		{"asked for anew before they end", func(n int) time.Duration { return time.Duration(n) * expiryLead / 2 }, 0, 4, 3},
		{"asked for anew when they are refused", func(int) time.Duration { return time.Hour }, 1, 3, 2},
		{"not for every refusal", func(int) time.Duration { return time.Hour }, 100, 3, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			vars, asked := container(t, test.valid)
			s := answering(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				n := asked.Load()
				if err := verify(r, body, fmt.Sprintf("AKID%d", n), "xray", "eu-central-1"); err != nil {
					t.Error(err)
				}
				if int(n) <= test.refused {
					w.WriteHeader(403)
				}
			})
			c := client(t, Endpoint{URL: s.URL, Authorize: NewAWS(environ(vars)).Signature("xray", "eu-central-1")})
			if asked.Load() != 0 {
				t.Error("asked before there was anything to send")
			}
			for range test.sends {
				_, err := c.Send(t.Context(), []byte("x"))
				var e *Error
				if refused := test.refused > test.sends; refused != (err != nil) || refused && (!errors.As(err, &e) || !e.Retry) {
					t.Errorf("got %v", err)
				}
			}
			if asked.Load() != test.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), test.asked)
			}
		})
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	status := answering(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(500) })
	empty := answering(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, `{"Token":"hunter2"}`) })
	for name, vars := range map[string]map[string]string{
		"none":                      {},
		"a server elsewhere":        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/"},
		"a name elsewhere":          {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://credentials.example/", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"},
		"not a URL":                 {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[::1/hunter2"},
		"a token that is none":      {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hunter2\n"},
		"nobody there":              {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
		"an answer that is a fault": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": status.URL},
		"an answer without":         {"AWS_CONTAINER_CREDENTIALS_FULL_URI": empty.URL},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, Endpoint{URL: "http://127.0.0.1:1", Authorize: NewAWS(environ(vars)).Signature("xray", "x")}).Send(t.Context(), []byte("x"))
			var e *Error
			if !errors.As(err, &e) || !e.Retry || e.Status != 0 || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "get the role's credentials") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		env             map[string]string
		service, region string
		want            string
	}{
		{nil, "xray", "eu-central-1", "https://xray.eu-central-1.amazonaws.com"},
		{nil, "xray", "cn-north-1", "https://xray.cn-north-1.amazonaws.com.cn"},
		{nil, "ssm", "us-gov-west-1", "https://ssm.us-gov-west-1.amazonaws.com"},
		{nil, "ssm", "us-iso-east-1", "https://ssm.us-iso-east-1.c2s.ic.gov"},
		{nil, "ssm", "us-isob-east-1", "https://ssm.us-isob-east-1.sc2s.sgov.gov"},
		{nil, "ssm", "eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1/"}, "ssm", "x", "http://a:1"},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1/", "AWS_ENDPOINT_URL_SSM": "http://b"}, "ssm", "x", "http://b"},
		{map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://b"}, "secretsmanager", "x", "http://b"},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1/", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}, "ssm", "x", "https://ssm.x.amazonaws.com"},
		{map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "xray", "us-gov-west-1", "https://xray-fips.us-gov-west-1.amazonaws.com"},
		{map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "xray", "eu-central-1", "https://xray.eu-central-1.api.aws"},
		{map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "ssm", "cn-north-1", "https://ssm.cn-north-1.api.amazonwebservices.com.cn"},
		{map[string]string{"AWS_USE_FIPS_ENDPOINT": "True", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, "secretsmanager", "us-east-1", "https://secretsmanager-fips.us-east-1.api.aws"},
		{map[string]string{"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "no"}, "xray", "us-east-1", "https://xray.us-east-1.amazonaws.com"},
		{map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "http://a:1"}, "xray", "us-east-1", "http://a:1"},
	} {
		if got := NewAWS(environ(c.env)).endpoint(c.service, c.region); got != c.want {
			t.Errorf("%s in %s with %v: %s, want %s", c.service, c.region, c.env, got, c.want)
		}
	}
}

// TestWhichURLsAreXRay: a request to it needs a signature, and one to anybody else must have none.
func TestWhichURLsAreXRay(t *testing.T) {
	for host, want := range map[string]string{
		"xray.eu-central-1.amazonaws.com":                                   "eu-central-1",
		"XRay.EU-Central-1.AmazonAWS.com":                                   "eu-central-1",
		"xray.eu-central-1.amazonaws.com.":                                  "eu-central-1",
		"xray.eu-central-1.amazonaws.com:443":                               "eu-central-1",
		"xray-fips.us-gov-west-1.amazonaws.com":                             "us-gov-west-1",
		"xray.eu-central-1.api.aws":                                         "eu-central-1",
		"xray-fips.us-east-1.api.aws":                                       "us-east-1",
		"xray.cn-north-1.amazonaws.com.cn":                                  "cn-north-1",
		"xray.us-iso-east-1.c2s.ic.gov":                                     "us-iso-east-1",
		"vpce-0a1b-2c3d.xray.eu-central-1.vpce.amazonaws.com":               "eu-central-1",
		"vpce-0a1b-2c3d-eu-central-1a.xray.eu-central-1.vpce.amazonaws.com": "eu-central-1",
		"vpce-0a1b-2c3d.xray-fips.us-east-1.vpce.amazonaws.com":             "us-east-1",

		"logs.eu-central-1.amazonaws.com":                      "",
		"xray.amazonaws.com":                                   "",
		"xray.example.com":                                     "",
		"xray.cn-north-1.amazonaws.com":                        "",
		"xray.eu-central-1.amazonaws.com.example.com":          "",
		"xray.eu-central-1.vpce.amazonaws.com":                 "",
		"vpce-0a1b.logs.eu-central-1.vpce.amazonaws.com":       "",
		"vpce-0a1b.xray.eu-central-1.amazonaws.com":            "",
		"a.xray.eu-central-1.amazonaws.com":                    "",
		"vpce-0a1b.xray.eu-central-1.vpce.amazonaws.com.a.com": "",
		"": "",
	} {
		if got := XRayRegion("https://" + host + "/v1/traces"); got != want {
			t.Errorf("%s is of %q, want %q", host, got, want)
		}
	}
	if got := XRayRegion("://"); got != "" {
		t.Errorf("what is no URL is of %q", got)
	}
}
