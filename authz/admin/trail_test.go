package admin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/storage"
)

// TestTrailTellsWhoDidWhat goes through the life of a key and compares every
// event of it.
func TestTrailTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		id := w.create("admin", `{"name":"Till 4","roles":["viewer"]}`)
		bearer := w.bearer("admin")
		step := func(method, path, body string) {
			w.Helper()
			w.advance(2 * time.Millisecond) // events of one millisecond have no order
			w.want(w.call(bearer, method, "/v1/keys/"+id+path, body), 200, "")
		}
		step("PATCH", "", `{"name":"Till 5","roles":["operator"]}`)
		step("PATCH", "", `{"name":"Till 5"}`) // nothing changes, nothing is recorded
		step("POST", "/suspend", "")
		step("POST", "/resume", `{"end_tokens":true}`)
		step("POST", "/rotate", `{"overlap":"1h"}`)
		step("POST", "/end_tokens", "")
		step("POST", "/revoke", "")
		want := []struct{ event, before, after string }{
			{"key.created", "", `"name":"Till 4"`},
			{"key.patched", `{"name":"Till 4","roles":["viewer"]}`, `{"name":"Till 5","roles":["operator"]}`},
			{"key.suspended", `{"status":"active"}`, `{"status":"suspended"}`},
			{"key.resumed", `{"epoch":0,"status":"suspended"}`, `{"epoch":1,"status":"active"}`},
			{"key.rotated", `"secrets":[{`, `"secrets":[{`},
			{"key.tokens_ended", `{"epoch":1}`, `{"epoch":2}`},
			{"key.revoked", `{"status":"active"}`, `{"status":"revoked"}`},
		}
		events := w.events(storage.EventFilter{Target: "key:" + id})
		slices.SortFunc(events, func(a, b storage.Event) int { return a.At.Compare(b.At) })
		if len(events) != len(want) {
			w.Fatalf("%d events, want %d: %+v", len(events), len(want), events)
		}
		for i, e := range events {
			if e.Type != want[i].event || !strings.Contains(string(e.Before), want[i].before) || !strings.Contains(string(e.After), want[i].after) {
				w.Errorf("event %d: %s %s -> %s, want %+v", i, e.Type, e.Before, e.After, want[i])
			}
			if e.Outcome != "ok" || e.Actor != "key:admin" || e.Client != "admin" || e.Organization != "acme" || e.Grant.IsZero() || e.Address != "127.0.0.1" || !strings.Contains(e.Route, " /v1/keys") {
				w.Errorf("event %d: %+v", i, e)
			}
			if strings.Contains(e.Route, id) {
				w.Errorf("event %d holds the raw path: %s", i, e.Route)
			}
		}
	})
}

