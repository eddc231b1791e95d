package admin_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// delegated is an access token that a person gave the mobile app under their
// membership as it is now.
func (w *world) delegated(subject string) string {
	w.Helper()
	in := w.server.Installation()
	m, err := w.store.Member(w.Context(), "acme", subject)
	w.must(err)
	now := in.Now()
	text, err := in.Tokens().SealAccess(&token.Access{Claims: token.Claims{
		Grant: storage.NewID(now), Client: "mobile", Organization: "acme", Subject: subject, Epochs: storage.Epochs{Member: m.Epoch},
		IssuedAt: now, ExpiresAt: in.AccessExpiry(new(w.client("mobile")), now)}, Scopes: []string{"transaction:read"}})
	w.must(err)
	return text
}

// TestMemberAgain: who was revoked can be made a member again, which is another
// membership: the old roles do not come back, and neither does any token.
func TestMemberAgain(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		w.want(w.as("admin", "POST", "/v1/members", `{"subject":"ada","name":"Ada","roles":["admin"]}`), 201, "")
		first, err := w.store.Member(w.Context(), "acme", "ada")
		w.must(err)
		old := w.delegated("ada")
		w.want(w.call(old, "GET", "/v1/transactions", ""), 200, "")
		w.want(w.as("admin", "POST", "/v1/members/ada/revoke", ""), 200, "")
		w.want(w.call(old, "GET", "/v1/transactions", ""), 401, "invalid_token")
		for _, path := range []string{"/resume", "/suspend", "/end_tokens"} {
			w.want(w.as("admin", "POST", "/v1/members/ada"+path, ""), 409, "member_revoked")
		}
		w.want(w.as("admin", "PATCH", "/v1/members/ada", `{"roles":["viewer"]}`), 409, "member_revoked")

		// A host that seeds its members at every start brings nobody back.
		created, err := w.service.EnsureMember(w.Context(), "acme", admin.NewMember{Subject: "ada", Roles: []string{"admin"}})
		if created || err != nil {
			w.Errorf("seeded: %v, %v", created, err)
		}
		// It takes what it takes to make a new member.
		w.want(w.as("viewer", "POST", "/v1/members", `{"subject":"ada","roles":["viewer"]}`), 403, "permission_denied")
		w.want(w.as("manager", "POST", "/v1/members", `{"subject":"ada","roles":["admin"]}`), 403, "exceeds_creator")
		w.want(w.as("admin", "POST", "/v1/members", `{"subject":"ada","roles":[]}`), 400, "invalid_value")
		w.want(w.call(old, "GET", "/v1/transactions", ""), 401, "invalid_token")

		again := w.as("manager", "POST", "/v1/members", `{"subject":"ada","roles":["terminal-manager"]}`)
		w.want(again, 201, "")
		if again.str(w, "status") != "active" || again.str(w, "name") != "" || !strings.Contains(again.body, `"roles":["terminal-manager"]`) {
			w.Errorf("made a member again: %s", again.body)
		}
		second, err := w.store.Member(w.Context(), "acme", "ada")
		w.must(err)
		if second.Epoch <= first.Epoch || second.Version <= first.Version || second.CreatedAt.Before(first.CreatedAt) {
			w.Errorf("the membership %+v goes on as %+v", first, second)
		}
		w.want(w.call(old, "GET", "/v1/transactions", ""), 401, "invalid_token")
		// The new membership is one like any other, without the rights of the old.
		fresh := w.delegated("ada")
		w.want(w.call(fresh, "GET", "/v1/transactions", ""), 403, "permission_denied")
		w.want(w.as("admin", "PATCH", "/v1/members/ada", `{"roles":["viewer"]}`), 200, "")
		w.want(w.call(fresh, "GET", "/v1/transactions", ""), 200, "")
		w.want(w.as("admin", "POST", "/v1/members", `{"subject":"ada","roles":["viewer"]}`), 409, "member_exists")
		w.want(w.as("admin", "POST", "/v1/members/ada/revoke", ""), 200, "")
		w.want(w.call(fresh, "GET", "/v1/transactions", ""), 401, "invalid_token")

		events := w.events(storage.EventFilter{Target: "user:ada", Type: "member.readmitted"})
		if len(events) != 1 || events[0].Actor != "key:manager" || !strings.Contains(string(events[0].Before), `"status":"revoked"`) ||
			!strings.Contains(string(events[0].After), `"roles":["terminal-manager"]`) {
			w.Errorf("the trail has %+v", events)
		}
	})
}

// TestKeyNeverAgain: what is revoked of a key stays so, also by a seed.
func TestKeyNeverAgain(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		live := w.bearer("viewer")
		w.want(w.as("admin", "POST", "/v1/keys/viewer/revoke", ""), 200, "")
		created, err := w.service.EnsureKey(w.Context(), storage.Client{ID: "viewer", Organization: "acme", Roles: []string{"viewer"}}, token.NewSecret())
		if created || err != nil {
			w.Errorf("seeded: %v, %v", created, err)
		}
		for _, path := range []string{"/resume", "/rotate", "/end_tokens"} {
			w.want(w.as("admin", "POST", "/v1/keys/viewer"+path, ""), 409, "key_revoked")
		}
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
	})
}

// TestMemberAgainAtOnce: of several who make the person a member again, one does.
func TestMemberAgainAtOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		_, err := w.service.CreateMember(w.Context(), host.In("acme"), admin.NewMember{Subject: "ada", Roles: []string{"viewer"}})
		w.must(err)
		bearer := w.bearer("admin")
		for range 5 {
			w.want(w.call(bearer, "POST", "/v1/members/ada/revoke", ""), 200, "")
			before, err := w.store.Member(w.Context(), "acme", "ada")
			w.must(err)
			answers := make([]answer, 6)
			var wait sync.WaitGroup
			for i := range answers {
				wait.Go(func() { answers[i] = w.call(bearer, "POST", "/v1/members", `{"subject":"ada","roles":["viewer"]}`) })
			}
			wait.Wait()
			won := 0
			for _, a := range answers {
				if a.status == 201 {
					won++
				} else {
					w.want(a, 409, "member_exists")
				}
			}
			after, err := w.store.Member(w.Context(), "acme", "ada")
			w.must(err)
			if won != 1 || after.Version != before.Version+1 || after.Epoch != before.Epoch+1 {
				w.Errorf("%d of %d made a member again: %+v after %+v", won, len(answers), after, before)
			}
		}
	})
}
