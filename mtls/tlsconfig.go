package mtls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// TLSOptions holds what may be left at zero.
type TLSOptions struct {
	// Optional lets connections without a certificate in, for servers on which
	// only some routes demand one: those must call [Verifier.Check]. A
	// certificate that is presented must be good all the same.
	Optional bool
	// PublicNames are server names (SNI) at which no certificate is asked for:
	// the pages that a browser visits. Put [SameName] in front of the handlers.
	PublicNames []string
	// NextProtos are the protocols of ALPN; by default h2 and http/1.1.
	NextProtos []string
}

// cipherSuites are those of TLS 1.2: ephemeral keys and authenticated encryption.
// Key transport (TLS_RSA_*) is not among them, since a server that decrypts RSA
// for anybody would lend its key to whoever attacks the messages.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// TLSConfig makes the configuration of a server that asks for client
// certificates and judges them in the handshake: TLS 1.2 or higher, no TLS_RSA_*
// key exchange. certificate returns the server's own; the method GetCertificate
// of a [ServerCertificate] does, and follows changes of its files.
//
// In TLS 1.3 a client learns of a refusal by its first read; its handshake has
// succeeded by then.
func (v *Verifier) TLSConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), options TLSOptions) (*tls.Config, error) {
	if v == nil || v.registry == nil {
		return nil, ErrMisconfigured
	}
	if certificate == nil {
		return nil, errors.New("mtls: certificate: no function")
	}
	public := make(map[string]bool, len(options.PublicNames))
	for _, name := range options.PublicNames {
		if canonicalName(name) == "" {
			return nil, errors.New("mtls: PublicNames: empty name; clients without SNI must show their certificate")
		}
		public[canonicalName(name)] = true
	}
	protocols := slices.Clone(options.NextProtos)
	if len(protocols) == 0 {
		protocols = []string{"h2", "http/1.1"}
	}
	base := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   slices.Clone(cipherSuites),
		NextProtos:     protocols,
		GetCertificate: certificate,
	}
	private := base.Clone()
	private.ClientAuth = tls.RequireAnyClientCert
	if options.Optional {
		private.ClientAuth = tls.RequestClientCert
	}
	private.VerifyConnection = func(state tls.ConnectionState) error {
		return v.verifyConnection(context.Background(), state, options.Optional)
	}
	config := private.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if public[canonicalName(hello.ServerName)] {
			return base, nil
		}
		own := private.Clone()
		ctx := hello.Context() // ends with the handshake
		own.VerifyConnection = func(state tls.ConnectionState) error {
			return v.verifyConnection(ctx, state, options.Optional)
		}
		return own, nil
	}
	return config, nil
}

// SameName answers 421 to requests whose Host is not the server name that their
// connection was opened for, so that a connection which no certificate was asked
// for cannot be used for another host. Connections without a server name pass:
// they were asked.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20
func SameName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && r.TLS.ServerName != "" && canonicalName(hostOf(r.Host)) != canonicalName(r.TLS.ServerName) {
			refuse(w, &refusal{http.StatusMisdirectedRequest, "misdirected_request", "mtls: server name and host differ"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func canonicalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport
	}
	return host
}
