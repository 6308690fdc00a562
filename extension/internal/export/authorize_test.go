package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	secretARN    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:collector-AbCdEf"
	parameterARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/collector"
)

// keeper plays Secrets Manager and the Parameter Store. give tells what is kept at the n-th call; "": refused.
func keeper(t *testing.T, give func(n int) string) (a *AWS, asked *atomic.Int32, seen chan string) {
	asked, seen = new(atomic.Int32), make(chan string, 100)
	s := answering(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		text := give(int(asked.Add(1)))
		var in struct {
			SecretId, Name string
			WithDecryption bool
		}
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		target := r.Header.Get("X-Amz-Target")
		service, region, out := "ssm", "eu-central-1", any(map[string]any{"Parameter": map[string]any{"Name": in.Name, "Value": text}})
		switch {
		case target == "secretsmanager.GetSecretValue":
			service, region, out = "secretsmanager", "eu-west-1", map[string]string{"ARN": in.SecretId, "SecretString": text}
		case in.Name == parameterARN:
			region = "eu-north-1"
		}
		if err := verify(r, body, "AKID", service, region); err != nil {
			t.Error(err)
		}
		seen <- fmt.Sprint(target, " ", in.SecretId, in.Name, " ", in.WithDecryption)
		if text == "" {
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"com.amazonaws#AccessDeniedException","message":"hunter2"}`)
			return
		}
		json.NewEncoder(w).Encode(out)
	})
	vars := roleOf("AKID")
	vars["AWS_ENDPOINT_URL"] = s.URL
	return NewAWS(environ(vars)), asked, seen
}

func TestStoredHeaders(t *testing.T) {
	tests := []struct {
		name     string
		id       string
		header   string
		text     string
		wantCall string
		want     map[string]string
	}{
		{"a secret of lines", secretARN, "", "api-key=a=b==\n\n x-tenant = shop \r\n", "secretsmanager.GetSecretValue " + secretARN + " false", map[string]string{"Api-Key": "a=b==", "X-Tenant": "shop"}},
		{"a secret of JSON", secretARN, "", ` {"api-key":"k","x-tenant":"shop"}`, "", map[string]string{"Api-Key": "k", "X-Tenant": "shop"}},
		{"a single value", secretARN, "authorization", "Bearer a=b\n", "", map[string]string{"Authorization": "Bearer a=b"}},
		{"a parameter by name", "/collector/key", "api-key", "k", "AmazonSSM.GetParameter /collector/key true", map[string]string{"Api-Key": "k"}},
		{"a parameter by ARN", parameterARN, "api-key", "k", "AmazonSSM.GetParameter " + parameterARN + " true", map[string]string{"Api-Key": "k"}},
		{"what is not theirs to say", secretARN, "", "content-type=text/html\nuser-agent=theirs", "", map[string]string{"Content-Type": "application/x-protobuf", "User-Agent": "theirs"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, asked, seen := keeper(t, func(int) string { return test.text })
			s := answering(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
				for k, v := range test.want {
					if got := r.Header.Values(k); len(got) != 1 || got[0] != v {
						t.Errorf("%s: %q, want %q", k, got, v)
					}
				}
			})
			c := client(t, Endpoint{URL: s.URL, Headers: map[string]string{"api-key": "old"}, Authorize: a.StoredHeaders(test.id, test.header)})
			if asked.Load() != 0 {
				t.Error("asked before there was anything to send")
			}
			for range 2 {
				if _, err := c.Send(t.Context(), []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if got := <-seen; asked.Load() != 1 || test.wantCall != "" && got != test.wantCall {
				t.Errorf("asked %d times, %s", asked.Load(), got)
			}
		})
	}
}

// TestStoredHeadersAreRefused: a key that was changed is fetched again, and a wrong one not for every request.
func TestStoredHeadersAreRefused(t *testing.T) {
	for _, status := range []int{401, 403} {
		a, asked, _ := keeper(t, func(n int) string { return fmt.Sprintf("hunter%d", n) })
		valid := "hunter1"
		s := answering(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if r.Header.Get("Api-Key") != valid {
				w.WriteHeader(status)
				io.WriteString(w, "not "+r.Header.Get("Api-Key"))
			}
		})
		stored := a.StoredHeaders("/key", "api-key").(*storedHeaders)
		c := client(t, Endpoint{URL: s.URL, Authorize: stored})
		send := func(works bool, fetches int32) {
			t.Helper()
			_, err := c.Send(t.Context(), []byte("x"))
			var e *Error
			if (err == nil) != works || !works && (!errors.As(err, &e) || !e.Retry || strings.Contains(err.Error(), "hunter")) || asked.Load() != fetches {
				t.Errorf("%d: %v after %d fetches", status, err, asked.Load())
			}
		}
		send(true, 1)
		valid = "hunter2" // the owner changes it, however short a time ago it was fetched
		send(true, 2)
		valid = "another"
		send(false, 2) // too soon again
		stored.again = stored.again.Add(-2 * leastRefresh)
		send(false, 3)
		send(false, 3)
	}
}

// TestASecretThatIsNone: nobody is asked for it, and the error names the variable and what to write.
func TestASecretThatIsNone(t *testing.T) {
	reached := answering(t, func(http.ResponseWriter, *http.Request, []byte) { t.Error("sent without headers") })
	for _, id := range []string{"arn:aws:nothing", "arn:aws:s3:::bucket", "arn:aws:lambda:eu-west-1:1:function:f", "arn:aws:ssm::1:parameter/p", "arn:"} {
		a, asked, _ := keeper(t, func(int) string { return "a=b" })
		_, err := client(t, Endpoint{URL: reached.URL, Authorize: a.StoredHeaders(id, "")}).Send(t.Context(), []byte("x"))
		if err == nil || asked.Load() > 0 || !strings.Contains(err.Error(), "AFTERGLOW_OTLP_SECRET") || !strings.Contains(err.Error(), "arn:aws:secretsmanager:") || !strings.HasSuffix(err.Error(), "a parameter's name") {
			t.Errorf("%s: asked %d times, %v", id, asked.Load(), err)
		}
	}
}

func TestStoredHeadersThatCannotBeHad(t *testing.T) {
	reached := answering(t, func(http.ResponseWriter, *http.Request, []byte) { t.Error("sent without headers") })
	for name, test := range map[string]struct{ header, text, want string }{
		"not allowed":             {"", "", "AccessDeniedException"},
		"not JSON":                {"", `{"hunter2`, "not a JSON object"},
		"JSON of something else":  {"", `{"key":{"hunter2":1}}`, "not a JSON object"},
		"a value without a name":  {"", "hunter2", "AFTERGLOW_OTLP_SECRET_HEADER"},
		"a name that is none":     {"", "hunter2 x=y", "characters"},
		"a value that is none":    {"api-key", "hunter2\x01", "characters"},
		"a header that is no one": {"api key", "hunter2", "characters"},
		"blank":                   {"", " \n", "no text"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, _ := keeper(t, func(int) string { return test.text })
			_, err := client(t, Endpoint{URL: reached.URL, Authorize: a.StoredHeaders(secretARN, test.header)}).Send(t.Context(), []byte("x"))
			var e *Error
			if !errors.As(err, &e) || !e.Retry || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFetchingEndsInTime: what the invocation has left bounds it as it bounds the export.
func TestFetchingEndsInTime(t *testing.T) {
	hang := answering(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() })
	vars := roleOf("AKID")
	vars["AWS_ENDPOINT_URL"] = hang.URL
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client(t, Endpoint{URL: hang.URL, Authorize: NewAWS(environ(vars)).StoredHeaders("/x", "")}).Send(ctx, []byte("x"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// An entrance counts who comes in.
type entrance struct {
	Authorizer
	entered *atomic.Int32
}

func (e entrance) authorize(r *http.Request, body []byte) error {
	e.entered.Add(1)
	return e.Authorizer.authorize(r, body)
}

// TestStoredHeadersAreShared: exporters that send side by side fetch them once.
func TestStoredHeadersAreShared(t *testing.T) {
	const exporters = 8
	var entered atomic.Int32
	a, asked, _ := keeper(t, func(int) string {
		for entered.Load() < exporters {
			runtime.Gosched()
		}
		return "hunter2"
	})
	s := answering(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if r.Header.Get("Api-Key") != "hunter2" {
			w.WriteHeader(403)
		}
	})
	stored := a.StoredHeaders("/key", "api-key")
	var wait sync.WaitGroup
	for range exporters {
		c := client(t, Endpoint{URL: s.URL, Authorize: entrance{stored, &entered}})
		wait.Go(func() {
			for range 3 {
				if _, err := c.Send(t.Context(), []byte("x")); err != nil {
					t.Error(err)
				}
				stored.refused(time.Now()) // the first has them fetched again, for the others it is too soon
			}
		})
	}
	wait.Wait()
	if asked.Load() != 2 {
		t.Errorf("fetched %d times", asked.Load())
	}
}

// TestARefusalOfWhatWasFetchedAnew: a request that was made before another one's refusal had the headers fetched is made again with what that brought.
func TestARefusalOfWhatWasFetchedAnew(t *testing.T) {
	a, asked, _ := keeper(t, func(n int) string { return fmt.Sprintf("hunter%d", n) })
	stored := a.StoredHeaders("/key", "api-key").(*storedHeaders)
	get := func() string {
		t.Helper()
		header, err := stored.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return header.Get("Api-Key")
	}
	made := time.Now().Round(0)
	get()
	stored.fetched = made.Add(-time.Second)
	if first := stored.refused(made); !first || get() != "hunter2" {
		t.Error("the first one's refusal had nothing fetched")
	}
	if second := stored.refused(made); !second || get() != "hunter2" || asked.Load() != 2 {
		t.Errorf("the second one is not made again, or fetched again: %d fetches", asked.Load())
	}
}

// TestWaitingForStoredHeadersEndsInTime: who waits for another one's fetch has its own time.
func TestWaitingForStoredHeadersEndsInTime(t *testing.T) {
	s := NewAWS(environ(roleOf("AKID"))).StoredHeaders("/x", "").(*storedHeaders)
	s.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
