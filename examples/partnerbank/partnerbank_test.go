package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestTour(t *testing.T) {
	// A configuration folder of its own, so that nothing is left in the user's.
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		wantSteps(t, exampletest.Tour(t, "-dsn", dsn, "-data", t.TempDir()), 77)
	})
}

func TestToursOfOtherSettings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args  []string
		steps int
	}{
		"strict":  {[]string{"-binding", "strict"}, 76},
		"uat":     {[]string{"-environment", "uat"}, 77},
		"sandbox": {[]string{"-environment", "sandbox"}, 17},
		// Where proxies may end TLS, everything holds for those who come past them.
		"proxies": {[]string{"-trusted-proxy", "127.0.0.9,10.1.0.0/24", "-trusted-proxy", "::9", "-client-cert-header", "Client-Cert"}, 77},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			for range 2 { // again on what the first left behind
				wantSteps(t, exampletest.Tour(t, append(tt.args, "-data", data)...), tt.steps)
				if name != "strict" {
					break
				}
			}
		})
	}
}

func wantSteps(t *testing.T, out string, steps int) {
	t.Helper()
	if want := fmt.Sprintf("all %d steps went as they should", steps); !strings.Contains(out, want) {
		t.Errorf("want %q", want)
	}
}

// at reads the credentials of a running server, and returns a client of it.
func at(t *testing.T, p *exampletest.Process, name string) *caller {
	t.Helper()
	creds := new(credentials)
	p.Read(t, creds)
	c, err := newCaller(creds, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStartedAgainItKeepsEverything(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"production", "sandbox"} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			args := []string{"-environment", environment, "-data", t.TempDir()}
			first := exampletest.Start(t, args...)
			before := at(t, first, "partner")
			var bearer []string
			var err error
			if environment == "sandbox" {
				bearer, err = before.sandboxBearer(t.Context())
			} else {
				bearer, err = before.bearer(t.Context(), before.keys.AccountID)
			}
			if err != nil {
				t.Fatal(err)
			}
			const path = "/customers/1234xxxxxx567/beneficiaries"
			made, err := before.want(t.Context(), 201, "", "POST", path, `{"name":"Kept"}`, bearer...)
			if err != nil {
				t.Fatal(err)
			}
			first.Terminate(t)

			second := exampletest.Start(t, args...)
			after := at(t, second, "partner")
			after.creds.BaseURL, before.creds.BaseURL = before.creds.BaseURL, ""
			after.creds.BankID, before.creds.BankID = "", ""
			again := *after.creds
			again.BaseURL = ""
			if !reflect.DeepEqual(*before.creds, again) {
				t.Errorf("the credentials are others: %+v", again)
			}
			after.creds.BaseURL = second.URL
			// The token of before still works, and what it made is there.
			listed, err := after.want(t.Context(), 200, "", "GET", path, "", bearer...)
			if err != nil || !strings.Contains(string(listed.Body), made.Member("beneficiary_id")) {
				t.Errorf("%v %s", err, listed.Body)
			}
			second.Terminate(t)
		})
	}
}

