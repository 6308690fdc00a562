package nethttp

import (
	"net/http"
	"testing"
)

// TestFilesAreNotCalls: a transport may be asked for something else than to send a request.
func TestFilesAreNotCalls(t *testing.T) {
	for name, way := range ways {
		h, dir := newHook(t, nil)
		base := transport()
		base.RegisterProtocol("file", http.NewFileTransport(http.Dir(dir)))
		resp, err := (&http.Client{Transport: way(h, base)}).Get("file:///")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if told := calls(t, dir, false); told != "" {
			t.Errorf("%s: %s", name, told)
		}
	}
}
