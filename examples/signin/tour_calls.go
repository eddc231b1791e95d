package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/storage"
)

// masks: the token says which account it is; the mask in the request must agree.
func (t *tourist) masks(ctx context.Context) {
	issued, err := t.tokens(ctx, t.fintech, t.number)
	t.Step("an id in the path that is not the mask of the token's own account", func() (string, error) {
		if err != nil {
			return "", err
		}
		for name, id := range map[string]string{"another's mask": "5678xxxxxx129", "unmasked": t.number, "too short": "1234xxxxx567", "too long": "1234xxxxxxx567",
			"capitals": "1234XXXXXX567", "one digit shown": "12349xxxxx567", "encoded": "1234%78xxxxx567", "nothing": "%20"} {
			if _, err := t.expect(ctx, issued.Member("access_token"), "/accounts/"+id+"/transactions", 403, "masked_id_refused"); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		return "403 masked_id_refused for another's mask, the id unmasked, wrong lengths, capitals, a digit too many, escapes", nil
	})
	t.Step("two accounts that share one mask: each token opens its own and not the other", func() (string, error) {
		twin, err := t.tokens(ctx, t.fintech, t.twin)
		if err != nil {
			return "", err
		}
		for token, name := range map[string]string{issued.Member("access_token"): "Salary account", twin.Member("access_token"): "Savings account"} {
			a, err := t.call(ctx, token, t.path)
			if err := errors.Join(err, a.Want(200, "")); err != nil {
				return "", err
			}
			if a.Member("name") != name {
				return "", fmt.Errorf("got %s, want %s", a.Body, name)
			}
		}
		return "the same path answers with the salary account for one, with the savings account for the other", nil
	})
}

// calls: tokens that are no good for a call.
func (t *tourist) calls(ctx context.Context) {
	t.Step("another client cannot use the token", func() (string, error) {
		other, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		return other.expect(ctx, issued.Member("access_token"), t.path, 401, "invalid_token")
	})
	t.Step("a token without the route's scope, no token, and one that is none", func() (string, error) {
		narrow, err := t.tokens(ctx, t.fintech, t.number, "scope", "account_balances")
		if err != nil {
			return "", err
		}
		if _, err := t.expect(ctx, narrow.Member("access_token"), t.path, 403, "insufficient_scope"); err != nil {
			return "", err
		}
		if _, err := t.expect(ctx, narrow.Member("access_token"), strings.Replace(t.path, "transactions", "balance", 1), 200, ""); err != nil {
			return "", err
		}
		if _, err := t.expect(ctx, "gwa_nonsense", t.path, 401, "invalid_token"); err != nil {
			return "", err
		}
		c, err := t.sealing()
		if err != nil {
			return "", err
		}
		a, err := bankdemo.Send(ctx, c, "GET", t.BaseURL+base+t.path, "", "X-IBM-Client-Id", t.Client.ClientID)
		return "403 insufficient_scope (and the balance 200), 401 invalid_token, 401 token_missing, all sealed", errors.Join(err, a.Want(401, "token_missing"))
	})
	t.Step("an expired token", func() (string, error) {
		brief, err := t.another(ctx, func(c *storage.Client) { c.Lifetimes.Access = time.Second })
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, brief, t.number)
		if err != nil {
			return "", err
		}
		time.Sleep(2 * time.Second)
		return brief.expect(ctx, issued.Member("access_token"), t.path, 401, "invalid_token")
	})
}
