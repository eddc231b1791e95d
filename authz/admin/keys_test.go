package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeyLife(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		a := w.as("admin", "POST", "/v1/keys", `{"name":"Till 4"}`)
		w.want(a, 201, "")
		made := a.json(w)
		id, secret := a.str(w, "client_id"), a.str(w, "client_secret")
		if !strings.HasPrefix(secret, "gws_") || made["name"] != "Till 4" || made["status"] != "active" || made["expires_at"] != nil || made["last_used_at"] != nil {
			w.Errorf("created: %s", a.body)
		}
		if r, _ := made["roles"].([]any); len(r) != 1 || r[0] != "admin" {
			w.Errorf("the default role: %v", made["roles"])
		}
		for _, member := range []string{"client_id", "client_secret", "name", "roles", "status", "created_at", "expires_at", "last_used_at"} {
			if _, there := made[member]; !there {
				w.Errorf("%s is missing: %s", member, a.body)
			}
		}
		if a.header.Get("Cache-Control") != "no-store" {
			w.Error("the answer with the secret may be cached")
		}
		w.keep(id, secret)

		// Shown once only.
		for _, path := range []string{"/v1/keys", "/v1/keys/" + id} {
			a := w.as("admin", "GET", path, "")
			w.want(a, 200, "")
			if strings.Contains(a.body, "secret") || strings.Contains(a.body, "hmac") || !strings.Contains(a.body, id) {
				w.Errorf("%s: %s", path, a.body)
			}
		}
		// It works, and as an admin.
		w.want(w.as(id, "GET", "/v1/transactions", ""), 200, "")
		w.want(w.as(id, "GET", "/v1/keys/"+id, ""), 200, "")

		// A patch holds from the next request on, for the token that is there.
		live := w.bearer(id)
		a = w.as("admin", "PATCH", "/v1/keys/"+id, `{"name":"Till 5","roles":["transfer-only"],"expires_at":"2100-01-02T03:04:05Z"}`)
		w.want(a, 200, "")
		if a.str(w, "name") != "Till 5" || a.str(w, "expires_at") != "2100-01-02T03:04:05Z" {
			w.Errorf("patched: %s", a.body)
		}
		w.want(w.call(live, "GET", "/v1/transactions", ""), 403, "permission_denied")
		w.want(w.as("admin", "PATCH", "/v1/keys/"+id, `{"roles":["viewer"],"expires_at":null}`), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "")
		if c := w.client(id); !c.ExpiresAt.IsZero() || c.Name != "Till 5" || !slices.Equal(c.Roles, []string{"viewer"}) {
			w.Errorf("kept: %+v", c)
		}

		// Suspend: the live token dies on the next request; resume: it lives.
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/suspend", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		if a := w.tokenWith(id, secret); a.status != 401 {
			w.Errorf("a suspended key got a token: %s", a.body)
		}
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/suspend", "{}"), 200, "") // again: nothing happens
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/resume", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "")

		// Resume with end_tokens: the key lives, its tokens do not.
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/suspend", ""), 200, "")
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/resume", `{"end_tokens":true}`), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		live = w.bearer(id)
		w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "")

		// end_tokens alone.
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/end_tokens", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		live = w.bearer(id)

		// Revoke is final, and to revoke again changes nothing.
		a = w.as("admin", "POST", "/v1/keys/"+id+"/revoke", "")
		w.want(a, 200, "")
		if a.str(w, "status") != "revoked" {
			w.Errorf("revoked: %s", a.body)
		}
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		for _, path := range []string{"suspend", "resume", "rotate", "end_tokens"} {
			w.want(w.as("admin", "POST", "/v1/keys/"+id+"/"+path, ""), 409, "key_revoked")
		}
		w.want(w.as("admin", "PATCH", "/v1/keys/"+id, `{"name":"x"}`), 409, "key_revoked")
		w.want(w.as("admin", "PATCH", "/v1/keys/"+id, `{"name":"Till 5"}`), 409, "key_revoked")
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/revoke", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		if a := w.tokenWith(id, secret); a.status != 401 {
			w.Errorf("a revoked key got a token: %s", a.body)
		}
		w.want(w.as("admin", "GET", "/v1/keys/"+id, ""), 200, "")
	})
}

