package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func (a *actor) next(s step) {
	res, body := a.send(context.Background(), s, http.MethodGet, runtimeAPI+"/invocation/next", nil, "")
	if res != nil && res.StatusCode == http.StatusOK {
		a.request, a.deadline, a.payload = res.Header.Get("Lambda-Runtime-Aws-Request-Id"), res.Header.Get("Lambda-Runtime-Deadline-Ms"), body
	}
}

// respond answers with the event, with body=, or with size= bytes.
func (a *actor) respond(s step) {
	body := sized(s, s.get("body", string(a.payload)))
	a.send(context.Background(), s, http.MethodPost, runtimeAPI+"/invocation/"+s.get("id", a.request)+"/response", map[string]string{
		"Lambda-Runtime-Function-Response-Mode": s.get("mode", ""), "Content-Type": s.get("type", ""),
	}, body)
}

// sized is a body with size= bytes, if the step says so.
func sized(s step, body string) string {
	if size := s.get("size", ""); size != "" {
		n, _ := strconv.Atoi(size)
		return `"` + strings.Repeat("x", n-2) + `"`
	}
	return body
}

// truncate promises more of a response than it sends.
func (a *actor) truncate(s step) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
	if err != nil {
		a.note("truncate %v", err)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n\"half", runtimeAPI, a.request)
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(duration(s.get("patience", "5s"))))
	answer, err := io.ReadAll(conn)
	status, _, _ := strings.Cut(string(answer), "\r\n")
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if err != nil && len(answer) == 0 {
		status = "no answer"
	}
	a.note("truncate %s %s", strings.TrimPrefix(status, "HTTP/1.1 "), strings.TrimSpace(body))
}

func (a *actor) runtimeError(path string, s step) {
	a.send(context.Background(), s, http.MethodPost, runtimeAPI+path, map[string]string{
		"Lambda-Runtime-Function-Error-Type": s.get("type", ""), "Content-Type": "application/json",
	}, sized(s, s.get("body", `{"errorMessage":"no","errorType":"Oops"}`)))
}

// serve answers every event with itself; work= is how long that takes.
func (a *actor) serve(s step) {
	for {
		a.request = ""
		a.next(step{verb: "next", opt: s.opt})
		if a.request == "" {
			a.hold()
		}
		time.Sleep(duration(s.get("work", "0s")))
		a.respond(step{verb: "respond", opt: map[string]string{}})
	}
}

// web is a web server: it answers a request with its method, path and body, in two parts.
func (a *actor) web(step) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("AWS_LWA_PORT"))
	if err != nil {
		a.note("web %v", err)
		os.Exit(91)
	}
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what came of it shows in the answer
		if r.URL.Path != "/" {
			a.note("web %s %s %s", r.Method, r.URL.Path, body)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s ", r.Method)
		w.(http.Flusher).Flush()
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	}))
	a.note("web %v", err)
}
