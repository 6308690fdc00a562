//go:build unix

// Command rawsocket is the least that an extension written in Go can be at all: it registers and asks for events until SHUTDOWN over a
// socket of its own, without net, net/http or JSON. Nothing useful could be this small; it shows what the language itself costs.
//
// It takes AWS_LAMBDA_RUNTIME_API, which has to be an IPv4 address and a port, and its own file name, gives nothing, and promises to be
// measured by bench/coldstart as it is.
package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// bufferSize holds any answer of the Extensions API: an event has no payload and is below 2 KiB.
const bufferSize = 16 << 10

func main() {
	os.Exit(run(os.Args, os.Getenv))
}

func run(args []string, getenv func(string) string) int {
	if err := serve(getenv("AWS_LAMBDA_RUNTIME_API"), args[0][strings.LastIndexByte(args[0], '/')+1:]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // nobody else could be told
		return 1
	}
	return 0
}

func serve(host, name string) error {
	fd, err := connect(host)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }()
	const events = `{"events":["INVOKE","SHUTDOWN"]}`
	head, _, err := exchange(fd, "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: "+host+"\r\nLambda-Extension-Name: "+name+
		"\r\nContent-Length: "+strconv.Itoa(len(events))+"\r\n\r\n"+events)
	if err != nil {
		return err
	}
	id := field(head, "lambda-extension-identifier")
	for {
		_, event, err := exchange(fd, "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: "+host+"\r\nLambda-Extension-Identifier: "+id+"\r\n\r\n")
		if err != nil {
			return err
		}
		if bytes.Contains(event, []byte(`"SHUTDOWN"`)) {
			return nil
		}
	}
}

func connect(host string) (int, error) {
	ip, port, _ := strings.Cut(host, ":")
	parts := strings.Split(ip, ".")
	number, err := strconv.Atoi(port)
	if len(parts) != 4 || err != nil {
		return 0, errors.New("AWS_LAMBDA_RUNTIME_API is no IPv4 address and port: " + host)
	}
	address := &syscall.SockaddrInet4{Port: number}
	for i, part := range parts {
		octet, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, errors.New("AWS_LAMBDA_RUNTIME_API is no IPv4 address and port: " + host)
		}
		address.Addr[i] = byte(octet)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	return fd, syscall.Connect(fd, address)
}

// exchange sends a request and reads an answer that has a Content-Length.
func exchange(fd int, request string) (head string, body []byte, err error) {
	for rest := []byte(request); len(rest) > 0; {
		n, err := syscall.Write(fd, rest)
		if err != nil {
			return "", nil, err
		}
		rest = rest[n:]
	}
	buffer := make([]byte, 0, bufferSize)
	for len(buffer) < bufferSize {
		n, err := syscall.Read(fd, buffer[len(buffer):bufferSize])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if n == 0 {
			return "", nil, errors.New("connection closed")
		}
		buffer = buffer[:len(buffer)+n]
		end := bytes.Index(buffer, []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		head, body = string(buffer[:end]), buffer[end+4:]
		length, err := strconv.Atoi(field(head, "content-length"))
		if err != nil {
			return "", nil, errors.New("answer without a length")
		}
		if len(body) >= length {
			if !strings.HasPrefix(head, "HTTP/1.1 200 ") {
				return "", nil, errors.New("answer: " + head)
			}
			return head, body[:length], nil
		}
	}
	return "", nil, errors.New("answer is too long")
}

// field finds a header by its lower-case name.
func field(head, name string) string {
	for _, line := range strings.Split(head, "\r\n") {
		if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
