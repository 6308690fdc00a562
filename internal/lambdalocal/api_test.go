package lambdalocal

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// apiRig is the API server with a generation whose processes are this test.
type apiRig struct {
	t *testing.T
	a *apiServer
	g *generation
}

func newAPIRig(t *testing.T, external ...string) *apiRig {
	return newAPIRigOf(t, Function{Name: "orders", Handler: "app.handler", Account: "123456789012"}, external...)
}

func newAPIRigOf(t *testing.T, fn Function, external ...string) *apiRig {
	a, err := newAPIServer(t.Context(), fn.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	g := newGeneration(a.fn)
	for _, name := range external {
		g.extensions = append(g.extensions, &extension{id: newUUID(), name: name, external: true, state: extensionStarted})
	}
	a.current.Store(g)
	a.serve()
	return &apiRig{t, a, g}
}

type answer struct {
	status    int
	errorType string
	message   string
	header    http.Header
	body      []byte
}

func (r *apiRig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(method, path, body, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *apiRig) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+r.a.addr()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	var refusal apiError
	_ = json.Unmarshal(b, &refusal) // a body of another form has no error type
	return answer{res.StatusCode, refusal.ErrorType, refusal.ErrorMessage, res.Header, b}, nil
}

func (r *apiRig) register(name, body string) answer {
	return r.do("POST", "/2020-01-01/extension/register", body, "Lambda-Extension-Name", name)
}

func (r *apiRig) mustRegister(name, body string) (id string) {
	r.t.Helper()
	a := r.register(name, body)
	if a.status != http.StatusOK {
		r.t.Fatalf("register %s: %d %s", name, a.status, a.body)
	}
	return a.header.Get("Lambda-Extension-Identifier")
}

// next calls next in the background and returns once it is outstanding.
func (r *apiRig) next(id string) <-chan answer {
	r.t.Helper()
	out := make(chan answer, 1)
	go func() {
		// It is cut off at the end of a test that sends no event.
		a, _ := r.try("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
		out <- a
	}()
	eventually(r.t, "extension ready", func() bool {
		return r.g.find(func(x *extension) bool { return x.id == id && x.state == extensionReady }) != nil
	})
	return out
}

// abandonNext calls next and hangs up once it is outstanding.
func (r *apiRig) abandonNext(id string) {
	r.t.Helper()
	ctx, hangUp := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.a.addr()+nextPath, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set(extensionIDHeader, id)
	done := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(req)
		done <- err
	}()
	eventually(r.t, "extension ready", func() bool {
		return r.g.find(func(x *extension) bool { return x.id == id && x.state == extensionReady }) != nil
	})
	hangUp()
	if <-done == nil {
		r.t.Fatal("next was answered")
	}
}
