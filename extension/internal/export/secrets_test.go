package export

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// TestACollectorThatEchoes sends credentials back, which must not get into the log with what it says.
func TestACollectorThatEchoes(t *testing.T) {
	const key = `s3cr"t+key/value=`
	quoted, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + key))
	for name, echo := range map[string]string{
		"as it is":                key,
		"in a sentence":           "key " + key + " is not known",
		"in JSON":                 `{"key":` + string(quoted) + `}`,
		"as a URL has it":         "/v1/traces?key=" + url.QueryEscape(key),
		"where the text is cut":   strings.Repeat("x", maxText-5) + key,
		"where reading it is cut": strings.Repeat(" ", 4*maxText-5) + key,
		"encoded":                 basic,
	} {
		for _, status := range []int{200, 401, 503} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					if status == 200 {
						w.Write(partial(1, echo))
						return
					}
					w.Write([]byte(echo))
				}))
				defer s.Close()
				u := strings.Replace(s.URL, "://", "://user:"+url.PathEscape(key)+"@", 1)
				r, err := client(t, Endpoint{URL: u, Headers: map[string]string{"X-Key": "Bearer " + key}}).Send(t.Context(), []byte("x"))
				said := r.Text
				if err != nil {
					said = err.Error()
				}
				for _, secret := range []string{"s3c", url.QueryEscape(key), basic} {
					if strings.Contains(said, secret) {
						t.Errorf("said %q", said)
					}
				}
				if !strings.Contains(said, "[") && !strings.Contains(said, "…") && name != "where reading it is cut" {
					t.Errorf("said %q", said)
				}
			})
		}
	}
}

// TestAKeyInThePath is hidden where a collector tells what it was asked for, and where that is told because there is nothing; names of the path are not.
func TestAKeyInThePath(t *testing.T) {
	for _, key := range []string{"hunter2", "a1b2c3d4e5", "QWxhZGRpbjpvcGVuIHNlc2FtZQ", "0b5ff6a2-8f2c-4f0e-9a51-0f1f6a1f2b3c"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			w.Write([]byte("nothing at " + r.URL.Path))
		}))
		_, err := client(t, Endpoint{URL: s.URL + "/opentelemetry/" + key + "/v1/traces/v1/traces"}).Send(t.Context(), []byte("x"))
		s.Close()
		want := "export: collector answered 404: POST " + s.URL + "/opentelemetry/[hidden]/v1/traces/v1/traces: nothing at /opentelemetry/[hidden]/v1/traces/v1/traces"
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}

func TestHeadersThatAreNone(t *testing.T) {
	const secret = "hunter2"
	for name, headers := range map[string]map[string]string{
		"a key in the name":    {"api-key:" + secret: "x"},
		"no name":              {"": secret},
		"a space in the name":  {"api key " + secret: "x"},
		"another letter":       {"äpi-key-" + secret: "x"},
		"a line feed":          {"api-key": secret + "\nx: y"},
		"a zero in the value":  {"api-key": secret + "\x00"},
		"a delete in the name": {secret + "\x7f": "x"},
	} {
		if _, err := New(map[string]Endpoint{otlplog.Traces: {URL: "http://127.0.0.1:1", Headers: headers}}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestErrorsShowNoCredentials: they go to the log.
func TestErrorsShowNoCredentials(t *testing.T) {
	const secret = "hunter2"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	closed := httptest.NewServer(nil)
	closed.Close()
	defer s.Close()
	header := map[string]string{"X-Api-Key": secret}
	for name, o := range map[string]Endpoint{
		"refused":                 {URL: s.URL + "/?key=" + secret, Headers: header},
		"user info":               {URL: strings.Replace(s.URL, "://", "://u:"+secret+"@", 1), Headers: header},
		"nothing listens":         {URL: closed.URL + "/" + secret, Headers: header},
		"a header that is none":   {URL: s.URL, Headers: map[string]string{"X-Api-Key": secret + "\n"}},
		"a name that is none":     {URL: s.URL, Headers: map[string]string{"X Y": secret}},
		"a scheme that is none":   {URL: "ftp://u:" + secret + "@x/" + secret},
		"a URL that is none":      {URL: "http://u:" + secret + "@[::1"},
		"an answer that is none":  {URL: "http://" + raw(t, "nonsense\r\n\r\n") + "/" + secret, Headers: header},
		"an answer that is empty": {URL: "http://" + raw(t, "") + "/" + secret, Headers: header},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(map[string]Endpoint{otlplog.Traces: o})
			if err == nil {
				_, err = c.Send(t.Context(), otlplog.Traces, []byte("x"))
				c.Close()
			}
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v", err)
			}
		})
	}
}