// TestRefusalsAreRecorded: with the exact reason, which the caller is not told.
func TestRefusalsAreRecorded(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		w.want(w.as("manager", "POST", "/v1/keys/admin/rotate", ""), 403, "exceeds_creator")
		w.want(w.as("other", "POST", "/v1/keys/admin/suspend", ""), 404, "key_not_found")
		w.want(w.as("other", "POST", "/v1/keys/other/revoke", ""), 409, "last_admin")
		w.want(w.as("operator", "POST", "/v1/keys/admin/revoke", ""), 403, "permission_denied")
		w.want(w.as("admin", "POST", "/v1/keys", `{"roles":["root"]}`), 400, "role_unknown") // a slip, not recorded
		w.must(w.server.Installation().Close(w.Context()))                                   // writes what waits
		var got []string
		for _, e := range w.events(storage.EventFilter{}) {
			if strings.HasSuffix(e.Type, ".refused") {
				got = append(got, strings.Join([]string{e.Type, e.Organization, e.Actor, e.Target, e.Outcome, e.Reason}, " | "))
			}
		}
		slices.Sort(got)
		want := []string{
			"guard.refused | acme | key:operator |  | permission_denied | no_matching_rule",
			"key.refused | acme | key:manager | key:admin | exceeds_creator | not rotated: roles",
			"key.refused | umbrella | key:other | key:admin | key_not_found | not suspended: other_organization",
			"key.refused | umbrella | key:other | key:other | last_admin | not revoked: last_admin",
		}
		if !slices.Equal(got, want) {
			w.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestNoSecretInTrailOrLog plays everything that handles secrets and then looks
// for them, and for their hashes, in all that was recorded and logged.
func TestNoSecretInTrailOrLog(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		var secrets []string
		id := w.create("admin", `{"name":"Till 4"}`)
		secrets = append(secrets, w.secret(id), w.secret("admin"), w.secret("viewer"))
		for _, body := range []string{`{"overlap":"1h"}`, `{"overlap":"1h","end_tokens":true}`, ""} {
			a := w.as("admin", "POST", "/v1/keys/"+id+"/rotate", body)
			w.want(a, 200, "")
			secrets = append(secrets, a.str(w, "client_secret"))
			for _, s := range w.client(id).Secrets {
				secrets = append(secrets, s.Hash)
			}
		}
		bearer := w.bearer("admin")
		secrets = append(secrets, bearer)
		w.call(bearer, "POST", "/v1/keys", `{"client_secret":"`+secrets[0]+`"}`)
		w.call(bearer, "GET", "/v1/keys/"+secrets[0], "")
		const password = "correct-horse-battery-staple"
		secrets = append(secrets, password)
		w.want(w.call(bearer, "GET", "/v1/keys/"+password, ""), 404, "key_not_found")
		w.want(w.call(bearer, "GET", "/v1/members/"+password, ""), 404, "member_not_found")
		w.call(bearer, "GET", "/v1/keys?access_token="+bearer, "")
		w.call(bearer, "POST", "/v1/keys/"+id+"/rotate", `{"overlap":"`+secrets[0]+`"}`)
		w.tokenWith(id, secrets[0])
		w.must(w.server.Installation().Close(w.Context()))
		events := w.events(storage.EventFilter{})
		if len(events) < 10 {
			w.Fatalf("only %d events", len(events))
		}
		all, err := json.Marshal(events)
		w.must(err)
		var texts strings.Builder
		for _, e := range events { // bytes stand in base64 above
			texts.Write(e.Before)
			texts.Write(e.After)
		}
		for _, where := range []struct{ name, text string }{{"trail", string(all)}, {"before and after", texts.String()}, {"log", w.logs.String()}} {
			for i, secret := range secrets {
				if secret != "" && strings.Contains(where.text, secret) {
					w.Errorf("secret %d stands in the %s", i, where.name)
				}
			}
			for _, mark := range []string{"gws_", "hmac-sha256", "gwa_", "gwr_"} {
				if strings.Contains(where.text, mark) {
					w.Errorf("%q stands in the %s", mark, where.name)
				}
			}
		}
	})
}

func TestTrailOverHTTP(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		start := time.Now().UTC().Add(-time.Second).Format(time.RFC3339)
		id := w.create("admin", `{"roles":["viewer"]}`)
		bearer := w.bearer("admin")
		for _, path := range []string{"/suspend", "/resume"} {
			w.advance(2 * time.Millisecond)
			w.want(w.call(bearer, "POST", "/v1/keys/"+id+path, ""), 200, "")
		}
		read := func(query string) (types []string, next string) {
			w.Helper()
			a := w.call(bearer, "GET", "/v1/audit?"+query, "")
			w.want(a, 200, "")
			var page struct {
				Events []struct {
					Type, Actor, Target string
					After               map[string]any
				}
				Next *string
			}
			w.must(json.Unmarshal([]byte(a.body), &page))
			for _, e := range page.Events {
				types = append(types, e.Type)
				if e.Type == "key.suspended" && e.After["status"] != "suspended" {
					w.Errorf("after: %v", e.After)
				}
			}
			if page.Next != nil {
				next = *page.Next
			}
			return types, next
		}
		target := "target=key:" + id + "&from=" + start
		all, next := read(target)
		if !slices.Equal(all, []string{"key.created", "key.suspended", "key.resumed"}) || next != "" {
			w.Errorf("%q, next %q", all, next)
		}
		var paged []string
		for after := ""; ; {
			query := target + "&limit=1"
			if after != "" {
				query += "&after=" + after
			}
			types, next := read(query)
			paged = append(paged, types...)
			if after = next; after == "" {
				break
			}
		}
		if !slices.Equal(paged, all) {
			w.Errorf("in pages: %q", paged)
		}
		if types, _ := read(target + "&type=key.resumed&actor=key:admin"); len(types) != 1 {
			w.Errorf("filtered: %q", types)
		}
		if types, _ := read(target + "&to=" + start); len(types) != 0 {
			w.Errorf("before the start: %q", types)
		}
		// What is committed is in the sealed chain, which holds.
		in := w.server.Installation()
		_, err := in.Trail().Seal(w.Context(), 1000)
		w.must(err)
		if n, err := in.Trail().Verify(w.Context()); err != nil || n == 0 {
			w.Errorf("the chain: %d, %v", n, err)
		}
		if _, _, err := w.service.Trail(w.Context(), host.In("acme"), admin.TrailFilter{Limit: 1}); err != nil {
			w.Error(err)
		}
	})
}
