package authz_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// platform is the process that serves tokens, with a key and a resource server.
type platform struct {
	*issuer.Server
	keys   *admin.Service
	web    *httptest.Server
	secret string // of both
}

func newPlatform(ctx context.Context, store storage.Store, root keyring.Root) (*platform, error) {
	roles, err := policy.Default()
	if err != nil {
		return nil, err
	}
	p := &platform{secret: token.NewSecret()}
	p.web = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	if p.Server, err = issuer.New(ctx, issuer.Config{Issuer: "http://" + p.web.Listener.Addr().String(), Store: store, Keys: []keyring.Root{root}, Policy: roles, Profile: authz.Merchant()}); err != nil {
		return nil, err
	}
	p.web.Start()
	if p.keys, err = admin.New(admin.Config{Installation: p.Installation()}); err != nil {
		return nil, err
	}
	if err = p.keys.EnsureOrganization(ctx, "acme", "Acme"); err != nil {
		return nil, err
	}
	for _, c := range []storage.Client{
		{ID: "till-7", Organization: "acme", Roles: []string{"viewer"}},
		{ID: "reports", Organization: "acme", ResourceServer: true}, // may introspect tokens of others
	} {
		if _, err = p.keys.EnsureKey(ctx, c, p.secret); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *platform) close(ctx context.Context) {
	p.web.Close()
	_ = p.Close(ctx)
}

// token is what the till's program gets.
func (p *platform) token() string {
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "client_id": {"till-7"}, "client_secret": {p.secret}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	_, text, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

func show(h http.Handler, bearer string) int {
	r := httptest.NewRequest("GET", "/v1/transactions", nil)
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// suspended waits until a suspension has come through.
func suspended(h http.Handler, bearer string) bool {
	for range 100 {
		if show(h, bearer) == http.StatusUnauthorized {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

var transactions = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "transactions of", authz.FromContext(r.Context()).Organization)
})

// A process that guards over the database of the one that serves tokens: the same
// issuer, profile and root secrets, and no OAuth server linked in.
func ExampleOpen() {
	ctx := context.Background()
	store, root := memory.New(), keyring.NewRoot() // in life: gormstore.New in both processes, keyring.ParseRoot
	p, err := newPlatform(ctx, store, root)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.close(ctx)

	// The second process.
	roles, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	in, err := authz.Open(ctx, authz.Config{Issuer: p.Installation().Config().Issuer, Profile: authz.Merchant(), Store: store, Keys: []keyring.Root{root}, Policy: roles})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = in.Close(ctx) }()
	guarded := in.Guard().Require(authz.Permission("transaction:read"))(transactions)

	bearer := p.token()
	fmt.Println(show(guarded, bearer), in.Healthy(ctx))
	_, err = p.keys.SuspendKey(ctx, admin.Host().In("acme"), "till-7", admin.Options{})
	fmt.Println(suspended(guarded, bearer), err)
	// Output:
	// 200 <nil>
	// true <nil>
}

// logged takes refusals where there is no store to keep them.
type logged struct{ *slog.Logger }

func (l logged) Record(e storage.Event) {
	l.Info("refused", "outcome", e.Outcome, "reason", e.Reason, "route", e.Route, "actor", e.Actor)
}

// A process that knows an introspection URL only. Its policy is its own.
func ExampleNewIntrospection() {
	ctx := context.Background()
	p, err := newPlatform(ctx, memory.New(), keyring.NewRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.close(ctx)

	// The other process.
	remote, err := authz.NewIntrospection(authz.IntrospectionConfig{URL: p.web.URL + "/oauth2/introspect",
		ClientID: "reports", ClientSecret: p.secret, Environment: authz.Merchant().Environment})
	if err != nil {
		fmt.Println(err)
		return
	}
	roles, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := authz.NewGuard(authz.GuardConfig{Verifier: remote, Policy: roles, Audit: logged{slog.New(slog.DiscardHandler)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	guarded := guard.Require(authz.Permission("transaction:read"))(transactions)

	bearer := p.token()
	fmt.Println(show(guarded, bearer), show(guarded, "made-up"))
	_, err = p.keys.SuspendKey(ctx, admin.Host().In("acme"), "till-7", admin.Options{})
	fmt.Println(suspended(guarded, bearer), err)
	// Output:
	// 200 401
	// true <nil>
}

// The trail is read from the store, in the order of the chain, and checked by the
// installation.
func ExampleInstallation_Trail() {
	ctx := context.Background()
	store := memory.New()
	p, err := newPlatform(ctx, store, keyring.NewRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.close(ctx)
	if _, err := p.keys.SuspendKey(ctx, admin.Host().In("acme"), "till-7", admin.Options{}); err != nil {
		fmt.Println(err)
	}
	in := p.Installation()
	if _, err := in.Trail().Seal(ctx, 1000); err != nil { // otherwise within a second, by itself
		fmt.Println(err)
	}
	var after uint64 // kept by whoever archives
	events, err := store.Events(ctx, storage.EventFilter{Sealed: true, AfterSeq: after, Limit: 500})
	if err != nil {
		fmt.Println(err)
	}
	for _, e := range events {
		after = e.Seq
		if e.Type == "key.suspended" {
			fmt.Println(e.Type, e.Target, "by", e.Actor)
		}
	}
	length, err := in.Trail().Verify(ctx)
	fmt.Println(length == after, err)
	// Output:
	// key.suspended key:till-7 by host
	// true <nil>
}
