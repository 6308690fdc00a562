package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsConfig reads the certificates of an endpoint; nil if there are none, which means Go's defaults. There is no way to switch checking off.
func tlsConfig(e Endpoint) (*tls.Config, error) {
	if e.CertificateFile == "" && e.ClientCertificateFile == "" && e.ClientKeyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CertificateFile != "" {
		pem, err := os.ReadFile(e.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf("read the collector's authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the collector's authorities: %s holds no certificate in PEM", e.CertificateFile)
		}
	}
	if (e.ClientCertificateFile == "") != (e.ClientKeyFile == "") {
		return nil, errors.New("read the client's certificate: set both the certificate and its key, or neither")
	}
	if e.ClientCertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(e.ClientCertificateFile, e.ClientKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
