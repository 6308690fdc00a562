package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// get asks a server over a connection that is kept alive.
func (p *probe) get(url string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.say("get: %v", err)
		return
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	p.say("get %d %s", res.StatusCode, b)
}

// talk writes to a connection inside this process that it keeps, and reads what comes out at the other end.
func (p *probe) talk(string) {
	if p.inside == nil {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go func() {
			c, err := listener.Accept()
			if err == nil {
				io.Copy(c, c)
			}
		}()
		if p.inside, err = net.Dial("tcp", listener.Addr().String()); err != nil {
			panic(err)
		}
	}
	back := make([]byte, 1)
	_, err := p.inside.Write([]byte("x"))
	if err == nil {
		_, err = p.inside.Read(back)
	}
	p.say("talk %s %v", back, err)
}

// timer says when it has gone off, once.
func (p *probe) timer(arg string) {
	time.AfterFunc(duration(arg), func() { p.say("timer %s", arg) })
}

// burn uses a core until so much time has passed, and says how much it had of it.
func (p *probe) burn(arg string) {
	for end := time.Now().Add(duration(arg)); time.Now().Before(end); {
	}
}
