package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Consent is what a customer has consented to, and for how long. It holds no
// token.
type Consent struct {
	Scopes []string
	// ConsentedOn is when; the zero time if the bank did not say.
	ConsentedOn time.Time
	// AccessExpiresAt is the end of the access token, which is renewed as needed.
	AccessExpiresAt time.Time
	// RefreshExpiresAt is the time until which [Client.Refresh], or any request of
	// the customer after the access token's end, must have happened: else the
	// customer has to sign in again. The zero time if the bank did not say.
	RefreshExpiresAt time.Time
}

// ExchangeRequest turns a code into tokens.
type ExchangeRequest struct {
	// Customer is the same as in [AuthorizeRequest].
	Customer Customer
	// Code is what [Callback] returned.
	Code string
	// RedirectURI and Verifier are those of the [AuthorizeRequest], if it had any.
	RedirectURI string
	Verifier    string
}

// Format keeps every verb from printing the code.
func (x ExchangeRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client.ExchangeRequest{%v}", x.Customer)
}

// Exchange redeems a code, which works once, and keeps the customer's tokens in
// place of earlier ones: the refresh token in the [TokenStore], encrypted.
func (c *Client) Exchange(ctx context.Context, x ExchangeRequest) (Consent, error) {
	if err := x.Customer.check(&c.cfg); err != nil {
		return Consent{}, err
	}
	if !validToken(x.Code) {
		return Consent{}, &Error{Op: "exchange", Code: CodeMalformed, Err: errors.New("client: ExchangeRequest.Code is no code")}
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {x.Code}}
	if x.RedirectURI != "" {
		form.Set("redirect_uri", x.RedirectURI)
	}
	if x.Verifier != "" {
		form.Set("code_verifier", x.Verifier)
	}
	var given Consent
	err := c.update(ctx, c.records.name(x.Customer), func(r *record) (*record, error) {
		// A code works once: from here on the caller's going away ends nothing.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
		defer cancel()
		began := c.cfg.Now()
		res, err := c.askForm(ctx, "exchange", c.endpoints.signIn, form)
		if err != nil {
			return r, err
		}
		next := c.recordOf(res, began, nil)
		given = next.consent()
		c.tokens.put(OnBehalfOf(x.Customer).cacheKey(), c.accessOf(next))
		return next, nil
	})
	return given, err
}

// Refresh exchanges the customer's refresh token now, whether the access token
// is still good or not, so that consent does not lapse while nobody calls. The
// error is [ErrSignInAgain] where the bank refuses it.
func (c *Client) Refresh(ctx context.Context, who Customer) (Consent, error) {
	if err := who.check(&c.cfg); err != nil {
		return Consent{}, err
	}
	var kept Consent
	name := c.records.name(who)
	err := c.update(ctx, name, func(r *record) (*record, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
		defer cancel()
		next, err := c.refresh(ctx, r)
		if err == nil {
			kept = next.consent()
			c.tokens.put(OnBehalfOf(who).cacheKey(), c.accessOf(next))
		}
		return next, err
	})
	return kept, err
}

// Consent returns what the stored tokens of a customer are good for, without
// asking the bank. It is [ErrSignInAgain] if there are none.
func (c *Client) Consent(ctx context.Context, who Customer) (Consent, error) {
	if err := who.check(&c.cfg); err != nil {
		return Consent{}, err
	}
	r, err := c.load(ctx, c.records.name(who))
	if err != nil {
		return Consent{}, err
	}
	if r == nil {
		return Consent{}, ErrSignInAgain
	}
	return r.consent(), nil
}

// Forget drops a customer's tokens, here and in the store. The bank is not told.
func (c *Client) Forget(ctx context.Context, who Customer) error {
	if err := who.check(&c.cfg); err != nil {
		return err
	}
	c.tokens.drop(OnBehalfOf(who).cacheKey(), "")
	return c.update(ctx, c.records.name(who), func(*record) (*record, error) { return nil, nil })
}

// fetchCustomer finds a customer's access token in the store, or refreshes. Of
// all processes that share the store one refreshes at a time; the others find
// what it got.
func (c *Client) fetchCustomer(ctx context.Context, who Customer, refused string) (accessToken, error) {
	name := c.records.name(who)
	r, err := c.load(ctx, name)
	if err != nil {
		return accessToken{}, err
	}
	if r.usable(c, refused) {
		return c.accessOf(r), nil
	}
	var got accessToken
	err = c.update(ctx, name, func(r *record) (*record, error) {
		if r.usable(c, refused) {
			got = c.accessOf(r)
			return r, nil
		}
		next, err := c.refresh(ctx, r)
		if err == nil {
			got = c.accessOf(next)
		}
		return next, err
	})
	return got, err
}

// refresh exchanges the refresh token of a record. What it returns is to be
// kept, along with an error too: nil where the bank has refused for good.
func (c *Client) refresh(ctx context.Context, r *record) (*record, error) {
	if r == nil || r.RefreshToken == "" {
		return r, ErrSignInAgain
	}
	began := c.cfg.Now()
	res, err := c.askForm(ctx, "refresh", c.endpoints.signIn, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.RefreshToken}})
	var refused *Error
	if errors.As(err, &refused) && refused.Code == "invalid_grant" && refused.Status == http.StatusBadRequest {
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "refresh token refused", slog.Any("error", err))
		refused.Err = ErrSignInAgain
		return nil, refused
	}
	if err != nil {
		return r, err
	}
	c.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "customer's token refreshed", slog.Int64("expires_in", res.ExpiresIn))
	return c.recordOf(res, began, r), nil
}

// recordOf keeps of the old record what the answer does not repeat.
func (c *Client) recordOf(res *tokenResponse, began time.Time, old *record) *record {
	if old == nil {
		old = &record{}
	}
	r := *old
	r.AccessToken, r.AccessExpires = res.AccessToken, began.Unix()+res.ExpiresIn
	r.Lifetime = res.ExpiresIn
	if res.RefreshToken != "" {
		r.RefreshToken, r.RefreshExpires = res.RefreshToken, 0
		if res.RefreshExpiresIn > 0 {
			r.RefreshExpires = began.Unix() + res.RefreshExpiresIn
		}
	}
	if res.ConsentedOn != 0 {
		r.ConsentedOn = res.ConsentedOn
	}
	if res.Scope != "" {
		r.Scope = res.Scope
	}
	return &r
}

// usable tells whether the record's access token may be used.
func (r *record) usable(c *Client, refused string) bool {
	return r != nil && r.AccessToken != "" && r.AccessToken != refused && c.cfg.Now().Before(c.accessOf(r).useUntil)
}

func (c *Client) accessOf(r *record) accessToken {
	margin := c.margin(time.Duration(r.Lifetime) * time.Second)
	return accessToken{r.AccessToken, time.Unix(r.AccessExpires, 0).Add(-margin)}
}

func (r *record) consent() Consent {
	at := func(seconds int64) time.Time {
		if seconds == 0 {
			return time.Time{}
		}
		return time.Unix(seconds, 0).UTC()
	}
	return Consent{
		Scopes: strings.Fields(r.Scope), ConsentedOn: at(r.ConsentedOn),
		AccessExpiresAt: at(r.AccessExpires), RefreshExpiresAt: at(r.RefreshExpires),
	}
}
