package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatewright/gatewright/examples/internal/example"
)

// tourist is a client of the server: it knows its credentials and nothing else.
type tourist struct {
	*example.Tour
	base  string
	creds credentials
	http  *http.Client
}

// tour plays the whole story over HTTP.
func tour(ctx context.Context, flags *example.Flags, base string, creds credentials) error {
	t := &tourist{Tour: example.NewTour(os.Stdout), base: base, creds: creds, http: &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.tokens(ctx)
	t.signIn(ctx)
	t.keys(ctx)
	t.instances(ctx, flags)
	return t.Err()
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) member(name string) string {
	var m map[string]any
	_ = json.Unmarshal(a.body, &m)
	s, _ := m[name].(string)
	return s
}

// want checks status and error code.
func (a answer) want(status int, code string) error {
	got := a.member("error")
	if got == "" {
		got = a.member("code")
	}
	if a.status != status || got != code {
		return fmt.Errorf("got %d %s, want %d %s: %s", a.status, got, status, code, a.body)
	}
	return nil
}

func (t *tourist) send(ctx context.Context, method, path, contentType, body string, change func(*http.Request)) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if change != nil {
		change(req)
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, read}, err
}

func (t *tourist) call(ctx context.Context, method, path, bearer, body string) (answer, error) {
	return t.send(ctx, method, path, "application/json", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+bearer) })
}

func (t *tourist) form(ctx context.Context, path string, key keyCredentials, pairs ...string) (answer, error) {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return t.send(ctx, "POST", path, "application/x-www-form-urlencoded", form.Encode(), func(r *http.Request) {
		if key.ClientSecret != "" {
			r.SetBasicAuth(key.ClientID, key.ClientSecret)
		}
	})
}

// issue gets tokens with golang.org/x/oauth2, as any Go client would.
func (t *tourist) issue(ctx context.Context, key keyCredentials) (*oauth2.Token, error) {
	cfg := clientcredentials.Config{ClientID: key.ClientID, ClientSecret: key.ClientSecret, TokenURL: t.base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader}
	return cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
}

// expect calls a route and checks status and code.
func (t *tourist) expect(ctx context.Context, method, path, bearer string, status int, code string) error {
	a, err := t.call(ctx, method, path, bearer, "")
	if err != nil {
		return err
	}
	return a.want(status, code)
}

// tokens: issue, call, refused by role, refresh, replay, revoke.
func (t *tourist) tokens(ctx context.Context) {
	var viewer *oauth2.Token
	t.Step("the viewer key gets a token with golang.org/x/oauth2", func() (_ string, err error) {
		if viewer, err = t.issue(ctx, t.creds.Keys["viewer"]); err != nil {
			return "", err
		}
		if viewer.RefreshToken == "" {
			return "", errors.New("no refresh token beside it")
		}
		return fmt.Sprintf("an access token for %s and a refresh token", time.Until(viewer.Expiry).Round(time.Minute)), nil
	})
	if viewer == nil {
		return
	}
	t.Step("it reads transactions", func() (string, error) {
		return "200", t.expect(ctx, "GET", "/v1/transactions", viewer.AccessToken, 200, "")
	})
	t.Step("its role does not let it start a transfer", func() (string, error) {
		return "403 permission_denied", t.expect(ctx, "POST", "/v1/transfers", viewer.AccessToken, 403, "permission_denied")
	})
	t.Step("the merchant spelling takes JSON", func() (string, error) {
		key := t.creds.Keys["transfer-only"]
		a, err := t.send(ctx, "POST", "/v1/auth/token/issue", "application/json",
			fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, key.ClientID, key.ClientSecret), nil)
		if err != nil {
			return "", err
		}
		if err := a.want(200, ""); err != nil {
			return "", err
		}
		return "a token, with which a transfer is started: 201", t.expect(ctx, "POST", "/v1/transfers", a.member("access_token"), 201, "")
	})

	var next *oauth2.Token
	t.Step("refreshing gives a new pair, and the old access token is dead", func() (_ string, err error) {
		cfg := oauth2.Config{ClientID: t.creds.Keys["viewer"].ClientID, ClientSecret: t.creds.Keys["viewer"].ClientSecret,
			Endpoint: oauth2.Endpoint{TokenURL: t.base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader}}
		expired := &oauth2.Token{RefreshToken: viewer.RefreshToken, Expiry: time.Now().Add(-time.Minute)}
		if next, err = cfg.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, t.http), expired).Token(); err != nil {
			return "", err
		}
		if err := t.expect(ctx, "GET", "/v1/transactions", next.AccessToken, 200, ""); err != nil {
			return "", err
		}
		return "new token 200, old token 401", t.expect(ctx, "GET", "/v1/transactions", viewer.AccessToken, 401, "invalid_token")
	})
	t.Step("replaying the old refresh token is refused, and the family dies", func() (string, error) {
		for _, refresh := range []string{viewer.RefreshToken, next.RefreshToken} {
			a, err := t.form(ctx, "/oauth2/token", t.creds.Keys["viewer"], "grant_type", "refresh_token", "refresh_token", refresh)
			if err := errors.Join(err, a.want(400, "invalid_grant")); err != nil {
				return "", err
			}
		}
		return "invalid_grant for both refresh tokens, 401 for the access token", t.expect(ctx, "GET", "/v1/transactions", next.AccessToken, 401, "invalid_token")
	})
	t.Step("revoking a token takes effect on the next request", func() (string, error) {
		fresh, err := t.issue(ctx, t.creds.Keys["viewer"])
		if err != nil {
			return "", err
		}
		a, err := t.form(ctx, "/oauth2/revoke", t.creds.Keys["viewer"], "token", fresh.AccessToken)
		if err := errors.Join(err, a.want(200, "")); err != nil {
			return "", err
		}
		return "401", t.expect(ctx, "GET", "/v1/transactions", fresh.AccessToken, 401, "invalid_token")
	})
	t.Step("a resource server may introspect any token, another client may not", func() (string, error) {
		fresh, err := t.issue(ctx, t.creds.Keys["viewer"])
		if err != nil {
			return "", err
		}
		for _, c := range []struct {
			key    keyCredentials
			active string
		}{{t.creds.ResourceServer, `"active":true`}, {t.creds.OtherOrganization.Admin, `"active":false`}} {
			a, err := t.form(ctx, "/oauth2/introspect", c.key, "token", fresh.AccessToken)
			if err != nil {
				return "", err
			}
			if !strings.Contains(string(a.body), c.active) {
				return "", fmt.Errorf("want %s in %s", c.active, a.body)
			}
		}
		return "active for the resource server, inactive for the stranger", nil
	})
}
