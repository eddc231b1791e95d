package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// signIn: a person signs in through the pages for the mobile client, with PKCE.
func (t *tourist) signIn(ctx context.Context) {
	cfg := oauth2.Config{ClientID: t.creds.Mobile.ClientID, RedirectURL: t.creds.Mobile.RedirectURI, Scopes: []string{"account:read", "transaction:read"},
		Endpoint: oauth2.Endpoint{AuthURL: t.base + "/oauth2/authorize", TokenURL: t.base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams}}
	withClient := context.WithValue(ctx, oauth2.HTTPClient, t.http)
	verifier := oauth2.GenerateVerifier()
	var code string
	t.Step("a person signs in through the pages and allows the mobile client", func() (_ string, err error) {
		if code, err = t.browse(ctx, cfg.AuthCodeURL("state-1", oauth2.S256ChallengeOption(verifier))); err != nil {
			return "", err
		}
		return "a code comes back to " + cfg.RedirectURL, nil
	})
	refused := func(name string, options ...oauth2.AuthCodeOption) {
		t.Step(name, func() (string, error) {
			_, err := cfg.Exchange(withClient, code, options...)
			var refusal *oauth2.RetrieveError
			if !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
				return "", fmt.Errorf("want invalid_grant, got %v", err)
			}
			return "invalid_grant", nil
		})
	}
	refused("a wrong verifier is refused", oauth2.VerifierOption(oauth2.GenerateVerifier()))
	refused("a missing verifier is refused, after the failed try as well")
	t.Step("the right verifier gets tokens that act for the person", func() (string, error) {
		tok, err := cfg.Exchange(withClient, code, oauth2.VerifierOption(verifier))
		if err != nil {
			return "", err
		}
		if err := t.expect(ctx, "GET", "/v1/transactions", tok.AccessToken, 200, ""); err != nil {
			return "", err
		}
		return "reads transactions: 200; a transfer, which the scopes leave out: 403", t.expect(ctx, "POST", "/v1/transfers", tok.AccessToken, 403, "permission_denied")
	})
	refused("the code cannot be used again", oauth2.VerifierOption(verifier))
	t.Step("the plain challenge method is refused", func() (string, error) {
		a, err := t.send(ctx, "GET", strings.TrimPrefix(cfg.AuthCodeURL("state-2", oauth2.SetAuthURLParam("code_challenge", verifier), oauth2.SetAuthURLParam("code_challenge_method", "plain")), t.base), "", "", nil)
		if err != nil {
			return "", err
		}
		if to := a.header.Get("Location"); !strings.Contains(to, "error=invalid_request") {
			return "", fmt.Errorf("got %d %s", a.status, to)
		}
		return "invalid_request", nil
	})
}

// browse does what a browser without JavaScript does: it fills in the forms.
func (t *tourist) browse(ctx context.Context, start string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar, Timeout: t.http.Timeout, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), t.creds.Mobile.RedirectURI) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(ctx, "GET", start, nil)
	if err != nil {
		return "", err
	}
	resp, err := browser.Do(req)
	for range 3 {
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		if to, locationErr := resp.Location(); locationErr == nil {
			if code := to.Query().Get("code"); code != "" {
				return code, nil
			}
			return "", fmt.Errorf("sent back without a code: %s", to)
		}
		var form url.Values
		if form, err = readForm(resp); err != nil {
			return "", err
		}
		switch {
		case form.Has("username"):
			form.Set("username", t.creds.User.Email)
			form.Set("password", t.creds.User.Password)
		default:
			form.Set("decision", "allow")
		}
		if req, err = http.NewRequestWithContext(ctx, "POST", resp.Request.URL.String(), strings.NewReader(form.Encode())); err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err = browser.Do(req)
	}
	return "", errors.New("the pages do not come to an end")
}

// readForm collects the inputs of the page's form with their values.
func readForm(resp *http.Response) (url.Values, error) {
	page, err := html.Parse(resp.Body)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for n := range page.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" {
			continue
		}
		attribute := map[string]string{}
		for _, a := range n.Attr {
			attribute[a.Key] = a.Val
		}
		if attribute["name"] != "" {
			form.Set(attribute["name"], attribute["value"])
		}
	}
	if len(form) == 0 {
		return nil, fmt.Errorf("status %d and no form on the page", resp.StatusCode)
	}
	return form, nil
}
