package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// TLS says whether a backend is dialled with TLS, and by which PEM files.
type TLS struct {
	Enabled    bool
	CA         string // authorities; empty: the system's
	Cert, Key  string // of this client; empty: none
	ServerName string // that the certificate must have; empty: the address's
}

// A backend for which somebody has named a file, or put a key away, is never
// dialled without TLS.
func (t TLS) implied() TLS {
	t.Enabled = t.Enabled || t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != ""
	return t
}

// KafkaSecurity is how brokers are dialled.
func (c Config) KafkaSecurity() TLS {
	return TLS{Enabled: c.KafkaTLS, CA: c.KafkaTLSCA, Cert: c.KafkaTLSCert, Key: c.KafkaTLSKey}.implied()
}

// TemporalSecurity is how Temporal's frontend is dialled.
func (c Config) TemporalSecurity() TLS {
	return TLS{
		Enabled: c.TemporalTLS || c.TemporalAPIKey != "",
		CA:      c.TemporalTLSCA, Cert: c.TemporalTLSCert, Key: c.TemporalTLSKey, ServerName: c.TemporalTLSName,
	}.implied()
}

// RedisSecurity is for a rediss:// URL, which alone decides whether it is used.
func (c Config) RedisSecurity() TLS {
	return TLS{CA: c.RedisTLSCA, Cert: c.RedisTLSCert, Key: c.RedisTLSKey}.implied()
}

// PaymentSecurity is for an https URL; where it is not enabled, the system's
// authorities do.
func (c Config) PaymentSecurity() TLS {
	return TLS{CA: c.PaymentTLSCA, Cert: c.PaymentTLSCert, Key: c.PaymentTLSKey}.implied()
}

// check requires files that can be used; the variables' names are given.
func (t TLS) check(k *checks, ca, cert, key string) {
	k.require(authorities(t.CA), ca+" must be a PEM file with certificates")
	k.require((t.Cert == "") == (t.Key == ""), cert+" and "+key+" go together")
	k.require(keyPair(t.Cert, t.Key), cert+" and "+key+" must be PEM files of a certificate and its key")
}

func authorities(file string) bool {
	pem, err := os.ReadFile(file)
	return file == "" || err == nil && x509.NewCertPool().AppendCertsFromPEM(pem)
}

func keyPair(cert, key string) bool {
	if cert == "" || key == "" {
		return true // that they go together is another rule
	}
	_, err := tls.LoadX509KeyPair(cert, key)
	return err == nil
}
