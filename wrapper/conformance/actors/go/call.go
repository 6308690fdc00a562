package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// A call is the arguments of the verb.
type call struct {
	Library   string
	Method    string
	Path      string
	URL       string
	Secure    bool
	Second    bool
	Headers   [][2]string
	Body      *content
	Read      string
	TimeoutMS int
	Expect    bool
	Times     int
	Retries   int
	Raise     bool
}

type content struct {
	Text   *string
	Size   int
	Binary int
	As     string
}

// trust has the peer's certificate authority trusted by everything that uses http.DefaultTransport.
func trust() {
	if pool := authority(); pool != nil {
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	}
}

func authority() *x509.CertPool {
	certificate, err := os.ReadFile(os.Getenv("PEER_CA"))
	if err != nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}

// clients are the libraries: all are net/http, by different ways.
func clients(library string) (*http.Client, error) {
	switch library {
	case "", "default":
		return &http.Client{}, nil
	case "transport":
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority()}, ForceAttemptHTTP2: true, ExpectContinueTimeout: time.Second}}, nil
	}
	return nil, unsupported("the library %s", library)
}

func doCall(ctx context.Context, e *event, arguments json.RawMessage) (any, error) {
	c := call{Method: http.MethodGet, Path: "/text", Read: "all", Times: 1, Library: e.Library}
	if err := json.Unmarshal(arguments, &c); err != nil {
		return nil, err
	}
	if c.Retries > 0 {
		return nil, unsupported("to try again")
	}
	client, err := clients(c.Library)
	if err != nil {
		return nil, err
	}
	client.Timeout = time.Duration(c.TimeoutMS) * time.Millisecond
	if c.URL == "" {
		switch {
		case c.Second:
			c.URL = "https://" + e.Second + c.Path
		case c.Secure:
			c.URL = "https://" + e.Secure + c.Path
		default:
			c.URL = "http://" + e.Peer + c.Path
		}
	}
	var result any
	for range c.Times {
		if result, err = c.once(ctx, client); err != nil {
			break
		}
	}
	client.CloseIdleConnections()
	if err != nil && !c.Raise && !errors.Is(err, errUnsupported) {
		return map[string]string{"error": describe(err)}, nil
	}
	return result, err
}

// describe tells the whole chain of an error.
func describe(err error) string {
	var types []string
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		types = append(types, reflect.TypeOf(cause).String())
	}
	timeout := false
	var u *url.Error
	if errors.As(err, &u) {
		timeout = u.Timeout()
	}
	return fmt.Sprintf("%s: %v (timeout %v)", strings.Join(types, " <- "), err, timeout)
}

func (c *call) once(ctx context.Context, client *http.Client) (any, error) {
	body, err := c.Body.reader()
	if err != nil {
		return nil, err
	}
	// Without the deadline of the invocation: at that moment Lambda ends the process, and whether the request ends first is a matter of chance.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), c.Method, c.URL, body)
	if err != nil {
		return nil, err
	}
	for _, h := range c.Headers {
		req.Header.Add(h[0], h[1])
	}
	if c.Expect {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := take(c.Read, resp.Body)
	if err != nil {
		return nil, err
	}
	sum := md5.Sum(data)
	return map[string]any{"status": resp.StatusCode, "length": len(data), "md5": hex.EncodeToString(sum[:])}, nil
}

// take reads a body as the story asks for.
func take(how string, body io.Reader) (data []byte, err error) {
	switch how {
	case "all":
		return io.ReadAll(body)
	case "pieces":
		piece := make([]byte, 1000)
		for err == nil {
			var n int
			n, err = body.Read(piece)
			data = append(data, piece[:n]...)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return data, err
	case "lines":
		lines := bufio.NewReader(body)
		for err == nil {
			var line []byte
			line, err = lines.ReadBytes('\n')
			data = append(data, line...)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return data, err
	case "some":
		data = make([]byte, 10)
		n, err := io.ReadFull(body, data)
		return data[:n], err
	case "none":
		return nil, nil
	}
	return nil, unsupported("to read %s", how)
}

// reader gives the body to send.
func (b *content) reader() (io.Reader, error) {
	if b == nil {
		return nil, nil
	}
	var data []byte
	switch {
	case b.Text != nil:
		data = []byte(*b.Text)
	case b.Binary > 0:
		for i := range b.Binary {
			data = append(data, byte(i))
		}
	default:
		data = bytes.Repeat([]byte("x"), b.Size)
	}
	switch b.As {
	case "", "bytes":
		return bytes.NewReader(data), nil
	case "file":
		file := filepath.Join(os.TempDir(), "upload")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
		return os.Open(file)
	case "generator":
		out, in := io.Pipe()
		go func() {
			for len(data) > 0 {
				n := min(1000, len(data))
				if _, err := in.Write(data[:n]); err != nil {
					return
				}
				data = data[n:]
			}
			_ = in.Close() // never fails (io.PipeWriter)
		}()
		return out, nil
	}
	return nil, unsupported("a body as %s", b.As)
}
