package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/client"
)

// boundTokens: a token is for its own client and its own account, and the path
// has to show that account's mask.
func (v *visitor) boundTokens(ctx context.Context) {
	p := v.partner
	bearer, err := p.bearer(ctx, p.keys.AccountID, "beneficiary_management")
	refused := func(name, customer string, status int, code string, headers ...string) {
		v.Step(name, func() (string, error) {
			if err != nil {
				return "", err
			}
			if headers == nil {
				headers = bearer
			}
			a, err := p.want(ctx, status, code, "GET", "/customers/"+customer+"/beneficiaries", "", headers...)
			if err == nil && !a.sealed {
				err = errors.New("the refusal is not sealed")
			}
			return fmt.Sprintf("%d %s", status, code), err
		})
	}
	others, _ := client.Mask(v.stranger.keys.AccountID)
	refused("another account's mask", others, 403, "masked_id_refused")
	refused("the mask of the person, with a token for the account", "7841xxxxxxxxxxxx567", 403, "masked_id_refused")
	refused("an id that is not masked", p.keys.AccountID, 403, "masked_id_refused")
	refused("a mask that is too short", "1234xxxxx567", 403, "masked_id_refused")
	refused("a mask that is too long", "1234xxxxxxx567", 403, "masked_id_refused")
	refused("a mask with a capital X", "1234XXXXXX567", 403, "masked_id_refused")
	refused("a mask that shows too much", "12349xxxxx567", 403, "masked_id_refused")
	refused("no token", "1234xxxxxx567", 401, "token_missing", "Accept", "application/json")
	refused("a token that nobody has issued", "1234xxxxxx567", 401, "invalid_token", "Authorization", "Bearer "+token.NewSecret())
	refused("a right token with a wrong secret on top", "1234xxxxxx567", 401, "invalid_client", append([]string{"X-IBM-Client-Secret", token.NewSecret()}, bearer...)...)
	v.Step("a token that lacks the scope", func() (string, error) {
		if err != nil {
			return "", err
		}
		_, err := p.want(ctx, 403, "insufficient_scope", "POST", "/customers/1234xxxxxx567/transfers", `{"amount":"1.00"}`, append([]string{"Idempotency-Key", "k"}, bearer...)...)
		return "403 insufficient_scope", err
	})
	v.Step("another client's token", func() (string, error) {
		if err != nil {
			return "", err
		}
		_, err := v.stranger.want(ctx, 401, "invalid_token", "GET", "/customers/1234xxxxxx567/beneficiaries", "", bearer...)
		return "401 invalid_token, as a token that nobody has issued", err
	})
	v.Step("exchange rates without the secret, and with another client's", func() (string, error) {
		for _, secret := range []string{"", v.stranger.keys.ClientSecret} {
			if _, err := p.want(ctx, 401, "invalid_client", "GET", "/fx_rates", "", "X-IBM-Client-Secret", secret); err != nil {
				return "", err
			}
		}
		return "401 invalid_client for both", nil
	})
}

// twins: two accounts of the partner's customers look the same when they are
// masked. The mask picks neither: the token does.
func (v *visitor) twins(ctx context.Context) {
	p := v.partner
	const masked = "1234xxxxxx567"
	accounts := [2]string{p.keys.AccountID, p.keys.TwinAccountID}
	var tokens [2][]string
	var balances [2]string
	transfer := func(i int, amount string, headers ...string) (answer, error) {
		key := fmt.Sprintf("twin-%d-%d", i, time.Now().UnixNano())
		return p.call(ctx, "POST", "/customers/"+masked+"/transfers", `{"amount":"`+amount+`"}`, append([]string{"Idempotency-Key", key}, append(headers, tokens[i]...)...)...)
	}
	v.Step("two accounts share the mask "+masked+": each token moves the money of its own", func() (string, error) {
		var err error
		for i, number := range accounts {
			if mask, maskErr := client.Mask(number); mask != masked || maskErr != nil {
				return "", fmt.Errorf("%s: %w", mask, maskErr)
			}
			if tokens[i], err = p.bearer(ctx, number); err != nil {
				return "", err
			}
			a, err := transfer(i, "0.00")
			if err := errors.Join(err, a.Want(201, "")); err != nil {
				return "", err
			}
			balances[i] = a.Member("balance")
		}
		first, err := transfer(0, "7.00")
		if err := errors.Join(err, first.Want(201, "")); err != nil {
			return "", err
		}
		second, err := transfer(1, "0.00")
		if err := errors.Join(err, second.Want(201, "")); err != nil {
			return "", err
		}
		if second.Member("balance") != balances[1] || first.Member("balance") == balances[0] {
			return "", fmt.Errorf("the first went from %s to %s, the second from %s to %s", balances[0], first.Member("balance"), balances[1], second.Member("balance"))
		}
		return fmt.Sprintf("7.00 from the first: %s, then %s; the second: still %s", balances[0], first.Member("balance"), balances[1]), nil
	})
	v.Step("the token of one does not work for the other", func() (string, error) {
		if tokens[0] == nil {
			return "", errors.New("there is no token")
		}
		path := "/customers/" + masked + "/beneficiaries"
		made, err := p.want(ctx, 201, "", "POST", path, `{"name":"Only of the second"}`, tokens[1]...)
		if err != nil {
			return "", err
		}
		id := made.Member("beneficiary_id")
		listed, err := p.want(ctx, 200, "", "GET", path, "", tokens[0]...)
		if err != nil {
			return "", err
		}
		if strings.Contains(string(listed.Body), id) {
			return "", errors.New("the first account's token lists the second's beneficiary")
		}
		headers := append([]string{"Idempotency-Key", fmt.Sprintf("other-%d", time.Now().UnixNano())}, tokens[0]...)
		if _, err := p.want(ctx, 404, "beneficiary_not_found", "POST", "/customers/"+masked+"/transfers", `{"amount":"1.00","beneficiary_id":"`+id+`"}`, headers...); err != nil {
			return "", err
		}
		_, err = p.want(ctx, 403, "masked_id_refused", "GET", "/customers/"+accounts[1]+"/beneficiaries", "", tokens[0]...)
		return "its beneficiaries are not there, money to them is refused, and so is its full number", err
	})
}
