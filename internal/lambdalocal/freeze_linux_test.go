package lambdalocal

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Kept-alive connections to the outside are dead after a freeze, if asked for (reference 2.5); the APIs' own and
// those inside the environment live on.
func TestCutConnections(t *testing.T) {
	const invocations = 3
	for _, c := range []struct {
		cut         bool
		least, most int32 // connections that the server has seen
	}{
		// net/http gives a connection up if it takes 50 ms to see its own request written, which happens on a busy
		// machine: one may be lost without a cut, but not each.
		{false, 1, invocations - 1},
		{true, invocations, invocations},
	} {
		t.Run(fmt.Sprint(c.cut), func(t *testing.T) {
			var connections, closed atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				switch state {
				case http.StateNew:
					connections.Add(1)
				case http.StateClosed:
					closed.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			e, log := lambda{change: func(_ *Function, o *Options) { o.CutConnections = c.cut }}.start(t)
			if left := e.leftOut(t.Context()); c.cut && strings.Contains(left, "connections are not cut") {
				if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
					t.Fatal(left)
				}
				t.Skipf("SKIPPED: %s", left)
			}
			for i := range invocations {
				r, _ := invoke(t, e, `{"do":"get=`+server.URL+` talk="}`)
				if r.FunctionError != "" {
					t.Fatalf("invocation %d: %s", i, r.Payload)
				}
				if c.cut {
					eventually(t, "the server sees the end", func() bool { return closed.Load() == int32(i+1) })
				}
			}
			if got := connections.Load(); got < c.least || got > c.most {
				t.Errorf("%d connections, want %d to %d", got, c.least, c.most)
			}
			for _, want := range []string{"get 200 hello", "talk x <nil>"} {
				// A line that is late comes after the phase.
				eventually(t, want+" comes each time", func() bool {
					return strings.Count(strings.Join(log.texts(SourceFunction), "\n"), want) == invocations
				})
			}
		})
	}
}

// The kernel's table, in each of its spellings, and which of it is cut.
func TestToCut(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 x
   1: 0100007F:9C40 0101010A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 2 1 x
   2: 0100007F:9C41 0100007F:2329 01 00000000:00000000 00:00000000 00000000     0        0 3 1 x
   3: 0100007F:1F90 0100007F:9C42 01 00000000:00000000 00:00000000 00000000     0        0 4 1 x
   4: 0100007F:9C43 0100007F:9C44 01 00000000:00000000 00:00000000 00000000     0        0 5 1 x
   5: 0100007F:9C44 0100007F:9C43 01 00000000:00000000 00:00000000 00000000     0        0 6 1 x
   6: 0100007F:9C45 0101010A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 7 1 x
   7: 0100007F:9C46 0101010A:01BB 06 00000000:00000000 00:00000000 00000000     0        0 8 1 x
   8: 0000000000000000FFFF00000100007F:9C47 0000000000000000FFFF00000101010A:01BB 08 0:0 00:0 0 0 0 9 1 x
   9: B80D0120000000000000000001000000:9C48 B80D0120000000000000000002000000:01BB 01 0:0 00:0 0 0 0 10 1 x
`
	inside := map[string]bool{"1": true, "2": true, "3": true, "4": true, "5": true, "6": true, "8": true, "9": true, "10": true}
	var got []string
	for _, c := range toCut(parseConnections(table), inside, netip.MustParseAddrPort("127.0.0.1:9001")) {
		got = append(got, c.local.String()+" "+c.remote.String())
	}
	want := []string{
		"127.0.0.1:40000 10.1.1.1:443", "127.0.0.1:40007 10.1.1.1:443", "[2001:db8::1]:40008 [2001:db8::2]:443",
	}
	if !slices.Equal(got, want) {
		t.Errorf("cut are %q, want %q", got, want)
	}
}

// A timer that became due during the freeze fires right after it and not before, and the wait is nobody's time
// (reference 2.5).
func TestFrozenFor(t *testing.T) {
	const frozen = time.Second
	e, log := lambda{timeout: frozen - frozen/10, change: func(_ *Function, o *Options) { o.FrozenFor = frozen }}.start(t)
	invoke(t, e, `{"do":"timer=600ms"}`)
	ended := time.Now()
	if log.has("timer 600ms") {
		t.Error("the timer was not frozen")
	}
	r, report := invoke(t, e, `{"do":"sleep=20ms"}`)
	if r.FunctionError != "" || report.Duration >= frozen {
		t.Errorf("%s: it took %v", r.Payload, report.Duration)
	}
	if waited := time.Since(ended); waited < frozen-100*time.Millisecond {
		t.Errorf("it was frozen for %v", waited)
	}
	log.wait(t, "timer 600ms")
	if err := e.Close(t.Context()); err != nil { // does not wait
		t.Error(err)
	}
}
