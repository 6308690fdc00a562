package export

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// tlsConfig reads the certificates of an endpoint; nil if there are none, which means Go's defaults. There is no way to switch checking off.
func tlsConfig(e Endpoint) (*tls.Config, error) {
	if e.CertificateFile == "" && e.ClientCertificateFile == "" && e.ClientKeyFile == "" {
		return nil, nil
	}
	authorities := cmp.Or(e.Variables.Certificate, "the collector's authorities")
	shown, key := cmp.Or(e.Variables.ClientCertificate, "the client's certificate"), cmp.Or(e.Variables.ClientKey, "its key")
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CertificateFile != "" {
		pem, err := readPEM(e.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w; it has to name a file of the function or of a layer", authorities, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read %s: %s holds no certificate in PEM", authorities, e.CertificateFile)
		}
	}
	if (e.ClientCertificateFile == "") != (e.ClientKeyFile == "") {
		return nil, fmt.Errorf("read %s: it and %s go together: set both, or neither", shown, key)
	}
	if e.ClientCertificateFile != "" {
		certificate, err1 := readPEM(e.ClientCertificateFile)
		private, err2 := readPEM(e.ClientKeyFile)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, fmt.Errorf("read %s and %s: %w; they have to name files of the function or of a layer", shown, key, err)
		}
		pair, err := tls.X509KeyPair(certificate, private)
		if err != nil {
			return nil, fmt.Errorf("read %s and %s: %w", shown, key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// mostPEM is several times what the authorities of a whole system take.
const mostPEM = 1 << 20

// readPEM reads a file that a setting names, and no more of it than there can be. What it names may be anything: a pipe would be waited for for ever, and a
// device has no end.
func readPEM(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file, and the caller says what for
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if !info.Mode().IsRegular() || info.Size() > mostPEM {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", path, mostPEM)
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err //nolint:wrapcheck // as above
	}
	return b[:n], nil
}
