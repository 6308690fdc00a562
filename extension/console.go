package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// mostLines of the extension's own log, in as many bytes, wait while whoever reads the log does not. There are a few in the life of an environment.
	mostLines     = 128
	mostLineBytes = 64 << 10
	// lastLines is how long the end waits for them: less than what SHUTDOWN leaves between the end of the work and that of the process.
	lastLines = 80 * time.Millisecond
)

// A console takes the lines of the extension's own log and writes them, in their order, beside whoever logs. The log is a pipe to Lambda, and a pipe that nobody
// empties holds up its writer for good; no event is asked for meanwhile. What does not fit is dropped, and counted in the log itself once that is read again.
type console struct {
	w io.Writer

	mu      sync.Mutex
	lines   [][]byte
	bytes   int
	dropped int
	idle    chan struct{} // closed when all is written; nil while nobody writes
}

func newConsole(w io.Writer) *console { return &console{w: w} }

// Write takes one line. It never waits and never fails.
func (c *console) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) >= mostLines || c.bytes+len(line) > mostLineBytes {
		c.dropped++
		return len(line), nil
	}
	c.lines = append(c.lines, append([]byte(nil), line...))
	c.bytes += len(line)
	if c.idle == nil {
		c.idle = make(chan struct{})
		go func() {
			defer func() { _ = recover() }() // there is no other place to tell it
			c.drain()
		}()
	}
	return len(line), nil
}

// drain writes until nothing waits.
func (c *console) drain() {
	for line := c.next(); line != nil; line = c.next() {
		_, _ = c.w.Write(line) // a log that is closed takes nothing, and there is no other
	}
}

// next gives the oldest line, and after the last one how many did not fit.
func (c *console) next() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.lines) > 0:
		line := c.lines[0]
		c.lines = c.lines[1:]
		c.bytes -= len(line)
		return line
	case c.dropped > 0:
		line := fmt.Appendf(nil, `{"level":"warn","from":"afterglow","lines":%d,"message":"the log was not read for so long that lines of it are lost"}`+"\n", c.dropped)
		c.dropped = 0
		return line
	}
	close(c.idle)
	c.idle, c.lines = nil, nil
	return nil
}

// flush waits until all is written, for so long at most.
func (c *console) flush(most time.Duration) {
	c.mu.Lock()
	idle := c.idle
	c.mu.Unlock()
	if idle == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}
