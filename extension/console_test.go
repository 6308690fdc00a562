package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stuck writer takes nothing before it is let go.
type stuck struct {
	free chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(b)
}

func TestConsole(t *testing.T) {
	t.Run("lines keep their order, and those that do not fit are counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &stuck{free: make(chan struct{})}
			c := newConsole(w)
			var want strings.Builder
			io.WriteString(c, "first\n")
			synctest.Wait() // it is being written
			want.WriteString("first\n")
			for n := range mostLines + 7 {
				line := "line " + strconv.Itoa(n) + "\n"
				if _, err := io.WriteString(c, line); err != nil {
					t.Fatal(err)
				}
				if n < mostLines {
					want.WriteString(line)
				}
			}
			c.flush(lastLines) // returns all the same
			close(w.free)
			c.flush(lastLines)
			got, told := strings.CutPrefix(w.String(), want.String())
			if !told || !strings.Contains(got, `"lines":7,`) {
				t.Errorf("written: %q", w.String())
			}
			io.WriteString(c, "later\n")
			c.flush(lastLines)
			if !strings.HasSuffix(w.String(), "}\nlater\n") {
				t.Errorf("written later: %q", w.String())
			}
		})
	})
	t.Run("lines that are large are bounded in bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &stuck{free: make(chan struct{})}
			c := newConsole(w)
			for range 3 {
				c.Write(make([]byte, mostLineBytes/2))
			}
			c.Write(make([]byte, mostLineBytes))
			close(w.free)
			c.flush(lastLines)
			if w.Len() > 2*mostLineBytes || !strings.Contains(w.String(), `"lines":`) {
				t.Errorf("%d bytes were written", w.Len())
			}
		})
	})
}

// TestALogThatNobodyReads: events are asked for and data is exported all the same, until the end.
func TestALogThatNobodyReads(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	for page := make([]byte, 4<<10); err == nil; {
		if err = out.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err == nil {
			_, err = out.Write(page)
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	r := collector(t)
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL(), "AFTERGLOW_EXPORTERS=otlp,log", "AFTERGLOW_FLUSH=nonsense", "AFTERGLOW_UNDELIVERED=log").startWith(out)
	l.awaitNext()
	l.hook("A", true)
	l.invoke("A", 2*time.Second) // the exporter to the log takes all of it
	l.awaitNext()
	l.send(fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"spindown"}`, time.Now().Add(2*time.Second).UnixMilli()))
	if err := wait(t, l.ended, "the end"); err != nil {
		t.Error(err)
	}
	spans(t, r, 2)
}

// TestThreadsAreThereBefore they are needed: a function that has taken all that there are must not end the extension.
func TestThreadsAreThereBefore(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of a process's threads")
	}
	r := collector(t)
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL()).start()
	l.awaitNext()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	const busiest = 7 // threads while three exporters, the spool and the telemetry are worked on
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", l.cmd.Process.Pid))
	if err != nil || len(threads) < busiest {
		t.Errorf("%d threads, %v", len(threads), err)
	}
	l.shutdown()
}
