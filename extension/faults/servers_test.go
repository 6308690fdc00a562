package faults

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// in puts a server before the stage's collector. decide may answer a request itself, and then gives true; the collector gets the others.
func (s *stage) in(decide func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	s.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || decide(w, r, body) {
			return
		}
		s.hand(w, r, body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.set.endpoint = server.URL
}

// hand hands a request to the stage's collector.
func (s *stage) hand(w http.ResponseWriter, r *http.Request, body []byte) {
	to, err := http.NewRequestWithContext(r.Context(), r.Method, s.collector.URL()+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	to.Header = r.Header.Clone()
	response, err := http.DefaultTransport.RoundTrip(to)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// raw is a collector that does with each connection what it is told, and then resets it.
func (s *stage) raw(serve func(net.Conn)) {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				_ = conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}()
		}
	}()
	s.set.endpoint = "http://" + l.Addr().String()
}

// nobody is an address at which nobody listens any more.
func (s *stage) nobody() string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// secured makes the stage's collector one by TLS, whose certificate is as change has it. The function trusts its authority if it is told to.
func (s *stage) secured(trusted bool, change func(*x509.Certificate)) {
	s.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "collector"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	s.collector = s.receive(otlptest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}})
	if trusted {
		s.set.files = map[string][]byte{"collector.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
		s.set.env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = "/var/task/collector.pem"
	}
}
