package conformance

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatChangesIsCaught has hooks that do what a hook must not do tell stories, and wants each of them to be found out. The code is put into Python's hook,
// behind its start.
func TestWhatChangesIsCaught(t *testing.T) {
	const inConnection = "import http.client as h\nc = h.HTTPConnection\nr = h.HTTPResponse\n"
	const inClient = "sys.path.append('/var/runtime')\nimport awslambdaric.lambda_runtime_marshaller as b\nsys.path.pop()\n"
	const inCall = "import http.client\nfrom _afterglow.clients import call\nend = call.end\n"
	for _, c := range []struct{ name, story, library, code, want string }{
		{"a response is changed", "return-unicode", "", inClient + "j = b.Encoder.encode\nb.Encoder.encode = lambda self, o: j(self, o) + ' '\n", "changed invocation 1"},
		{"an event is changed", "event-echo", "", inClient + "u = b.LambdaMarshaller.unmarshal_request\nb.LambdaMarshaller.unmarshal_request = lambda self, *a: dict(u(self, *a), more=1)\n", "Payload"},
		{"an error has another frame", "error-of-request", "http.client", inConnection + "f = c.connect\ndef connect(self):\n    f(self)\nc.connect = connect\n", "in connect"},
		{"an exit is swallowed", "exit", "", "sys.exit = lambda *a: None\n", "Payload"},
		{"an exit code is another", "exit", "", "e = sys.exit\nsys.exit = lambda *a: e(1)\n", "exit status"},
		{"a line is printed", "get", "http.client", "print('hello', flush=True)\n", "Stdout"},
		{"a line of ours is printed", "get", "http.client", "os.write(2, b'afterglow: hello\\n')\n", "the hook said"},
		{"a variable is left behind", "command-environment", "", "os.environ['LEFT'] = '1'\n", "LEFT"},
		{"a header is added", "get", "http.client", inConnection + "f = c.endheaders\ndef ends(self, *a, **k):\n    self.putheader('X-More', '1')\n    return f(self, *a, **k)\nc.endheaders = ends\n", "X-More"},
		{"a header has another case", "get", "http.client", inConnection + "f = c.putheader\nc.putheader = lambda self, n, *v: f(self, n.lower(), *v)\n", "host:"},
		{"a body is drained", "chunked", "http.client", inConnection + "f = r.read\nr.read = lambda self, *a: f(self, *a) and f(self, *a)\n", "md5"},
		{"a body is sent otherwise", "upload-generator", "http.client", inConnection + "f = c.endheaders\nc.endheaders = lambda self, b=None, **k: f(self, iter([b''.join(b)]), **k)\n", "POST /echo"},
		{"a connection is not used again", "keep-alive", "http.client", inConnection + "f = c.putrequest\nc.putrequest = lambda self, *a, **k: (self.close(), f(self, *a, **k))[1]\n", "changed invocation 1"},
		{"a request more is sent", "get", "http.client", "import socket\ns = socket.create_connection(os.environ['PEER'].split(':'))\ns.sendall(b'GET /text HTTP/1.1\\r\\n\\r\\n')\n" +
			"s.recv(100)\n", "changed invocation 1"},
		{"nothing is recorded", "get", "http.client", "from _afterglow import guard\nguard.state.off = True\n", "calls of invocation 1"},
		{"a body is not recorded", "get", "http.client", inCall + "call.end = lambda c, partial=False, error=None, body=None: end(c, partial, error)\n", "calls of invocation 1"},
		{"a body is recorded otherwise", "post", "http.client", inCall + "call.end = lambda c, partial=False, error=None, body=None: end(c, partial, error, body and bytes(body).upper())\n", "did not pass"},
		{"a call belongs to nobody", "get", "http.client", inCall + "call._belongs_to = lambda current: 'none'\n", "calls of invocation 1"},
		{"headers are not recorded", "headers-as-they-are", "http.client", "from _afterglow.clients import call\nstart = call.start\ncall.start = lambda *a: start(*a[:4], b'', a[5])\n" +
			"responded = call.responded\ncall.responded = lambda *a: responded(*a[:3], b'')\n", "no call has the header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := python()
			w := newWorld(t, actor{language: a.language, versions: a.versions, handlers: a.handlers, libraries: a.libraries, build: a.build, noise: a.noise}, find(t, a.versions[0]))
			s, err := readStory(filepath.Join("stories", c.story+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			s.Own, w.once = true, true
			misbehave(t, filepath.Join(w.hooked, "afterglow", "python", "sitecustomize.py"), c.code)
			problems := strings.Join(w.story(t, t, s, c.library), "\n")
			if !strings.Contains(problems, c.want) {
				t.Errorf("nobody notices, or not this: %q", problems)
			}
		})
	}
}

// TestWhatWavers has a hook print a line in its first function only, or in each: the one is written down, the other one found out.
func TestWhatWavers(t *testing.T) {
	first := func(t *testing.T) string { // where the first to connect is told so
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for answer := "y"; ; answer = "n" {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(answer)) // a hook that hears nothing fails the test
				conn.Close()
			}
		}()
		return strings.TrimPrefix(l.Addr().String(), "127.0.0.1:")
	}
	const line = "print('hello', flush=True)\n"
	for _, c := range []struct {
		name, code string
		wavers     bool
	}{
		{"once", "import socket\nif socket.create_connection(('127.0.0.1', " + first(t) + ")).recv(1) == b'y':\n    " + line, true},
		{"always", line, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := python()
			w := newWorld(t, actor{language: a.language, versions: a.versions, handlers: a.handlers, libraries: a.libraries, build: a.build, noise: a.noise}, find(t, a.versions[0]))
			w.wavers = filepath.Join(t.TempDir(), "wavered")
			s, err := readStory(filepath.Join("stories", "get.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			s.Own = true
			misbehave(t, filepath.Join(w.hooked, "afterglow", "python", "sitecustomize.py"), c.code)
			problems := w.story(t, t, s, "http.client")
			_, err = os.Stat(w.wavers)
			if found := len(problems) != 0; found == c.wavers || (err == nil) != c.wavers {
				t.Errorf("found out: %q; written down: %v", problems, err == nil)
			}
		})
	}
}

// misbehave adds code to the hook's start.
func misbehave(t *testing.T, file, code string) {
	t.Helper()
	const before = "# The user's sitecustomize"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), before) != 1 {
		t.Fatalf("%s has no single line that begins with %q any more", filepath.Base(file), before)
	}
	write(t, file, []byte(strings.Replace(string(text), before, code+before, 1)), 0o644)
	if err := os.RemoveAll(filepath.Join(filepath.Dir(file), bytecode)); err != nil {
		t.Fatal(err)
	}
}
