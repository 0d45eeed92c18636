package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"order-service/config"
)

// tlsConfig reads the authorities of t; nil means plain TCP. The certificate of
// this client is read for each connection, so that a renewed one is used as soon
// as it is there.
func tlsConfig(t config.TLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert == "" {
		return security, nil
	}
	security.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		return &pair, err
	}
	_, err := security.GetClientCertificate(nil)
	return security, err
}
