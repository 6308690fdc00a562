package export

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAProxyThatRefuses: it has not passed anything on, so that is kept; and what it says shows nobody the credentials that it was sent.
func TestAProxyThatRefuses(t *testing.T) {
	const user, password = "function", "hunter2 secret"
	given := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	proxy := answering(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if !strings.HasSuffix(r.Header.Get("Proxy-Authorization"), given) {
			t.Error("it was not sent the credentials")
		}
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = w.Write([]byte("not " + r.Header.Get("Proxy-Authorization") + " nor " + password + " nor " + url.QueryEscape(password)))
	})
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	through.User = url.UserPassword(user, password)
	c := client(t, Endpoint{URL: "http://collector.example.com/v1/traces", proxy: http.ProxyURL(through)})
	_, err = c.Send(t.Context(), []byte("x"))
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusProxyAuthRequired || !e.Retry {
		t.Fatalf("got %+v", err)
	}
	if strings.Contains(e.Text, given) || strings.Contains(e.Text, "hunter2") || !strings.Contains(e.Text, hidden) {
		t.Errorf("it shows %s", e.Text)
	}
}
