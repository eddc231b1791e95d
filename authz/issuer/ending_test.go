package issuer_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// exchanged sends a code of the customer's sign-in to the token endpoint.
func (b *customerBank) exchanged(told url.Values) answer {
	b.Helper()
	if !told.Has("code") {
		b.Fatalf("no code: %v", told)
	}
	return b.ask("fintech", "grant_type", "authorization_code", "code", told.Get("code"))
}

// What is on its way when a host ends the grants of an account or a customer ends
// with them: a code that was not exchanged yet, and a question not yet answered.
func TestEndGrantsTakesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(b *customerBank) (int, error){
		"by account": func(b *customerBank) (int, error) {
			return b.server.EndGrantsForAccount(b.Context(), bankAccount, "stolen")
		},
		"by customer": func(b *customerBank) (int, error) { return b.server.EndGrantsOf(b.Context(), "ada", "left") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newCustomerBank(t)
			own, twin := b.allow(b.request(bankAccount)), b.allow(b.request(twinAccount))
			b.person.Subject = "bob"
			other := b.allow(b.request(strangersOwn, "uuid", "bob"))
			b.person.Subject = "ada"
			query := b.request(bankAccount)
			b.browse("GET", query, "")
			question := b.asked[len(b.asked)-1].ID

			if n, err := end(b); n != 0 || err != nil {
				t.Errorf("ended %d grants, %v; there was none yet", n, err)
			}
			if a := b.exchanged(own); a.Status != http.StatusBadRequest || a.str(t, "error") != "invalid_grant" {
				t.Errorf("the code: %d %s", a.Status, a.Body)
			}
			answered := b.browse("POST", query, url.Values{"consent": {question}, "decision": {"allow"}}.Encode())
			if to, err := url.Parse(answered.Header().Get("Location")); err != nil || to.Query().Get("error") != "access_denied" || to.Query().Has("code") {
				t.Errorf("the question: %s %v", to, err)
			}
			if a := b.exchanged(twin); (a.Status == http.StatusOK) != (name == "by account") {
				t.Errorf("the code for the customer's other account: %d %s", a.Status, a.Body)
			}
			if a := b.exchanged(other); a.Status != http.StatusOK {
				t.Errorf("another customer's code: %d %s", a.Status, a.Body)
			}
			// What the customer authorizes afterwards is new.
			if a := b.exchanged(b.allow(b.request(bankAccount))); a.Status != http.StatusOK {
				t.Errorf("a code of afterwards: %d %s", a.Status, a.Body)
			}
		})
	}
}

// However the end of the grants and the exchange of codes meet, no token of such a
// code is alive afterwards.
func TestEndGrantsWhileCodesAreExchanged(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) storage.Store{
		"memory": func(*testing.T) storage.Store { return memory.New() },
		"sqlite": func(t *testing.T) storage.Store {
			s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gatewright.db"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) { o.store = open(t) })
			for range 5 {
				codes := make([]string, 8)
				for i := range codes {
					codes[i] = w.code(mobileRequest())
				}
				answers := make([]answer, len(codes))
				var wait sync.WaitGroup
				for i := range codes {
					wait.Go(func() {
						if i == len(codes)/2 {
							if _, err := w.server.EndGrantsOf(t.Context(), "ada", "left"); err != nil {
								t.Error(err)
							}
							answers[i] = w.exchange("mobile", codes[i], mobileRedirect, verifier)
							w.want(answers[i], http.StatusBadRequest, "invalid_grant")
							return
						}
						answers[i] = w.exchange("mobile", codes[i], mobileRedirect, verifier)
					})
				}
				wait.Wait()
				for _, a := range answers {
					if a.Status != http.StatusOK {
						w.want(a, http.StatusBadRequest, "invalid_grant")
						continue
					}
					w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), http.StatusUnauthorized, "invalid_token")
					w.want(w.refresh("mobile", a.str(t, "refresh_token")), http.StatusBadRequest, "invalid_grant")
				}
			}
		})
	}
}

