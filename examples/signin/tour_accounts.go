package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/jose"
)

// accounts: accounts that a customer may not give access to. Anybody can encrypt
// a number to the bank's public key, so the answers must not tell which exist.
func (t *tourist) accounts(ctx context.Context) {
	other := customers[1]
	var denied string // what the browser is sent back with, to the letter
	parameters := func() (map[string]string, error) {
		unknown, err := t.encrypt(t.uuid, "9999000099992")
		if err != nil {
			return nil, err
		}
		notOwned, err := t.encrypt(t.uuid, other.accounts[0].Number)
		if err != nil {
			return nil, err
		}
		own, err := t.encrypt(t.uuid, t.number)
		if err != nil {
			return nil, err
		}
		stranger, err := strangersKey()
		if err != nil {
			return nil, err
		}
		elsewhere, err := jose.SealAccount(t.number, stranger)
		if err != nil {
			return nil, err
		}
		otherForm, err := t.inOtherForm()
		if err != nil {
			return nil, err
		}
		noNumber, err := jose.SealCompact([]byte("12-34"), t.bank.Encrypting()[0])
		if err != nil {
			return nil, err
		}
		parts := strings.Split(own, ".")
		parts[3] = flip(parts[3])
		return map[string]string{"an unknown account": unknown, "somebody else's account": notOwned, "a changed ciphertext": strings.Join(parts, "."),
			"one for another bank's key": elsewhere, "the form of the other profile": otherForm, "the number in the clear": t.number,
			"no number": noNumber, "nonsense": "e30.AA.AA.AA.AA"}, nil
	}
	t.Step("an unknown account, somebody else's, a bad ciphertext, one for another bank's key, the number in the clear: one and the same answer", func() (string, error) {
		made, err := parameters()
		if err != nil {
			return "", err
		}
		for name, parameter := range made {
			v, err := t.visit(ctx, t.linkWith(t.uuid, parameter), nil)
			if err != nil {
				return "", err
			}
			to, err := sentBack(v, "access_denied")
			if err == nil && denied != "" && to != denied {
				err = errors.New("it can be told from the others: " + to)
			}
			if err == nil && (len(v.Pages) != 1 || strings.Contains(v.Pages[0], "xxxx") || strings.Contains(v.Pages[0], other.accounts[0].Number)) {
				err = errors.New("more than the login page was shown")
			}
			if err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			denied = to
		}
		return fmt.Sprintf("%d times sent back with access_denied, before anything was shown", len(made)), nil
	})
	t.Step("a uuid that is another customer's, with their account or one's own", func() (string, error) {
		for _, number := range []string{other.accounts[0].Number, t.number} {
			link, err := t.link(other.uuid, number)
			if err != nil {
				return "", err
			}
			v, err := t.visit(ctx, link, nil)
			if err != nil {
				return "", err
			}
			if _, err := sentBack(v, "access_denied"); err != nil {
				return "", err
			}
		}
		return "sent back with access_denied", nil
	})
	t.Step("a request without account_id, or without uuid", func() (string, error) {
		for _, missing := range []string{"account_id", "uuid"} {
			if err := t.declined(ctx, t.fintech, "invalid_request", missing, ""); err != nil {
				return "", fmt.Errorf("%s: %w", missing, err)
			}
		}
		return "sent back with invalid_request", nil
	})
	t.Step("a customer may try in vain twenty times; from then on their own account is refused in the same way", func() (string, error) {
		busy := customers[2]
		browser, err := t.browser(busy.username)
		if err != nil {
			return "", err
		}
		for i := range 21 {
			number := "9999000099992"
			if i == 20 {
				number = busy.accounts[0].Number
			}
			link, err := t.link(busy.uuid, number)
			if err != nil {
				return "", err
			}
			v, err := browser.Visit(ctx, link)
			if err != nil {
				return "", err
			}
			if to, err := sentBack(v, "access_denied"); err != nil || to != denied {
				return "", errors.Join(err, fmt.Errorf("try %d: sent to %s", i+1, to))
			}
		}
		_, err = t.tokens(ctx, t.fintech, t.number)
		return "access_denied 21 times; another customer is not held up", err
	})
}

// flip changes a character in the middle.
func flip(s string) string {
	b := []byte(s)
	i := len(b) / 2
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// inOtherForm is the account in the form of the profile that is not on.
func (t *tourist) inOtherForm() (string, error) {
	if t.people.binding == jose.Strict {
		return jose.SealAccount(t.number, t.bank.Encrypting()[0])
	}
	return jose.SealAccountStrict(jose.Account{AccountID: t.number, UUID: t.uuid, ClientID: t.Client.ClientID, Expiry: time.Now().Add(time.Minute)}, t.bank.Encrypting()[0])
}

// strict: what the strict profile refuses on top, where it is on.
func (t *tourist) strict(ctx context.Context) {
	if t.people.binding != jose.Strict {
		return
	}
	good := jose.Account{AccountID: t.number, UUID: t.uuid, ClientID: t.Client.ClientID, Expiry: time.Now().Add(5 * time.Minute)}
	for name, change := range map[string]func(*jose.Account){
		"an account whose time has passed":              func(a *jose.Account) { a.Expiry = time.Now().Add(-2 * time.Minute) },
		"an account that would be good for hours":       func(a *jose.Account) { a.Expiry = time.Now().Add(3 * time.Hour) },
		"an account that another client has encrypted":  func(a *jose.Account) { a.ClientID = "another" },
		"an account encrypted for another of customers": func(a *jose.Account) { a.UUID = customers[1].uuid },
	} {
		t.Step(name, func() (string, error) {
			a := good
			change(&a)
			parameter, err := jose.SealAccountStrict(a, t.bank.Encrypting()[0])
			if err != nil {
				return "", err
			}
			v, err := t.visit(ctx, t.linkWith(t.uuid, parameter), nil)
			if err != nil {
				return "", err
			}
			return "sent back with access_denied", v.Refused("access_denied")
		})
	}
	t.Step("an encrypted account that was used before", func() (string, error) {
		link, err := t.link(t.uuid, t.number)
		if err != nil {
			return "", err
		}
		first, err := t.visit(ctx, link, nil)
		if err != nil {
			return "", err
		}
		if _, err := first.Code(); err != nil {
			return "", err
		}
		again, err := t.visit(ctx, link, func(*bankdemo.Browser) {})
		if err != nil {
			return "", err
		}
		return "a code the first time, access_denied the second", again.Refused("access_denied")
	})
}
