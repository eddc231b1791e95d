package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

// TestBadInputToTheHostsRoutes: each a clear 4xx, whatever the database would have
// said, and nothing written.
func TestBadInputToTheHostsRoutes(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		c := touristAt(t, exampletest.Start(t, "-data", t.TempDir(), "-dsn", dsn))
		admin, err := c.issue(t.Context(), c.creds.Keys["admin"])
		if err != nil {
			t.Fatal(err)
		}
		const accounts, transfers, assign = "/v1/accounts", "/v1/transfers", "/v1/terminals/t-1/assign"
		for _, bad := range []struct {
			name, path, body string
			status           int
			code             string
		}{
			{"no object", accounts, `[]`, 400, "body_malformed"},
			{"null", accounts, `null`, 400, "body_malformed"},
			{"half", accounts, `{"name":"a"`, 400, "body_malformed"},
			{"a wrong type", accounts, `{"name":1}`, 400, "body_malformed"},
			{"a wrong number", transfers, `{"amount_minor":1.5}`, 400, "body_malformed"},
			{"twice", accounts, `{"name":"a","name":"b"}`, 400, "body_malformed"},
			{"twice, escaped", accounts, `{"name":"a","n\u0061me":"b"}`, 400, "body_malformed"},
			{"twice, unknown", accounts, `{"x":1,"x":2}`, 400, "body_malformed"},
			{"another case", accounts, `{"Name":"a"}`, 400, "body_malformed"},
			{"both cases", transfers, `{"to":"a","TO":"b"}`, 400, "body_malformed"},
			{"trailing object", accounts, `{"name":"a"}{}`, 400, "body_malformed"},
			{"trailing text", assign, `{}x`, 400, "body_malformed"},
			{"too large", accounts, `{"name":"` + strings.Repeat("a", 10<<20) + `"}`, 413, "body_too_large"},
			{"a long name", accounts, `{"name":"` + strings.Repeat("a", 201) + `"}`, 400, "invalid_value"},
			{"a zero byte", accounts, `{"name":"a\u0000b"}`, 400, "invalid_value"},
			{"a long currency", accounts, `{"currency":"EURO"}`, 400, "invalid_value"},
			{"a long account", transfers, `{"from":"` + strings.Repeat("a", 33) + `"}`, 400, "invalid_value"},
			{"a negative amount", transfers, `{"amount_minor":-1}`, 400, "amount_negative"},
			{"an amount out of range", transfers, `{"amount_minor":9223372036854775808}`, 400, "body_malformed"},
			{"one account twice", transfers, `{"from":"a","to":"a","amount_minor":5}`, 400, "same_account"},
			{"an unknown account", transfers, `{"to":"nobody","amount_minor":5}`, 404, "account_not_found"},
			{"a long terminal id", "/v1/terminals/" + strings.Repeat("t", 65) + "/assign", ``, 400, "invalid_value"},
			{"a long account of a terminal", assign, `{"account":"` + strings.Repeat("a", 33) + `"}`, 400, "invalid_value"},
		} {
			if err := c.refusal(t.Context(), bad.path, admin.AccessToken, bad.body, bad.status, bad.code); err != nil {
				t.Errorf("%s: %v", bad.name, err)
			}
		}
		for _, after := range []string{"%00", "%FF", strings.Repeat("a", 33)} {
			if err := c.expect(t.Context(), "GET", accounts+"?after="+after, admin.AccessToken, 400, "invalid_value"); err != nil {
				t.Errorf("after %s: %v", after, err)
			}
		}
		for _, route := range []string{accounts, "/v1/transactions"} {
			a, err := c.call(t.Context(), "GET", route, admin.AccessToken, "")
			if err != nil || a.status != 200 || !strings.Contains(string(a.body), `[]`) {
				t.Errorf("%s: something was written: %v %d %s", route, err, a.status, a.body)
			}
		}
	})
}

func (t *tourist) refusal(ctx context.Context, path, bearer, body string, status int, code string) error {
	a, err := t.call(ctx, "POST", path, bearer, body)
	if err != nil {
		return err
	}
	return a.want(status, code)
}

// TestSilentDatabase: a request that was let in just before the database went
// silent ends with what the instance knows, within a second, and not later.
func TestSilentDatabase(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		if dsn == "" {
			t.Skip("SQLite is in the process")
		}
		line, err := example.NewCut(dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(line.Close)
		c := touristAt(t, exampletest.Start(t, "-data", t.TempDir(), "-dsn", line.DSN))
		viewer, err := c.issue(t.Context(), c.creds.Keys["viewer"])
		if err != nil {
			t.Fatal(err)
		}
		if err := c.expect(t.Context(), "GET", "/v1/transactions", viewer.AccessToken, 200, ""); err != nil {
			t.Fatal(err)
		}
		mend := line.Silence()
		began := time.Now()
		err = c.expect(t.Context(), "GET", "/v1/transactions", viewer.AccessToken, 503, "ledger_unavailable")
		took := time.Since(began)
		mend()
		if err != nil || took > 2*time.Second { // a second, and what a busy machine needs
			t.Errorf("after %v: %v", took, err)
		}
	})
}