func TestRotateWithOverlap(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		id := w.create("admin", `{"roles":["viewer"]}`)
		first := w.secret(id)
		rotate := func(body string) string {
			w.Helper()
			a := w.as("admin", "POST", "/v1/keys/"+id+"/rotate", body)
			w.want(a, 200, "")
			return a.str(w, "client_secret")
		}
		good := func(want bool, secrets ...string) {
			w.Helper()
			for i, s := range secrets {
				if got := w.tokenWith(id, s).status == 200; got != want {
					w.Errorf("secret %d works: %v, want %v", i, got, want)
				}
			}
		}
		live := func() string { return w.tokenWith(id, w.secret(id)).str(w, "access_token") }()

		second := rotate(`{"overlap":"1h"}`)
		third := rotate(`{"overlap":"10m"}`)
		good(true, first, second, third)
		w.advance(9 * time.Minute)
		good(true, first, second, third)
		w.advance(2 * time.Minute)
		good(false, first, second) // a shorter overlap ends the earlier ones sooner
		good(true, third)
		w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "") // tokens are not secrets

		fourth := rotate("")
		good(false, first, second, third)
		good(true, fourth)
		fifth := rotate(`{"overlap":"0s","end_tokens":true}`)
		good(false, fourth)
		good(true, fifth)
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")

		// Bounded: at most five live at once, and what is over makes room.
		for range 4 {
			rotate(`{"overlap":"1h"}`)
		}
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/rotate", `{"overlap":"1h"}`), 409, "too_many_secrets")
		bounded := w.client(id)
		rotate("") // what is leaked can always be ended
		if n := len(w.client(id).Secrets); n != 1 || len(bounded.Secrets) != 5 {
			w.Errorf("%d secrets, then %d", len(bounded.Secrets), n)
		}
		for range 4 {
			rotate(`{"overlap":"1h"}`)
		}
		w.advance(61 * time.Minute)
		last := rotate(`{"overlap":"1h"}`)
		good(true, last)
		if n := len(w.client(id).Secrets); n != 2 {
			w.Errorf("%d secrets are kept, want 2", n)
		}
		// A suspended key may be rotated, and stays suspended.
		w.want(w.as("admin", "POST", "/v1/keys/"+id+"/suspend", ""), 200, "")
		good(false, rotate(""))
	})
}

func TestListKeysInPages(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		want := []string{"mobile", "rs"}
		want = append(want, roles...)
		for range 3 {
			want = append(want, w.create("admin", `{"roles":["viewer"]}`))
		}
		slices.Sort(want)
		bearer := w.bearer("admin")
		for _, limit := range []string{"1", "3", "5", "12", "13", "500"} {
			var got []string
			for after, pages := "", 0; ; pages++ {
				a := w.call(bearer, "GET", "/v1/keys?limit="+limit+"&after="+after, "")
				w.want(a, 200, "")
				keys, _ := a.json(w)["keys"].([]any)
				for _, k := range keys {
					m, _ := k.(map[string]any)
					id, _ := m["client_id"].(string)
					got = append(got, id)
				}
				if after = a.str(w, "next"); after == "" || pages > 20 {
					break
				}
			}
			if !slices.Equal(got, want) {
				w.Errorf("limit %s: %q, want %q", limit, got, want)
			}
		}
	})
}

func TestLastUseIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, openSQLite(t))
	id := w.create("admin", `{"roles":["viewer"]}`)
	w.want(w.as(id, "GET", "/v1/transactions", ""), 200, "")
	w.must(w.server.Installation().Close(w.Context())) // writes what waits
	k, err := w.service.Key(w.Context(), host, id)
	w.must(err)
	if time.Since(k.LastUsedAt) > time.Minute {
		w.Errorf("last used at %v", k.LastUsedAt)
	}
}
