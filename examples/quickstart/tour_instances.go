package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/examples/internal/example"
)

// instances: a second process over the same database hears of a suspension.
func (t *tourist) instances(ctx context.Context, flags *example.Flags) {
	t.Step("a second process refuses, within one second, a token suspended through the first", func() (string, error) {
		second, err := example.StartSecond(ctx, flags, flags.DSN)
		if err != nil {
			return "", err
		}
		defer second.Stop()
		took, err := t.suspendAndWatch(ctx, second.URL, nil)
		return fmt.Sprintf("refused after %d ms", took.Milliseconds()), err
	})
	if flags.DSN == "" {
		return // SQLite is a file: there is no connection to cut
	}
	t.Step("so does one whose database connection is cut at that moment", func() (string, error) {
		line, err := example.NewCut(flags.DSN)
		if err != nil {
			return "", err
		}
		defer line.Close()
		second, err := example.StartSecond(ctx, flags, line.DSN)
		if err != nil {
			return "", err
		}
		defer second.Stop()
		took, err := t.suspendAndWatch(ctx, second.URL, line.Cut)
		return fmt.Sprintf("refused after %d ms", took.Milliseconds()), err
	})
}

// suspendAndWatch suspends a fresh key here and watches its token die at the
// other process.
func (t *tourist) suspendAndWatch(ctx context.Context, other string, before func()) (time.Duration, error) {
	admin, err := t.issue(ctx, t.creds.Keys["admin"])
	if err != nil {
		return 0, err
	}
	a, err := t.call(ctx, "POST", "/v1/keys", admin.AccessToken, `{"name":"Watched","roles":["viewer"]}`)
	if err := errors.Join(err, a.want(201, "")); err != nil {
		return 0, err
	}
	key := keyCredentials{a.member("client_id"), a.member("client_secret")}
	tok, err := t.issue(ctx, key)
	if err != nil {
		return 0, err
	}
	there := &tourist{Tour: t.Tour, base: other, creds: t.creds, http: t.http}
	if err := there.expect(ctx, "GET", "/v1/transactions", tok.AccessToken, 200, ""); err != nil {
		return 0, fmt.Errorf("before the suspension: %w", err)
	}
	if before != nil {
		before()
	}
	a, err = t.call(ctx, "POST", "/v1/keys/"+key.ClientID+"/suspend", admin.AccessToken, "")
	if err := errors.Join(err, a.want(200, "")); err != nil {
		return 0, err
	}
	began := time.Now()
	for {
		a, err := there.call(ctx, "GET", "/v1/transactions", tok.AccessToken, "")
		took := time.Since(began)
		switch {
		case err != nil:
			return took, err
		case a.status == 401, a.member("code") == "temporarily_unavailable": // refused by the guard, not by the ledger
			if took > time.Second {
				return took, fmt.Errorf("only after %v", took)
			}
			return took, nil
		case took > 5*time.Second:
			return took, fmt.Errorf("still %d %s after %v", a.status, a.member("code"), took)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
