package issuer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// What lies in the database tells nobody a secret, a token, a code or an account
// id, whatever the format of tokens.
func TestNothingReadableInTheStore(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		dir := t.TempDir()
		store, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "gw.db"))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, format, func(o *options) { o.store = store })
		const account = "7841999999999999567"
		w.person.Bound = []token.Binding{{Kind: authz.AccountKind, Value: account}}

		code := w.code(mobileRequest())
		unused := w.code(mobileRequest())
		consent := w.authorize(mobileRequest()).str(t, "consent")
		issued := w.exchange("mobile", code, mobileRedirect, verifier)
		w.want(issued, 200, "")
		next := w.refresh("mobile", issued.str(t, "refresh_token"))
		w.want(next, 200, "")
		_, virtual := w.issue("viewer")
		rotated := w.refresh("viewer", virtual)
		w.want(rotated, 200, "")
		w.want(w.call("POST", "/v1/transfers", next.str(t, "access_token")), 403, "permission_denied")
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // the audit trail is written in batches
			events, err := store.Events(t.Context(), storage.EventFilter{Organization: "acme", Limit: 1000})
			if err != nil || time.Now().After(end) {
				t.Fatalf("the refusal is not in the audit trail: %v", err)
			}
			if slices.ContainsFunc(events, func(e storage.Event) bool { return e.Outcome == "permission_denied" }) {
				break
			}
		}
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		var all []byte
		for _, f := range files {
			body, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, body...)
		}
		if !bytes.Contains(all, []byte("mobile")) || !bytes.Contains(all, []byte("permission_denied")) {
			t.Fatal("the files hold neither a client id nor an audit event: this test looks in the wrong place")
		}
		for name, secret := range map[string]string{"account id": account, "client secret": secrets["viewer"], "code": code, "unused code": unused, "consent": consent,
			"access token": issued.str(t, "access_token"), "refresh token": issued.str(t, "refresh_token"), "new access token": next.str(t, "access_token"),
			"new refresh token": next.str(t, "refresh_token"), "virtual refresh token": virtual, "rotated refresh token": rotated.str(t, "refresh_token"), "verifier": verifier} {
			// Part of it would be as bad.
			for _, part := range []string{secret, secret[len(secret)/4 : len(secret)*3/4]} {
				if bytes.Contains(all, []byte(part)) {
					t.Errorf("the database holds the %s", name)
				}
			}
		}
	})
}