// What stops a client, an organization or a person between a code and its
// exchange is decided by the store, whatever this instance has heard: the change
// is not told to it here.
func TestStoppedBetweenCodeAndExchange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		who    string
		change func(status *storage.Status, epoch *uint64)
		code   string
		resume bool
	}{
		"client suspended":          {"client", suspend, "invalid_client", true},
		"client revoked":            {"client", revoke, "invalid_client", false},
		"client's tokens ended":     {"client", endTokens, "invalid_grant", false},
		"organization suspended":    {"organization", suspend, "invalid_client", true},
		"organization revoked":      {"organization", revoke, "invalid_client", false},
		"organization tokens ended": {"organization", endTokens, "invalid_grant", false},
		"member suspended":          {"member", suspend, "invalid_grant", true},
		"member revoked":            {"member", revoke, "invalid_grant", false},
		"member's tokens ended":     {"member", endTokens, "invalid_grant", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			issued := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier)
			w.want(issued, http.StatusOK, "")
			code, question := w.code(mobileRequest()), w.authorize(mobileRequest()).str(t, "consent")

			w.stop(tc.who, tc.change)
			refused := []answer{
				w.exchange("mobile", code, mobileRedirect, verifier),
				w.refresh("mobile", issued.str(t, "refresh_token")),
			}
			for _, a := range refused {
				if a.str(t, "error") != tc.code {
					t.Errorf("%d %s, want %s", a.Status, a.Body, tc.code)
				}
			}
			if to, err := url.Parse(w.decide(mobileRequest(), question, "allow").Header.Get("Location")); err != nil || to.Query().Has("code") || to.Query().Get("error") == "" {
				t.Errorf("the question was answered by %v, %v", to, err)
			}
			if !tc.resume {
				return
			}
			w.server.Installation().Feed().Apply(w.stop(tc.who, func(status *storage.Status, _ *uint64) { *status = storage.Active }))
			// Nothing was consumed, nothing counted as reuse.
			if a := w.exchange("mobile", code, mobileRedirect, verifier); a.Status != http.StatusOK {
				t.Errorf("the code after all: %d %s", a.Status, a.Body)
			}
			if a := w.refresh("mobile", issued.str(t, "refresh_token")); a.Status != http.StatusOK {
				t.Errorf("the refresh token after all: %d %s", a.Status, a.Body)
			}
		})
	}
}

func suspend(status *storage.Status, _ *uint64) { *status = storage.Suspended }
func revoke(status *storage.Status, _ *uint64)  { *status = storage.Revoked }
func endTokens(_ *storage.Status, epoch *uint64) {
	*epoch++
}

// stop changes a record in the store alone, as another instance does.
func (w *world) stop(who string, change func(status *storage.Status, epoch *uint64)) (made storage.Change) {
	w.Helper()
	ctx, until := w.Context(), w.server.Installation().Until()
	var err error
	switch who {
	case "client":
		var c storage.Client
		if c, err = w.store.Client(ctx, "mobile"); err == nil {
			change(&c.Status, &c.Epoch)
			made, err = w.store.UpdateClient(ctx, c, storage.Quorum{}, until, storage.Event{})
		}
	case "organization":
		var o storage.Organization
		if o, err = w.store.Organization(ctx, "acme"); err == nil {
			change(&o.Status, &o.Epoch)
			made, err = w.store.UpdateOrganization(ctx, o, until, storage.Event{})
		}
	default:
		var m storage.Member
		if m, err = w.store.Member(ctx, "acme", "ada"); err == nil {
			change(&m.Status, &m.Epoch)
			made, err = w.store.UpdateMember(ctx, m, storage.Quorum{}, until, storage.Event{})
		}
	}
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// After the tokens of an organization were ended, people can authorize anew.
func TestConsentAfterEndedTokens(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"client", "organization", "member"} {
		w := newWorld(t)
		w.server.Installation().Feed().Apply(w.stop(who, endTokens))
		a := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier)
		w.want(a, http.StatusOK, "")
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), http.StatusOK, "")
	}
}

// A partner's refresh token for client_credentials that names an account becomes
// a grant of that account when it is first redeemed.
func TestVirtualGrantOfAnAccountCanBeEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.server.Installation()
	now := in.Now()
	r := &token.Refresh{Claims: token.Claims{Grant: storage.NewID(now), Client: "viewer", Organization: "acme", IssuedAt: now, ExpiresAt: now.Add(time.Hour)},
		Secret: token.NewRefreshSecret(), ConsentedAt: now, Virtual: true, AbsoluteExpiry: now.Add(time.Hour), AccessUntil: now.Add(time.Hour),
		Metadata: []token.Binding{{Kind: "account_id", Value: bankAccount}}}
	sealed, err := in.Tokens().SealRefresh(r)
	if err != nil {
		t.Fatal(err)
	}
	next := w.refresh("viewer", sealed)
	w.want(next, http.StatusOK, "")
	if n, err := w.server.EndGrantsForAccount(t.Context(), bankAccount, "stolen"); n != 1 || err != nil {
		t.Errorf("ended %d grants, %v", n, err)
	}
	w.want(w.refresh("viewer", next.str(t, "refresh_token")), http.StatusBadRequest, "invalid_grant")
}
