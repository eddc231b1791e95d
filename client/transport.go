package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/jose"
)

// transport makes requests as one identity. What seals and what checks the
// server lies below it, out of reach.
type transport struct {
	client *Client
	who    Identity
}

var _ http.RoundTripper = (*transport)(nil)

// Format keeps every verb from printing what lies below.
func (t *transport) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client.transport{%s}", t.who) }

// RoundTrip implements [http.RoundTripper]. The request is not changed, and its
// body is closed.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.client.foreign(req); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), t.client.cfg.Timeout)
	res, err := t.attempts(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	res.Body = &limitedBody{res.Body, cancel}
	return res, nil
}

// limitedBody is a body within the time that its request has.
type limitedBody struct {
	io.ReadCloser
	done context.CancelFunc
}

func (b *limitedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// attempts sends a request, and once more if its token is refused.
func (t *transport) attempts(req *http.Request) (*http.Response, error) {
	c := t.client
	token, err := c.token(req.Context(), t.who, "")
	if err != nil {
		closeBody(req)
		return nil, err
	}
	res, err := t.send(req, token)
	if err != nil || token == "" || !tokenRefused(res) {
		return res, err
	}
	again, ok := replay(req)
	if !ok {
		c.tokens.drop(t.who.cacheKey(), token)
		return res, nil
	}
	res.Body.Close()
	fresh, err := c.token(req.Context(), t.who, token)
	if err != nil {
		closeBody(again)
		return nil, err
	}
	return t.send(again, fresh)
}

// send makes one attempt, with a message id of its own.
func (t *transport) send(req *http.Request, token string) (*http.Response, error) {
	c := t.client
	out, sent := watched(req.Clone(req.Context()))
	c.credentials(out, t.who, token)
	msgID := out.Header.Get(c.cfg.MsgIDHeader)
	res, err := c.sealing.RoundTrip(out)
	if err != nil {
		return nil, failure("request", msgID, sent, err)
	}
	// The caller gets to see the message id, and none of the credentials.
	shown := req.Clone(context.WithValue(req.Context(), msgIDKey{}, msgID))
	shown.Header.Set(c.cfg.MsgIDHeader, msgID)
	res.Request = shown
	return res, nil
}

// credentials puts what the identity sends in place of whatever was there.
func (c *Client) credentials(req *http.Request, who Identity, token string) {
	h := req.Header
	for _, name := range []string{"Authorization", c.cfg.ClientIDHeader, c.cfg.ClientSecretHeader, c.cfg.MsgIDHeader} {
		h.Del(name)
	}
	h.Set(c.cfg.ClientIDHeader, c.cfg.ClientID)
	h.Set(c.cfg.MsgIDHeader, jose.NewMsgID())
	if who.kind == identityKeys {
		h.Set(c.cfg.ClientSecretHeader, c.cfg.ClientSecret)
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
}

// token returns the access token of an identity, "" for one without. refused is
// one that the bank has refused already.
func (c *Client) token(ctx context.Context, who Identity, refused string) (string, error) {
	fetch := func(ctx context.Context, refused string) (accessToken, error) { return c.fetchApplication(ctx, who) }
	switch {
	case !who.bearer():
		return "", nil
	case who.kind == identityCustomer:
		fetch = func(ctx context.Context, refused string) (accessToken, error) {
			return c.fetchCustomer(ctx, who.customer, refused)
		}
	}
	return c.tokens.get(ctx, who.cacheKey(), refused, fetch)
}

// foreign refuses requests that would carry credentials elsewhere.
func (c *Client) foreign(req *http.Request) error {
	if req.URL == nil || !sameOrigin(req.URL, c.endpoints.base) {
		return ErrForeignURL
	}
	if req.Host != "" && !strings.EqualFold(req.Host, req.URL.Host) {
		return fmt.Errorf("%w: the Host header names another", ErrForeignURL)
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// replay returns the request with its body from the start.
func replay(req *http.Request) (*http.Request, bool) {
	again := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	again.Body = body
	return again, true
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// challengeError is the error parameter of a challenge (RFC 6750 section 3).
var challengeError = regexp.MustCompile(`(?i)(?:^|[\s,])error\s*=\s*"?([a-z_]+)"?`)

// tokenRefused tells whether a response means that the token is no longer good:
// 401 with invalid_token in the challenge or in the body, or 401 that says
// nothing at all. Other 401s are about other credentials.
func tokenRefused(res *http.Response) bool {
	if res.StatusCode != http.StatusUnauthorized {
		return false
	}
	for _, challenge := range res.Header.Values("WWW-Authenticate") {
		if m := challengeError.FindStringSubmatch(challenge); m != nil {
			return m[1] == "invalid_token"
		}
	}
	body, err := peek(res)
	if err != nil {
		return false
	}
	code := refusalOf("response", res, body).Code
	return code == "invalid_token" || code == CodeNone
}

type msgIDKey struct{}

// msgIDOf returns the message id under which a request was sent.
func msgIDOf(req *http.Request) string {
	id, _ := req.Context().Value(msgIDKey{}).(string)
	return id
}

// MsgID returns the message id of the request that a response answers, to ask
// the bank about it; "" for a response from elsewhere.
func MsgID(res *http.Response) string {
	if res == nil || res.Request == nil {
		return ""
	}
	return msgIDOf(res.Request)
}
