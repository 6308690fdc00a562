package front

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// functionURLs is what the host of every function URL has in it.
const functionURLs = ".lambda-url."

// urls remembers what function URLs lead to, for as long as limits are remembered.
type urls struct {
	mu    sync.Mutex
	known map[string]knownURL
}

type knownURL struct {
	url   functionurl.URL
	asked time.Time
}

// byHost serves function URLs and APIs that are called by their own host name, at the front's own address.
func (f *Front) byHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if strings.Contains(host, functionURLs) || strings.Contains(host, apis) {
			f.serveHost(host).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveHost serves one host name of the local AWS: a function URL here, anything else there.
func (f *Front) serveHost(host string) http.Handler {
	pass := f.pass(host)
	if f.opt.Deployed == nil || !strings.Contains(host, functionURLs) {
		return pass
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := f.url(r.Context(), host)
		if err != nil {
			pass.ServeHTTP(w, r) // which has its own word for what is not there
			return
		}
		if f.opt.Passed != nil {
			defer f.opt.Passed(r)
		}
		functionurl.Server{Invoke: f.invokeURL, Fail: failURL, RequestID: newRequestID}.Serve(w, r, u)
	})
}

func (f *Front) url(ctx context.Context, host string) (functionurl.URL, error) {
	f.urls.mu.Lock()
	known, is := f.urls.known[host]
	f.urls.mu.Unlock()
	if is && time.Since(known.asked) < freshFor {
		return known.url, nil
	}
	u, err := f.opt.Deployed.FunctionURL(ctx, host)
	if err != nil {
		return functionurl.URL{}, err
	}
	f.urls.mu.Lock()
	defer f.urls.mu.Unlock()
	f.urls.known[host] = knownURL{u, time.Now()}
	return u, nil
}

// invokeURL runs the function of a URL, to its end also when the client goes away.
func (f *Front) invokeURL(ctx context.Context, u functionurl.URL, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	function, failed := f.resolve(ctx, u.Function, u.Qualifier)
	if failed != nil {
		return lambdalocal.Result{}, failed
	}
	//nolint:contextcheck // it goes on when the client goes away
	result, err := f.run(f.stopped, function, in)
	if err != nil {
		f.log(fmt.Sprintf("invoke %s by its URL: %v", function.Name, err))
	}
	return result, err
}

func failURL(w http.ResponseWriter, err error) { asAPIError(err).write(w) }
