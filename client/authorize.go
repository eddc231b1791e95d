package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// AuthorizeRequest asks a customer to sign in at the bank and to consent.
type AuthorizeRequest struct {
	// Customer is who is asked, and the account number that they typed. In the
	// sandbox neither is sent.
	Customer Customer
	// Scopes are what the client wants to do. Required.
	Scopes []string
	// State ties the answer to this browser: make it with [NewState], keep it in
	// the browser's session, and give it to [Callback]. Required.
	State string
	// RedirectURI is where the answer goes; needed only if several are registered.
	RedirectURI string
	// Verifier, made with [NewState] and kept like the state, binds the code to
	// this request (PKCE, RFC 7636); its S256 challenge is sent. Optional.
	Verifier string
}

// Format keeps every verb from printing state and verifier.
func (a AuthorizeRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client.AuthorizeRequest{%v %q}", a.Customer, a.Scopes)
}

// accountLifetime is how long the encrypted account of the strict profile is
// good for: the time to follow a link and sign in.
const accountLifetime = 9 * time.Minute

// NewState returns 256 random bits as 43 characters, for state and verifier.
func NewState() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// AuthorizeURL returns where to send the customer's browser. It holds the
// account number encrypted to the bank: in the strict profile for a few
// minutes, so make the URL when it is needed.
func (c *Client) AuthorizeURL(ctx context.Context, a AuthorizeRequest) (string, error) {
	who := Application(Metadata{}, a.Scopes...)
	if err := who.check(&c.cfg); err != nil {
		return "", err
	}
	if err := a.Customer.check(&c.cfg); err != nil {
		return "", err
	}
	if len(a.State) < 16 || !visible(a.State) {
		return "", errors.New("client: AuthorizeRequest.State must be unpredictable: see NewState")
	}
	u, err := url.Parse(c.endpoints.authorize)
	if err != nil {
		return "", err
	}
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.cfg.ClientID}, "scope": {who.scopes}, "state": {a.State},
	}
	if a.RedirectURI != "" {
		q.Set("redirect_uri", a.RedirectURI)
	}
	if a.Verifier != "" {
		if !validVerifier(a.Verifier) {
			return "", errors.New("client: AuthorizeRequest.Verifier must be 43 to 128 unreserved characters: see NewState")
		}
		sum := sha256.Sum256([]byte(a.Verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	if c.cfg.Environment.sealed() {
		account, err := c.sealAccount(ctx, a.Customer)
		if err != nil {
			return "", err
		}
		q.Set("account_id", account)
		q.Set("uuid", a.Customer.UUID)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (c *Client) sealAccount(ctx context.Context, who Customer) (string, error) {
	keys, err := c.cfg.BankKeys.PublicKeys(ctx, "")
	if err != nil {
		return "", &Error{Op: "authorize", Code: CodeUnreachable, Err: err}
	}
	to := keys.Encrypting()
	if len(to) == 0 {
		return "", invalid("BankKeys", "have none to encrypt to")
	}
	if c.cfg.Binding == jose.Strict {
		return jose.SealAccountStrict(jose.Account{
			AccountID: who.AccountID, UUID: who.UUID, ClientID: c.cfg.ClientID, Expiry: c.cfg.Now().Add(accountLifetime),
		}, to[0])
	}
	return jose.SealAccount(who.AccountID, to[0])
}

// validVerifier is code-verifier of RFC 7636 section 4.1.
func validVerifier(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)) {
			return false
		}
	}
	return len(s) >= 43 && len(s) <= 128
}

// Callback reads the query with which the bank sends the browser back, and
// returns the code for [Client.Exchange]. state is the one that this browser's
// session holds; another one, or none, is [ErrState]. If the customer or the
// bank declined, the error is an *[Error] with the bank's code, such as
// access_denied.
func Callback(query url.Values, state string) (code string, err error) {
	one := func(name string) string {
		if v := query[name]; len(v) == 1 {
			return v[0]
		}
		return ""
	}
	if state == "" || subtle.ConstantTimeCompare([]byte(one("state")), []byte(state)) != 1 {
		return "", ErrState
	}
	if query.Has("error") {
		e := &Error{Op: "authorize", Code: CodeMalformed, Description: sentence(one("error_description"))}
		if validCode(one("error")) {
			e.Code = one("error")
		}
		return "", e
	}
	if code = one("code"); !validToken(code) {
		return "", &Error{Op: "authorize", Code: CodeMalformed}
	}
	return code, nil
}
