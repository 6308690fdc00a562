package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// redirectsFile of a run's folder says whose functions lead to the run, so that they can be set back by others after it was killed.
const redirectsFile = "redirects.json"

// restoreWithin bounds setting back what a killed run has left.
const restoreWithin = 30 * time.Second

// errStillRedirected says that what a killed run has redirected could not be set back.
var errStillRedirected = errors.New("still lead to a run that was killed")

// redirects are the functions of a MiniStack that is not ours, as long as they lead here. No secret is kept: MiniStack looks at
// none, but for whom it is asked is in the access key.
type redirects struct{ Endpoint, Region, AccessKey, Proxy string }

// noteRedirects writes down what is about to be redirected.
func (c *Cloud) noteRedirects() error {
	text, err := json.Marshal(redirects{Endpoint: c.upstream, Region: c.region(), AccessKey: c.opt.Credentials.AccessKey, Proxy: c.front.ProxyURL("")})
	if err == nil {
		err = os.WriteFile(c.dir.path(redirectsFile), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note what is redirected: %w", err)
	}
	return nil
}

// setBack has the triggers of a MiniStack that is not ours lead where they led before.
func (c *Cloud) setBack(ctx context.Context) error {
	var names []string
	for _, f := range c.Deployed() {
		names = append(names, f.Name)
	}
	_, err := restore(ctx, c.client, names, c.front.ProxyURL, c.note)
	return err
}

// restoreLeft sets back what a killed run has left. An endpoint that has gone since has nothing to set back.
func restoreLeft(ctx context.Context, dir string, tell func(string)) error {
	text, err := os.ReadFile(filepath.Join(dir, redirectsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var left redirects
	if err == nil {
		err = json.Unmarshal(text, &left)
	}
	if err != nil {
		return fmt.Errorf("read what a killed run had redirected: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	client := deployed.NewClient(deployed.Endpoint{URL: left.Endpoint, Region: left.Region, AccessKey: left.AccessKey, SecretKey: left.AccessKey})
	defer client.Close()
	found, err := client.Look(ctx)
	if errors.Is(err, syscall.ECONNREFUSED) {
		tell("the MiniStack at " + left.Endpoint + ", whose functions led to a run that was killed, has ended too")
		return nil
	}
	if err != nil {
		return fmt.Errorf("the functions of %s %w: %w; once the endpoint answers, go run ./infra/local down sets them back", left.Endpoint, errStillRedirected, err)
	}
	var names []string
	for _, s := range found {
		if strings.HasPrefix(s.Redirect, left.Proxy) {
			names = append(names, s.Name)
		}
	}
	restored, err := restore(ctx, client, names, func(name string) string { return left.Proxy + url.PathEscape(name) }, tell)
	if restored > 0 {
		tell(fmt.Sprintf("functions of %s lead where they led before: %d", left.Endpoint, restored))
	}
	return err
}

// restore sets functions back and tells of what cannot be: versions that were published meanwhile.
func restore(ctx context.Context, client *deployed.Client, names []string, to func(name string) string, tell func(string)) (restored int, err error) {
	var failed []error
	for _, name := range names {
		err := client.Restore(ctx, name, to(name))
		if errors.Is(err, deployed.ErrNotFound) {
			continue
		}
		if err == nil {
			restored++
			var tied []string
			tied, err = client.Tied(ctx, name, to(name))
			for _, version := range tied {
				tell(stays(version))
			}
		}
		failed = append(failed, err)
	}
	return restored, errors.Join(failed...)
}

// stays says what becomes of a version that was published while its function led here.
func stays(version string) string {
	name, _, _ := strings.Cut(version, ":")
	return fmt.Sprintf("%s was published while `up` was up: MiniStack's own triggers of this version lead to `up` for good, with a longer timeout, and fail "+
		"when it has ended. A version cannot be changed: publish %s again after that", version, name)
}

// plain shows functions as they were deployed, in what MiniStack answers through the front.
func (c *Cloud) plain(response *http.Response) error {
	const lambdaAPI = "/functions"
	if !strings.Contains(response.Request.URL.Path, lambdaAPI) || !strings.Contains(response.Header.Get("Content-Type"), "json") || response.Header.Get("Content-Encoding") != "" {
		return nil
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it was read to its end, or is broken
	if err != nil {
		return fmt.Errorf("read MiniStack's answer: %w", err)
	}
	text, published := deployed.Undisguise(text)
	if response.Request.Method != http.MethodGet && c.kind == KindMiniStack {
		for _, version := range published {
			c.note(stays(version))
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	response.ContentLength = int64(len(text))
	response.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}
