package export

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A signed certificate in the files of a test.
type signed struct {
	cert, key string
	pair      tls.Certificate
}

// sign makes a certificate of its own authority.
func sign(t *testing.T, change func(*x509.Certificate)) signed {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := signed{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{s.cert: {Type: "CERTIFICATE", Bytes: der}, s.key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.pair, err = tls.LoadX509KeyPair(s.cert, s.key); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTLSIsAlwaysChecked: an authority of the user's own is an authority, and a wrong certificate is a collector that cannot be reached.
func TestTLSIsAlwaysChecked(t *testing.T) {
	good := sign(t, nil)
	other := sign(t, nil)
	expired := sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	wrong := sign(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"collector.example"} })
	visitor := sign(t, nil)
	tests := []struct {
		name    string
		server  signed
		asks    bool // for the client's certificate
		options Endpoint
		works   bool
	}{
		{"trusted", good, false, Endpoint{CertificateFile: good.cert}, true},
		{"not trusted", good, false, Endpoint{}, false},
		{"another authority", good, false, Endpoint{CertificateFile: other.cert}, false},
		{"expired", expired, false, Endpoint{CertificateFile: expired.cert}, false},
		{"another name", wrong, false, Endpoint{CertificateFile: wrong.cert}, false},
		{"client's certificate", good, true, Endpoint{CertificateFile: good.cert, ClientCertificateFile: visitor.cert, ClientKeyFile: visitor.key}, true},
		{"no client's certificate", good, true, Endpoint{CertificateFile: good.cert}, false},
		{"not the client's certificate", good, true, Endpoint{CertificateFile: good.cert, ClientCertificateFile: other.cert, ClientKeyFile: other.key}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{test.server.pair}}
			if test.asks {
				s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
				s.TLS.ClientCAs.AddCert(visitor.pair.Leaf)
			}
			s.StartTLS()
			defer s.Close()
			o := test.options
			o.URL = s.URL
			_, err := client(t, o).Send(t.Context(), []byte("x"))
			if (err == nil) != test.works {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCertificatesThatCannotBeRead(t *testing.T) {
	good := sign(t, nil)
	for name, o := range map[string]Endpoint{
		"no such file":          {CertificateFile: good.cert + "x"},
		"no certificate":        {CertificateFile: good.key},
		"no key":                {ClientCertificateFile: good.cert},
		"no client certificate": {ClientKeyFile: good.key},
		"another's key":         {ClientCertificateFile: good.cert, ClientKeyFile: sign(t, nil).key},
	} {
		o.URL = "https://127.0.0.1:1"
		if _, err := New(map[string]Endpoint{otlplog.Traces: o}); err == nil || !strings.Contains(err.Error(), "make exporter: read the ") || name == "no key" && !strings.Contains(err.Error(), "set both") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestWhatASettingNamesMayBeAnything: nobody waits for a pipe, and nothing without an end is read to its end.
func TestWhatASettingNamesMayBeAnything(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, mostPEM+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, large, dir, "/dev/zero", filepath.Join(dir, "nowhere")} {
		if _, err := tlsConfig(Endpoint{CertificateFile: path}); err == nil {
			t.Errorf("%s was taken for authorities", path)
		}
		if _, err := tlsConfig(Endpoint{ClientCertificateFile: path, ClientKeyFile: path}); err == nil {
			t.Errorf("%s was taken for a certificate", path)
		}
	}
}
