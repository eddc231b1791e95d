package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// Config is what a [Client] needs. It is copied by [New].
type Config struct {
	// Environment is that of the credentials and of BaseURL. Required.
	Environment Environment
	// BaseURL is where the bank's APIs lie: scheme, host, and the path that they
	// share, such as "https://api.bank.example/rb/api/v1". https, or in the
	// sandbox also http on loopback. Required.
	BaseURL string
	// ClientID and ClientSecret are the API keys. Required.
	ClientID     string
	ClientSecret string

	// Certificate is presented in mutual TLS. Its key, RSA of at least 2048 bits,
	// also signs requests and opens responses; it may live in an HSM if it is a
	// crypto.Signer and a crypto.Decrypter. Required but in the sandbox, where it
	// is not used.
	Certificate tls.Certificate
	// PreviousKeys are those of earlier certificates, which still open responses
	// while certificates overlap. At most 3.
	PreviousKeys []*jose.PrivateKey
	// BankKeys are the bank's public keys: from a file ([jose.ReadPublicKeys]) or
	// followed at a URL ([jose.NewRemote], which checks that server by settings of
	// its own). Whoever chooses them reads requests. Required but in the sandbox.
	BankKeys jose.KeySource
	// Binding is the message profile, as the bank says. Required but in the
	// sandbox.
	Binding jose.Binding
	// BankID is the bank's name in signed claims. Required for [jose.Strict].
	BankID string
	// AcceptFlattened accepts responses in the flattened JSON serialization.
	AcceptFlattened bool

	// RootCAs verify the server's certificate; nil is the system's.
	RootCAs *x509.CertPool
	// DialContext makes the TCP connection; TLS and its checks come on top. Nil
	// is a plain dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy is an http or socks5 URL through which to connect; TLS runs through it
	// end to end. Nil is none, whatever the process environment says.
	Proxy *url.URL

	// ClientIDHeader and ClientSecretHeader carry the API keys; by default
	// X-IBM-Client-Id and X-IBM-Client-Secret. MsgIDHeader is MsgId by default.
	ClientIDHeader     string
	ClientSecretHeader string
	MsgIDHeader        string

	// TokenPath is the token endpoint for [Application] identities, below
	// BaseURL; "partner_auth/token" by default.
	TokenPath string
	// SignIn is needed for customers ([OnBehalfOf]); nil is without.
	SignIn *SignIn

	// Timeout limits a request with everything that it takes, and a token request
	// by itself; 30 s by default.
	Timeout time.Duration
	// ExpiryMargin is how long before its expiry a token is renewed, but at most
	// half its lifetime; 30 s by default.
	ExpiryMargin time.Duration
	// MaxTokens is how many tokens are kept in memory, 10,000 by default. The ones
	// that were used longest ago are dropped, and fetched again when needed.
	MaxTokens int
	// MaxRequest and MaxResponse limit bodies, in bytes, where messages are
	// sealed: 1 MiB before sealing and 16 MiB sealed by default.
	MaxRequest  int
	MaxResponse int

	// Logger hears of tokens that were fetched or refused, without ids or
	// secrets; nil discards.
	Logger *slog.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// SignIn configures the customer sign-in.
type SignIn struct {
	// AuthorizeURL is where customers' browsers go; BaseURL + "/oauth/authorize"
	// by default. https, or in the sandbox also http on loopback.
	AuthorizeURL string
	// TokenPath is the token endpoint of the sign-in, below BaseURL;
	// "oauth/token" by default.
	TokenPath string
	// Store keeps the tokens of customers. What it is given is encrypted.
	// Required.
	Store TokenStore
	// Keys are secrets of 32 bytes for that encryption. The first seals and all
	// open. The last also names the records: to rotate, put a new key in front;
	// to drop the last is to have every customer sign in again. Required; at most
	// 8.
	Keys [][]byte
}

// ConfigError says which field of [Config] is wrong, and why.
type ConfigError struct {
	Field  string
	Reason string
	// Err is the cause, or nil.
	Err error
}

// Error names the field.
func (e *ConfigError) Error() string {
	s := "client: Config." + e.Field + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

func invalid(field, format string, args ...any) error {
	return &ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Defaults of [Config].
const (
	DefaultClientIDHeader     = "X-IBM-Client-Id"
	DefaultClientSecretHeader = "X-IBM-Client-Secret"
	DefaultTimeout            = 30 * time.Second
	DefaultExpiryMargin       = 30 * time.Second
	DefaultMaxTokens          = 10_000
)

// Config holds a secret and a key, and prints as neither.
var (
	_ fmt.Formatter  = Config{}
	_ slog.LogValuer = Config{}
)

// Format keeps every verb from printing secrets.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client.Config{%s %s %s}", c.Environment, c.BaseURL, c.ClientID)
}

// LogValue keeps secrets out of structured logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// Format keeps every verb from printing keys.
func (s SignIn) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client.SignIn{%s}", s.AuthorizeURL) }
