package otelcol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otelcol"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// once expects each span of so many invocations with a call each, exactly once.
func once(t *testing.T, r *otlptest.Receiver, invocations int) {
	t.Helper()
	described(t, r.Spans(), map[otlptest.Kind]int{otlptest.Server: invocations, otlptest.Client: invocations})
}

// TestCollectorThatIsStopped and started again: what happened meanwhile arrives late, and nothing arrives twice.
func TestCollectorThatIsStopped(t *testing.T) {
	t.Parallel()
	r := receiver(t)
	c := start(t, otelcol.Options{Forward: r.URL()})
	f := run(t, c.URL(), nil)
	f.invoke(nil)
	stop(t, c)
	f.invoke(nil)
	f.invoke(nil)
	start(t, otelcol.Options{Forward: r.URL(), Addr: c.Addr()})
	f.invoke(nil)
	f.end()
	once(t, r, 4)
}

// TestCollectorThatIsShortOfMemory refuses with 503 until another one with more memory takes its place.
func TestCollectorThatIsShortOfMemory(t *testing.T) {
	t.Parallel()
	r := receiver(t)
	c := start(t, otelcol.Options{Forward: r.URL(), ShortOfMemory: true})
	f := run(t, c.URL(), nil)
	f.invoke(nil)
	f.invoke(nil)
	if counters, err := c.Counters(t.Context()); err != nil || counters["otelcol_receiver_refused_spans"] < 2 {
		t.Errorf("the Collector refused %v, %v", counters, err)
	}
	if n := len(r.Spans()); n > 0 {
		t.Errorf("%d spans came through", n)
	}
	stop(t, c)
	start(t, otelcol.Options{Forward: r.URL(), Addr: c.Addr()})
	f.invoke(nil)
	f.end()
	once(t, r, 3)
}

// TestWhatIsBehindTheCollector has no time: the Collector hands its answer on, and the data arrives once.
func TestWhatIsBehindTheCollector(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer otlptest.Answer
	}{
		{"429 with Retry-After", otlptest.Answer{Status: 429, RetryAfter: "1"}},
		{"503", otlptest.Answer{Status: 503}},
		{"502", otlptest.Answer{Status: 502}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := receiver(t)
			c := start(t, otelcol.Options{Forward: r.URL()})
			p := newTap(t, c)
			f := run(t, p.URL, nil)
			r.Script(test.answer)
			f.invoke(nil)
			if bad := p.with(refused); len(bad) == 0 {
				t.Error("the Collector accepted what nobody took from it")
			}
			f.invoke(nil)
			f.end()
			once(t, r, 2)
		})
	}
}

// TestCollectorThatTakesNothingLarge refuses a request for its size, as "400 http: request body too large". It is sent again in pieces; what is too large by itself
// is told to be lost.
func TestCollectorThatTakesNothingLarge(t *testing.T) {
	for _, test := range []struct {
		name                     string
		most                     int // bytes that the Collector takes
		calls, bytes             int
		wantCalls, wantLostCalls int
	}{
		{"all of it in pieces", 16 << 10, 10, 6000, 12, 0},
		{"a span that is too large alone", 3 << 10, 1, 6000, 2, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := receiver(t)
			c := start(t, otelcol.Options{Forward: r.URL(), MaxBody: test.most})
			p := newTap(t, c)
			f := run(t, p.URL, nil)
			f.invoke(nil)
			f.invoke(map[string]any{"calls": test.calls, "bytes": test.bytes})
			f.invoke(nil)
			f.end()
			if len(p.with(refused)) == 0 {
				t.Error("the Collector took everything")
			}
			described(t, r.Spans(), map[otlptest.Kind]int{otlptest.Server: 3, otlptest.Client: test.wantCalls})
			if n := lost(r.Spans()); n != int64(test.wantLostCalls) {
				t.Errorf("%d spans are told to be lost, want %d", n, test.wantLostCalls)
			}
		})
	}
}

// TestReceiverThatRejectsAPart answers 200 and says how many it did not take. No part of the Collector's does that, so here the receiver itself is asked. What was
// rejected is not sent again, and told to be lost.
func TestReceiverThatRejectsAPart(t *testing.T) {
	t.Parallel()
	const rejected = 1
	r := receiver(t)
	f := run(t, r.URL(), map[string]string{"AFTERGLOW_SIGNALS": "traces"})
	r.Script(otlptest.Answer{PartialRejected: rejected, Message: "one too many"})
	f.invoke(nil)
	f.invoke(nil)
	f.end()
	if n := len(r.Spans()); n != 4-rejected {
		t.Errorf("%d spans were taken, want %d", n, 4-rejected)
	}
	if n := lost(r.Spans()); n != rejected {
		t.Errorf("%d spans are told to be lost, want %d", n, rejected)
	}
	if !f.says("one too many") {
		t.Error("the extension does not say why")
	}
}

// lost sums what the extension has told to be lost.
func lost(spans []otlptest.Span) int64 {
	var n int64
	for _, s := range spans {
		for name, value := range s.Attributes {
			if records, ok := value.(int64); ok && strings.HasPrefix(name, "afterglow.lost.") && strings.HasSuffix(name, ".records") {
				n += records
			}
		}
	}
	return n
}

// TestCollectorOfAPrivateAuthority has a certificate that only its own authority vouches for, and asks for one of the same.
func TestCollectorOfAPrivateAuthority(t *testing.T) {
	dir := t.TempDir()
	authority(t, dir)
	trusted := map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/var/task/ca.pem"}
	known := map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/var/task/ca.pem",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/var/task/leaf.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/var/task/leaf.key"}
	for _, test := range []struct {
		name  string
		asks  bool // the Collector for a certificate
		env   map[string]string
		comes int
	}{
		{"trusted", false, trusted, 1},
		{"trusted, and known", true, known, 1},
		{"trusted, and not known", true, trusted, 0},
		{"not trusted", false, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := receiver(t)
			o := otelcol.Options{Forward: r.URL(), CertFile: filepath.Join(dir, "leaf.pem"), KeyFile: filepath.Join(dir, "leaf.key")}
			if test.asks {
				o.ClientCAFile = filepath.Join(dir, "ca.pem")
			}
			c := start(t, o)
			f := runWith(t, c.URL(), test.env, dir)
			f.invoke(nil)
			f.end()
			once(t, r, test.comes)
			if test.comes == 0 && !f.says("certificate") {
				t.Error("the extension does not say that it is for a certificate")
			}
		})
	}
}

// authority makes ca.pem, and leaf.pem with leaf.key of it for servers on loopback and clients.
func authority(t *testing.T, dir string) {
	t.Helper()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "collector"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	caKey, leafKey := newKey(t), newKey(t)
	sign := func(name string, of *x509.Certificate, key *ecdsa.PrivateKey) {
		der, err := x509.CreateCertificate(rand.Reader, of, ca, key.Public(), caKey)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, filepath.Join(dir, name), "CERTIFICATE", der)
	}
	sign("ca.pem", ca, caKey)
	sign("leaf.pem", leaf, leafKey)
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "leaf.key"), "PRIVATE KEY", der)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// writePEM writes a file that a function may read: its code does not belong to the user that it runs as.
func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
}
