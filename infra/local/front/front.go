// Package front is what clients and functions of the local run see as AWS: one endpoint in front of
// MiniStack that serves Lambda's Invoke API itself and passes everything else on.
//
// It takes functions that run in a local Lambda. Three ways lead to them: Lambda's own Invoke API,
// which keeps the response, the error and X-Amz-Function-Error as they were; MiniStack's proxy mode,
// by which every trigger of the local AWS arrives; and a listener of its own for each function URL and
// HTTP API, because the host names that AWS gives out lead nowhere here.
//
// Asynchronous invocations wait in a queue with Lambda's retries, and so does what MiniStack hands over of
// sources that are asynchronous on AWS. Function URLs are served here, reserved concurrency is kept here.
//
// It mends two more differences between MiniStack and AWS: SQS hands the X-Amzn-Trace-Id of a request on as the
// messages' AWSTraceHeader, and an API answers a function's error as API Gateway does.
package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/infra/local/queue"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

const (
	loopback = "127.0.0.1"

	// proxyPath is where MiniStack posts invocations to.
	proxyPath = "/_afterglow/proxy/"

	// controlPath is where whoever runs the front serves what is its own.
	controlPath = "/_afterglow/control/"

	// headerTimeout bounds a client that connects and says nothing.
	headerTimeout = 10 * time.Second
)

// Invoker runs a function.
type Invoker interface {
	Invoke(ctx context.Context, in lambdalocal.Invocation) (lambdalocal.Result, error)
}

// Function is a function that can be invoked through the front.
type Function struct {
	Name, Version, ARN string
	Invoker            Invoker
	Tenants            bool  // it has tenant isolation: it is invoked for a tenant
	Problem            error // why it cannot run here; it is known then, and refuses every invocation
}

// Front is the running endpoint.
type Front struct {
	opt      Options
	upstream *url.URL
	base     string
	log      func(string)
	main     *listener
	traces   *traces
	queue    *queue.Queue
	limits   limits
	urls     urls
	apis     apiRequests
	stop     context.CancelFunc
	stopped  context.Context

	mu        sync.Mutex
	functions map[string]Function
	exposed   map[string]exposed // by host name of the local AWS
}

// exposed is a listener and the address by which it is reached.
type exposed struct {
	*listener
	base string
}

// Deployed tells what the endpoint knows about a function, beside its code.
type Deployed interface {
	// Asynchronous tells what becomes of asynchronous invocations.
	Asynchronous(ctx context.Context, name, qualifier string) (queue.Settings, error)
	// Concurrency tells a function's reserved concurrency, if it is limited.
	Concurrency(ctx context.Context, name string) (reserved int, limited bool, err error)
	// FunctionURL finds the function URL of a host name.
	FunctionURL(ctx context.Context, host string) (functionurl.URL, error)
	// LetsIn tells whether a service may invoke a function.
	LetsIn(ctx context.Context, name, service string) (bool, error)
}

// Options of Start.
type Options struct {
	Upstream string       // MiniStack's endpoint
	Port     int          // 0 means a free one
	Log      func(string) // receives what went wrong where no caller can be told; may be nil

	// Through, if set, is asked for every address (http://host:port) before it is handed out and gives the
	// one that is handed out instead. By it a test puts something between functions and services that
	// sees the very bytes.
	Through func(base string) (string, error)

	// Qualified gives a version of a function, or the one that an alias leads to. Its error wraps ErrNoSuchFunction
	// if there is none; nil means that there are none at all.
	Qualified func(ctx context.Context, name, qualifier string) (Function, error)

	// Current is asked before a function is invoked: it serves a function that is new, and one that has changed anew. Its
	// error wraps ErrNoSuchFunction if there is none; any other only refuses what is not served already. May be nil.
	Current func(ctx context.Context, name string) error

	// Control serves what lies below ControlURL; may be nil.
	Control http.Handler

	// Passed is told of every request that goes on to Upstream, once it is answered; may be nil.
	Passed func(*http.Request)

	// Mend may change what Upstream answers; may be nil.
	Mend func(*http.Response) error

	// Refuse, if set, answers instead of Upstream: nothing is passed on.
	Refuse func(*http.Request) error

	// Deployed tells about functions. Without it there are no limits and no settings, and MiniStack serves function URLs.
	Deployed Deployed

	// Send sends what became of asynchronous invocations to all targets but functions; nil means that there are none.
	Send func(ctx context.Context, target string, r queue.Report) error

	// AtOnce is how many asynchronous invocations of a function are tried at once; 0 means 1.
	AtOnce int

	// Haste divides the intervals between their tries; 0 means 1.
	Haste float64
}

