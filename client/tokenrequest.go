package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// tokenRequest is the JSON form of a token request.
type tokenRequest struct {
	GrantType string         `json:"grant_type"`
	Scope     string         `json:"scope"`
	Metadata  *tokenMetadata `json:"oauth_metadata,omitempty"`
}

type tokenMetadata struct {
	AccountID  string `json:"account_id,omitempty"`
	EmiratesID string `json:"emirates_id,omitempty"`
}

// tokenResponse is RFC 6749 section 5.1, with the bank's own members.
type tokenResponse struct {
	TokenType        string `json:"token_type"`
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	Scope            string `json:"scope"`
	ConsentedOn      int64  `json:"consented_on"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_token_expires_in"`
}

// maxLifetime bounds what a response may claim, in seconds.
const maxLifetime = 100 * 366 * 24 * 3600

// fetchApplication gets a token for the client itself.
func (c *Client) fetchApplication(ctx context.Context, who Identity) (accessToken, error) {
	began := c.cfg.Now()
	res, err := c.askApplication(ctx, who)
	if err != nil {
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "token refused", slog.String("scopes", who.scopes), slog.Any("error", err))
		return accessToken{}, err
	}
	c.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "token fetched", slog.String("scopes", who.scopes), slog.Int64("expires_in", res.ExpiresIn))
	return c.access(res, began), nil
}

func (c *Client) askApplication(ctx context.Context, who Identity) (*tokenResponse, error) {
	if !c.cfg.Environment.sealed() {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {who.scopes}}
		return c.askForm(ctx, "token", c.endpoints.token, form)
	}
	ask := tokenRequest{GrantType: "client_credentials", Scope: who.scopes}
	if m := who.metadata; m != (Metadata{}) {
		ask.Metadata = &tokenMetadata{m.AccountID, m.EmiratesID}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, &Error{Op: "token", Code: CodeMalformed, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoints.token, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Op: "token", Code: CodeUnreachable, Err: err}
	}
	c.credentials(req, KeyAndSecret(), "")
	req.Header.Set("Content-Type", "application/json")
	return c.ask(req, "token", c.sealing)
}

// askForm sends a form with HTTP Basic credentials (RFC 6749 section 2.3.1) and
// reads a plain answer: the sandbox, and the customer sign-in everywhere.
func (c *Client) askForm(ctx context.Context, op, endpoint string, form url.Values) (*tokenResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &Error{Op: op, Code: CodeUnreachable, Err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.cfg.ClientID), url.QueryEscape(c.cfg.ClientSecret))
	return c.ask(req, op, network{c.plain})
}

func (c *Client) ask(req *http.Request, op string, through http.RoundTripper) (*tokenResponse, error) {
	req.Header.Set("Accept", "application/json")
	msgID := req.Header.Get(c.cfg.MsgIDHeader)
	req, sent := watched(req)
	res, err := through.RoundTrip(req)
	if err != nil {
		return nil, failure(op, msgID, sent, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	if err != nil {
		return nil, &Error{Op: op, Status: res.StatusCode, Code: CodeUnreachable, MsgID: msgID, Err: err}
	}
	if res.StatusCode != http.StatusOK {
		e := refusalOf(op, res, body)
		e.MsgID = msgID
		return nil, e
	}
	var out tokenResponse
	if jose.CheckJSON(body) != nil || json.Unmarshal(body, &out) != nil || !out.sound() {
		return nil, &Error{Op: op, Status: res.StatusCode, Code: CodeMalformed, MsgID: msgID}
	}
	return &out, nil
}

func (r *tokenResponse) sound() bool {
	inRange := func(seconds int64) bool { return seconds >= 0 && seconds <= maxLifetime }
	return strings.EqualFold(r.TokenType, "bearer") && validToken(r.AccessToken) && r.ExpiresIn > 0 && inRange(r.ExpiresIn) &&
		(r.RefreshToken == "" || validToken(r.RefreshToken)) && inRange(r.RefreshExpiresIn) && r.ConsentedOn >= 0
}

// validToken accepts visible ASCII up to 16 KiB (RFC 6749 appendix A.12).
func validToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 16<<10
}

// access says until when a token is to be used, counting from before it was
// asked for.
func (c *Client) access(r *tokenResponse, began time.Time) accessToken {
	lifetime := time.Duration(r.ExpiresIn) * time.Second
	return accessToken{r.AccessToken, began.Add(lifetime - c.margin(lifetime))}
}

func (c *Client) margin(lifetime time.Duration) time.Duration {
	return min(c.cfg.ExpiryMargin, lifetime/2)
}
