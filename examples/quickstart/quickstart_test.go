package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestTour(t *testing.T) {
	// A configuration folder of its own, so that nothing is left in the user's.
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		out := exampletest.Tour(t, "-dsn", dsn, "-data", t.TempDir())
		steps := 25
		if dsn == "" {
			steps = 24
		}
		if want := "all " + itoa(steps) + " steps went as they should"; !strings.Contains(out, want) {
			t.Errorf("want %q", want)
		}
	})
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// touristAt is a client of a running server.
func touristAt(t *testing.T, p *exampletest.Process) *tourist {
	t.Helper()
	tr := &tourist{Tour: example.NewTour(os.Stderr), base: p.URL, http: &http.Client{Timeout: 10 * time.Second}}
	p.Read(t, &tr.creds)
	return tr
}

func TestStartedAgainItKeepsEverything(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data := t.TempDir()
	first := exampletest.Start(t, "-data", data)
	a := touristAt(t, first)
	admin, err := a.issue(t.Context(), a.creds.Keys["admin"])
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.call(t.Context(), "POST", "/v1/keys", admin.AccessToken, `{"name":"Kept"}`)
	if err != nil || made.status != 201 {
		t.Fatalf("%v %d %s", err, made.status, made.body)
	}
	first.Terminate(t)

	second := exampletest.Start(t, "-data", data)
	b := touristAt(t, second)
	if a.creds.Issuer == b.creds.Issuer {
		t.Log("the same port by chance")
	}
	a.creds.Issuer, b.creds.Issuer = "", ""
	if !reflect.DeepEqual(a.creds, b.creds) {
		t.Error("the credentials are others")
	}
	// The token of before, the key of before, its roles: all there.
	if err := b.expect(t.Context(), "GET", "/v1/accounts", admin.AccessToken, 200, ""); err != nil {
		t.Error(err)
	}
	kept, err := b.issue(t.Context(), keyCredentials{made.member("client_id"), made.member("client_secret")})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.expect(t.Context(), "GET", "/v1/keys", kept.AccessToken, 200, ""); err != nil {
		t.Error("the default role is not Admin:", err)
	}
	second.Terminate(t)
}

// TestKillUnderLoad: no acknowledged write is lost by kill -9.
func TestKillUnderLoad(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		args := []string{"-data", t.TempDir(), "-dsn", dsn}
		p := exampletest.Start(t, args...)
		c := touristAt(t, p)
		admin, err := c.issue(t.Context(), c.creds.Keys["admin"])
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var revoked, rotated []string // dead access tokens, and refresh tokens that were exchanged
		var created []keyCredentials
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for range 4 {
			load.Go(func() {
				for ctx.Err() == nil {
					c.acknowledge(ctx, admin.AccessToken, &mu, &revoked, &rotated, &created)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		p.Kill(t)
		cancel()
		load.Wait()
		if len(revoked) == 0 || len(rotated) == 0 || len(created) == 0 {
			t.Fatalf("no load: %d revoked, %d rotated, %d created", len(revoked), len(rotated), len(created))
		}
		t.Logf("acknowledged: %d revocations, %d rotations, %d keys", len(revoked), len(rotated), len(created))

		again := touristAt(t, exampletest.Start(t, args...))
		for _, tok := range revoked {
			if err := again.expect(t.Context(), "GET", "/v1/transactions", tok, 401, "invalid_token"); err != nil {
				t.Fatal("a revocation was lost:", err)
			}
		}
		for _, tok := range rotated {
			a, err := again.form(t.Context(), "/oauth2/token", again.creds.Keys["viewer"], "grant_type", "refresh_token", "refresh_token", tok)
			if err != nil || a.status != 400 {
				t.Fatalf("a rotation was lost: %v %d %s", err, a.status, a.body)
			}
		}
		for _, key := range created {
			if _, err := again.issue(t.Context(), key); err != nil {
				t.Fatal("a key was lost:", err)
			}
		}
	})
}

// acknowledge makes one key, revokes one grant, and rotates one refresh token,
// and notes what was answered with success.
func (t *tourist) acknowledge(ctx context.Context, admin string, mu *sync.Mutex, revoked, rotated *[]string, created *[]keyCredentials) {
	if a, err := t.call(ctx, "POST", "/v1/keys", admin, `{"name":"load","roles":["viewer"]}`); err == nil && a.status == 201 {
		mu.Lock()
		*created = append(*created, keyCredentials{a.member("client_id"), a.member("client_secret")})
		mu.Unlock()
	}
	viewer := t.creds.Keys["viewer"]
	if tok, err := t.issue(ctx, viewer); err == nil {
		if a, err := t.form(ctx, "/oauth2/revoke", viewer, "token", tok.AccessToken); err == nil && a.status == 200 {
			mu.Lock()
			*revoked = append(*revoked, tok.AccessToken)
			mu.Unlock()
		}
	}
	if tok, err := t.issue(ctx, viewer); err == nil {
		a, err := t.form(ctx, "/oauth2/token", viewer, "grant_type", "refresh_token", "refresh_token", tok.RefreshToken)
		if err == nil && a.status == 200 {
			mu.Lock()
			*rotated = append(*rotated, tok.RefreshToken)
			mu.Unlock()
		}
	}
}

// TestNothingReadableInTheDatabase looks for secrets and tokens in the files.
func TestNothingReadableInTheDatabase(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data := t.TempDir()
	p := exampletest.Start(t, "-data", data)
	c := touristAt(t, p)
	tok, err := c.issue(t.Context(), c.creds.Keys["viewer"])
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.form(t.Context(), "/oauth2/token", c.creds.Keys["viewer"], "grant_type", "refresh_token", "refresh_token", tok.RefreshToken)
	if err != nil || a.status != 200 {
		t.Fatal(err, a.status)
	}
	time.Sleep(500 * time.Millisecond) // the audit trail is written in batches
	p.Terminate(t)
	for _, file := range []string{"gatewright.db", "gatewright.db-wal"} {
		body, err := os.ReadFile(data + "/" + file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if file == "gatewright.db" && !bytes.Contains(body, []byte(c.creds.Keys["viewer"].ClientID)) {
			t.Error("the database does not even hold the client id: this test looks in the wrong place")
		}
		for name, secret := range map[string]string{"client secret": c.creds.Keys["viewer"].ClientSecret, "access token": tok.AccessToken,
			"refresh token": tok.RefreshToken, "new refresh token": a.member("refresh_token"), "password": c.creds.User.Password} {
			if bytes.Contains(body, []byte(secret[4:])) {
				t.Errorf("%s holds a %s", file, name)
			}
		}
	}
}