// Start listens on loopback and serves until Close; the end of ctx only ends the start.
func Start(ctx context.Context, opt Options) (*Front, error) {
	upstream, err := url.Parse(opt.Upstream)
	if err != nil {
		return nil, fmt.Errorf("start front: %w", err)
	}
	f := &Front{
		opt: opt, upstream: upstream, log: opt.Log,
		functions: map[string]Function{}, exposed: map[string]exposed{}, traces: newTraces(),
		limits: limits{functions: map[string]*limit{}}, urls: urls{known: map[string]knownURL{}}, apis: apiRequests{ids: map[string]string{}},
	}
	if f.log == nil {
		f.log = func(string) {}
	}
	f.stopped, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	f.queue = queue.New(ctx, queue.Options{Settings: f.settings, Send: f.send, AtOnce: opt.AtOnce, Haste: opt.Haste, Log: f.log})
	if f.main, err = listen(ctx, opt.Port, f.handler()); err != nil {
		return nil, fmt.Errorf("start front: %w", err)
	}
	if f.base, err = f.hand(f.main.url()); err != nil {
		return nil, errors.Join(fmt.Errorf("start front: %w", err), f.main.close())
	}
	return f, nil
}

// hand gives the address under which one of ours is handed out.
func (f *Front) hand(base string) (string, error) {
	if f.opt.Through == nil {
		return base, nil
	}
	return f.opt.Through(base)
}

// qualified asks for a version or an alias.
func (f *Front) qualified(ctx context.Context, name, qualifier string) (Function, error) {
	if f.opt.Qualified == nil {
		return Function{}, ErrNoSuchFunction
	}
	return f.opt.Qualified(ctx, name, qualifier)
}

// URL is what AWS_ENDPOINT_URL has to be for functions and clients.
func (f *Front) URL() string { return f.base }

// ControlURL is where Options.Control is served.
func (f *Front) ControlURL() string { return f.URL() + controlPath }

// ProxyURL is where MiniStack has to send a function's invocations.
func (f *Front) ProxyURL(name string) string { return f.ProxyBase() + url.PathEscape(name) }

// ProxyBase is ProxyURL without the name.
func (f *Front) ProxyBase() string { return f.URL() + proxyPath }

// Serve makes a function known, or replaces it.
func (f *Front) Serve(function Function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.functions[function.Name] = function
}

// Forget makes a function unknown: it was deleted.
func (f *Front) Forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.functions, name)
}

func (f *Front) function(name string) (Function, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	function, ok := f.functions[name]
	return function, ok
}

// current is function, once it has been made sure that it is the one that is deployed.
func (f *Front) current(ctx context.Context, name string) (Function, error) {
	var err error
	if f.opt.Current != nil {
		err = f.opt.Current(ctx, name)
	}
	function, ok := f.function(name)
	switch {
	case errors.Is(err, ErrNoSuchFunction), err == nil && !ok:
		return Function{}, ErrNoSuchFunction
	case !ok:
		return Function{}, err
	case err != nil:
		f.log(fmt.Sprintf("look whether %s has changed: %v", name, err))
	}
	return function, nil
}

