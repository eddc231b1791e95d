package client

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// cipherSuites are those of TLS 1.2: ephemeral keys and authenticated
// encryption. They are listed so that no setting of the process adds others.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// newTransport makes the one transport that everything goes through. It is made
// here from scratch, and never handed out, so that nobody can relax it.
func newTransport(cfg *Config, own *tls.Certificate) *http.Transport {
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: cipherSuites,
		RootCAs:      cfg.RootCAs,
	}
	if own != nil {
		// Whatever issuers the server hints at: what it trusts is the registered
		// certificate itself, self-signed or not.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	dial := cfg.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	t := &http.Transport{
		// http.Transport wraps what DialContext returns in TLS of its own, whatever
		// it is; DialTLSContext, which could bring its own idea of TLS, is not used.
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second, // before servers do: a sealed request is not sent twice
		DisableCompression:     true,             // what is encrypted does not shrink
		MaxResponseHeaderBytes: 64 << 10,
	}
	if cfg.Proxy != nil {
		t.Proxy = http.ProxyURL(cfg.Proxy)
	}
	return t
}
