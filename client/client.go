package client

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
)

// Client calls one bank as one registered client. Make it with [New]; it is safe
// for concurrent use. Make one for a process, not one for a request: it holds
// the connections and the tokens.
type Client struct {
	cfg       Config
	endpoints endpoints
	// plain sends requests as they are, over the connection that is checked;
	// sealing is plain in the sandbox and a jose.Transport over it elsewhere.
	plain   *http.Transport
	sealing http.RoundTripper
	tokens  *tokenCache
	records *recordSealer // nil without SignIn
	expiry  time.Time
}

// New checks the configuration and connects to nothing yet. The error is a
// *[ConfigError] that names the field.
func New(cfg Config) (*Client, error) {
	cfg.fill()
	e, err := cfg.check()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, endpoints: e}
	c.tokens = newTokenCache(cfg.MaxTokens, cfg.Timeout, cfg.Now)
	if cfg.SignIn != nil {
		if c.records, err = newRecordSealer(cfg.SignIn.Keys, cfg.Environment, cfg.ClientID); err != nil {
			return nil, err
		}
	}
	if !cfg.Environment.sealed() {
		c.plain = newTransport(&cfg, nil)
		c.sealing = network{c.plain}
		return c, nil
	}
	return c, c.seal()
}

// seal sets up mutual TLS and the sealing of messages.
func (c *Client) seal() error {
	cfg := &c.cfg
	leaf, err := leafOf(cfg)
	if err != nil {
		return err
	}
	c.expiry = leaf.NotAfter
	key, err := jose.NewPrivateKey("", cfg.Certificate.PrivateKey.(crypto.Signer))
	if err != nil {
		return &ConfigError{Field: "Certificate", Reason: "its key cannot seal messages", Err: err}
	}
	switch {
	case cfg.BankKeys == nil:
		return invalid("BankKeys", "is missing")
	case cfg.Binding != jose.Compatible && cfg.Binding != jose.Strict:
		return invalid("Binding", "must be jose.Compatible or jose.Strict")
	case cfg.Binding == jose.Strict && cfg.BankID == "":
		return invalid("BankID", "is missing for jose.Strict")
	}
	c.plain = newTransport(cfg, &cfg.Certificate)
	c.sealing, err = jose.NewTransport(jose.TransportConfig{
		Base: network{c.plain}, Key: key, PreviousKeys: cfg.PreviousKeys, Bank: bankKeys{cfg.BankKeys}, Binding: cfg.Binding,
		ClientID: cfg.ClientID, BankID: cfg.BankID, AcceptFlattened: cfg.AcceptFlattened,
		MsgIDHeader: cfg.MsgIDHeader, MaxRequest: cfg.MaxRequest, MaxResponse: cfg.MaxResponse, Now: cfg.Now,
	})
	if err != nil {
		return &ConfigError{Field: "PreviousKeys, MaxRequest or MaxResponse", Reason: "refused", Err: err}
	}
	return nil
}

// leafOf checks the certificate as the bank will, and that the key is its own.
func leafOf(cfg *Config) (*x509.Certificate, error) {
	if len(cfg.Certificate.Certificate) == 0 {
		return nil, invalid("Certificate", "is missing")
	}
	leaf, err := x509.ParseCertificate(cfg.Certificate.Certificate[0])
	if err != nil {
		return nil, &ConfigError{Field: "Certificate", Reason: "cannot be read", Err: err}
	}
	signer, ok := cfg.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, invalid("Certificate", "has no private key")
	}
	if own, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(signer.Public()) {
		return nil, invalid("Certificate", "the private key is another one's")
	}
	if err := (mtls.Rules{RSAOnly: true, Now: cfg.Now}).Check(leaf, nil); err != nil {
		return nil, &ConfigError{Field: "Certificate", Reason: "the bank would refuse it", Err: err}
	}
	return leaf, nil
}

// HTTPClient returns a client that calls the bank's APIs as the identity. Take
// one for each identity and as often as you like: tokens and connections are
// shared. Redirects are returned and not followed.
//
// A response with status 401 that says invalid_token is not returned at once:
// the request is sent once more with a new token and a new message id, if its
// body can be read again ([http.Request.GetBody]; net/http sets it for the usual
// readers).
//
// The error says why the identity cannot be used with this configuration.
func (c *Client) HTTPClient(who Identity) (*http.Client, error) {
	if err := who.check(&c.cfg); err != nil {
		return nil, err
	}
	return &http.Client{
		Transport:     &transport{client: c, who: who}, // which limits the time: http.Client's own limit would hide the [Error]
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// URL returns the address of an API below BaseURL. Each segment is escaped, so
// that no value in it can point elsewhere: URL("accounts", masked,
// "transactions").
func (c *Client) URL(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
		if s == "." || s == ".." {
			escaped[i] = strings.ReplaceAll(s, ".", "%2E")
		}
	}
	return strings.TrimSuffix(c.endpoints.base.String(), "/") + "/" + strings.Join(escaped, "/")
}

// CertificateExpiry is when the client's certificate expires, so that a new one
// can be registered in time; the zero time in the sandbox.
func (c *Client) CertificateExpiry() time.Time { return c.expiry }

// CloseIdleConnections closes connections that nobody uses.
func (c *Client) CloseIdleConnections() { c.plain.CloseIdleConnections() }

// Format keeps every verb from printing secrets.
func (c *Client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client.Client{%s %s %s}", c.cfg.Environment, c.cfg.BaseURL, c.cfg.ClientID)
}