// Expose listens on a port of its own for one host name of the local AWS, a function URL's or an
// HTTP API's, and returns the address: the same for the same name.
func (f *Front) Expose(host string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.exposed[host]; ok {
		return e.base, nil
	}
	l, err := listen(f.stopped, 0, f.serveHost(host))
	if err != nil {
		return "", fmt.Errorf("expose %s: %w", host, err)
	}
	base, err := f.hand(l.url())
	if err != nil {
		return "", errors.Join(fmt.Errorf("expose %s: %w", host, err), l.close())
	}
	f.exposed[host] = exposed{l, base}
	return base, nil
}

// Close waits for the asynchronous invocations that go on, as long as ctx allows, drops those that wait for another try,
// ends the others, drops connections and stops listening.
func (f *Front) Close(ctx context.Context) error {
	f.queue.Close(ctx)
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	failed := []error{f.main.close()}
	for _, l := range f.exposed {
		failed = append(failed, l.close())
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("close front: %w", err)
	}
	return nil
}

func (f *Front) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{function}/invocations", f.invoke)
	mux.HandleFunc("POST /2021-11-15/functions/{function}/response-streaming-invocations", f.invokeWithResponseStream)
	mux.HandleFunc("POST "+proxyPath+"{function}", f.proxied)
	if f.opt.Control != nil {
		mux.Handle(controlPath, http.StripPrefix(strings.TrimSuffix(controlPath, "/"), f.opt.Control))
	}
	mux.Handle("/", f.pass(""))
	return f.byHost(mux)
}

// pass hands requests on to MiniStack as they are, under another host name if one is given.
func (f *Front) pass(host string) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = f.upstream.Scheme, f.upstream.Host
			r.Out.Host = r.In.Host
			if host != "" {
				r.Out.Host = host
				toAPI(r.Out.URL, host)
			}
			if trace, is := r.In.Context().Value(apiKey{}).(string); is {
				forward(r.Out.Header, trace)
			}
		},
		ModifyResponse: func(response *http.Response) error {
			f.apis.answered(response)
			if f.opt.Mend != nil {
				if err := f.opt.Mend(response); err != nil {
					return err
				}
			}
			s, _ := response.Request.Context().Value(sendKey{}).(*send)
			return f.traces.answered(s, response)
		},
		// The user's proxy has no part in it, and bodies arrive as they were sent.
		Transport: &http.Transport{DisableCompression: true},
		ErrorLog:  log.New(lineWriter(f.log), "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.opt.Refuse != nil {
			if err := f.opt.Refuse(r); err != nil {
				newError(http.StatusForbidden, "AccessDeniedException", err.Error()).write(w)
				return
			}
		}
		if f.opt.Passed != nil {
			defer f.opt.Passed(r)
		}
		defer f.limits.changed(r)
		s := f.traces.begin(r)
		defer f.traces.end(s)
		ctx := context.WithValue(r.Context(), sendKey{}, s)
		if strings.Contains(host, apis) {
			trace := f.apis.begin(r)
			defer f.apis.end(trace)
			ctx = context.WithValue(ctx, apiKey{}, trace)
		}
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
}

// sendKey is where a request's context has its send.
type sendKey struct{}

type lineWriter func(string)

func (w lineWriter) Write(p []byte) (int, error) {
	w(strings.TrimSpace(string(p)))
	return len(p), nil
}

// listener is an HTTP server on a port of loopback.
type listener struct {
	server  *http.Server
	address string
	serving chan struct{}
}

func listen(ctx context.Context, port int, handler http.Handler) (*listener, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("%s:%d", loopback, port))
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("port %d is taken: choose another, or none to get a free one: %w", port, err)
		}
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	l := &listener{
		server: &http.Server{
			Handler: handler, ReadHeaderTimeout: headerTimeout,
			ErrorLog: log.New(io.Discard, "", 0), // clients that go away are no news
		},
		address: socket.Addr().String(),
		serving: make(chan struct{}),
	}
	go func() {
		defer close(l.serving)
		_ = l.server.Serve(socket) // always ends with ErrServerClosed, by close
	}()
	return l, nil
}

func (l *listener) url() string { return "http://" + l.address }

func (l *listener) close() error {
	err := l.server.Close()
	<-l.serving
	return err
}