// TestIdempotency: one key moves the money once, however many ask at a time.
func TestIdempotency(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		p := at(t, exampletest.Start(t, "-dsn", dsn, "-data", t.TempDir()), "partner")
		bearer, err := p.bearer(t.Context(), p.keys.AccountID)
		if err != nil {
			t.Fatal(err)
		}
		send := func(key, body string) answer {
			a, err := p.call(t.Context(), "POST", "/customers/1234xxxxxx567/transfers", body, append([]string{"Idempotency-Key", key}, bearer...)...)
			if err != nil {
				t.Error(err)
			}
			return a
		}
		var together sync.WaitGroup
		answers := make([]answer, 12)
		for i := range answers {
			together.Go(func() { answers[i] = send("one", `{"amount":"3.00"}`) })
		}
		together.Wait()
		for _, a := range answers {
			if a.Status != http.StatusCreated || string(a.Body) != string(answers[0].Body) {
				t.Errorf("%d %s, and another got %s", a.Status, a.Body, answers[0].Body)
			}
		}
		if got := answers[0].Member("balance"); got != "999997.00" {
			t.Errorf("balance %s after one transfer of 3.00", got)
		}
		for _, tc := range []struct {
			name, key, body string
			status          int
			code            string
		}{
			{"another amount", "one", `{"amount":"3.01"}`, 422, "idempotency_key_reused"},
			{"one member more", "one", `{"amount":"3.00","reference":"x"}`, 422, "idempotency_key_reused"},
			{"another spelling of the JSON", "one", `{ "amount" : "3.00" }`, 201, ""},
			{"too much", "two", `{"amount":"1000000000.00"}`, 422, "insufficient_funds"},
			{"after a refusal the key is free", "two", `{"amount":"1.00"}`, 201, ""},
			{"no such beneficiary", "three", `{"amount":"1.00","beneficiary_id":"x"}`, 404, "beneficiary_not_found"},
			{"no key", "", `{"amount":"1.00"}`, 400, "idempotency_key_required"},
			{"a key that is too long", strings.Repeat("k", 129), `{"amount":"1.00"}`, 400, "idempotency_key_required"},
			{"a negative amount", "four", `{"amount":"-1.00"}`, 400, "amount_invalid"},
			{"an array", "five", `[]`, 400, "body_malformed"},
		} {
			if a := send(tc.key, tc.body); a.Want(tc.status, tc.code) != nil {
				t.Errorf("%s: %v", tc.name, a.Want(tc.status, tc.code))
			}
		}
		if got := send("last", `{}`).Member("balance"); got != "999996.00" {
			t.Errorf("balance %s in the end", got)
		}
		// The key is the client's own: another one may use the same.
		stranger := *p
		other, err := newCaller(stranger.creds, "stranger")
		if err != nil {
			t.Fatal(err)
		}
		if bearer, err = other.bearer(t.Context(), other.keys.AccountID); err != nil {
			t.Fatal(err)
		}
		if _, err := other.want(t.Context(), 201, "", "POST", "/customers/9876xxxxxx210/transfers", `{"amount":"1.00"}`, append([]string{"Idempotency-Key", "one"}, bearer...)...); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingReadableInTheDatabase looks for secrets, tokens and account numbers
// in the files of the authorization store. (The host's own books are another.)
func TestNothingReadableInTheDatabase(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	server := exampletest.Start(t, "-data", data)
	p := at(t, server, "partner")
	bearer, err := p.bearer(t.Context(), p.keys.AccountID)
	if err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{"/customers/1234xxxxxx567/beneficiaries": 200, "/customers/" + p.keys.AccountID + "/beneficiaries": 403} {
		if a, err := p.call(t.Context(), "GET", path, "", bearer...); err != nil || a.Status != status {
			t.Fatal(err, a.Status)
		}
	}
	time.Sleep(500 * time.Millisecond) // the audit trail is written in batches
	server.Terminate(t)
	seen := false
	for _, file := range []string{"gatewright.db", "gatewright.db-wal"} {
		body, err := os.ReadFile(filepath.Join(data, file))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = seen || bytes.Contains(body, []byte(p.keys.ClientID))
		for name, secret := range map[string]string{"client secret": p.keys.ClientSecret, "access token": strings.TrimPrefix(bearer[1], "Bearer "), "account number": p.keys.AccountID} {
			if bytes.Contains(body, []byte(secret)) {
				t.Errorf("%s holds a %s", file, name)
			}
		}
	}
	if !seen {
		t.Error("the database does not even hold the client id: this test looks in the wrong place")
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-environment", "prod"}, "want sandbox, uat or production"},
		{[]string{"-binding", "loose"}, "want compatible or strict"},
		{[]string{"-trusted-proxy", "everybody"}, "trusted-proxy"},
		{[]string{"-trusted-proxy", "0.0.0.0/0"}, "ClientIP"},
		{[]string{"-allow", "0.0.0.0/0"}, "addresses"},
		{[]string{"-allow", "127.0.0.2/8"}, "addresses"},
		{[]string{"-client-cert-header", "Client-Cert"}, "-trusted-proxy"},
		{[]string{"-client-cert-header", "Client Cert", "-trusted-proxy", "127.0.0.9"}, "header"},
		{[]string{"-environment", "sandbox", "-trusted-proxy", "127.0.0.9"}, "sandbox"},
		{[]string{"-environment", "sandbox", "-binding", "strict"}, "seals no messages"},
		{[]string{"-public-url", "http://bank.example"}, "-public-url"},
		{[]string{"-public-url", "https://bank.example/rb"}, "-public-url"},
		{[]string{"surplus"}, "unexpected argument"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, tc.args...)...)
		cmd.Env = append(os.Environ(), "GATEWRIGHT_EXAMPLE_MAIN=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tc.want) || strings.Contains(string(out), "ready ") {
			t.Errorf("%v: %v %s", tc.args, err, out)
		}
	}
}

func TestReadRefusesBodies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"an array":  {`[]`, 400, "body_malformed"},
		"null":      {`null`, 400, "body_malformed"},
		"nothing":   {``, 400, "body_malformed"},
		"too large": {`{"name":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "body_too_large"},
	} {
		w := httptest.NewRecorder()
		if _, ok := read(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(tc.body))); ok || w.Code != tc.status || !strings.Contains(w.Body.String(), tc.code) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{``: 0, `"10.00"`: 1000, `10`: 1000, `10.5`: 1050, `"0.01"`: 1, `"007"`: 700, `1000000000000`: -1, `"-1"`: -1, `-1`: -1, `1e3`: -1, `"1.001"`: -1,
		`"1."`: -1, `".5"`: -1, `""`: -1, `null`: -1, `"1,00"`: -1, `" 1"`: -1, `{}`: -1, `"99999999999999999999"`: -1, `"１"`: -1} {
		var raw []byte
		if text != "" {
			raw = []byte(text)
		}
		got, err := parseAmount(raw)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
}
