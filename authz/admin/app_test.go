package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// sandboxApps is the service of a bank's sandbox with two API products.
func sandboxApps(ctx context.Context, profile authz.Profile) (*admin.Service, func(), error) {
	decider, err := policy.Default()
	if err != nil {
		return nil, nil, err
	}
	in, err := authz.Open(ctx, authz.Config{Issuer: "https://as.example", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()}, Policy: decider,
		Profile: profile, Products: authz.Products{
			"accounts":  {Scopes: []string{"accounts"}, GrantTypes: []string{"authorization_code", "refresh_token"}},
			"transfers": {Scopes: []string{"send_money"}, GrantTypes: []string{"client_credentials"}},
		},
		MayActFor:   func(context.Context, *storage.Client, string, string) (bool, error) { return true, nil },
		OwnsAccount: func(context.Context, string, string) (bool, error) { return true, nil }})
	if err != nil {
		return nil, nil, err
	}
	s, err := admin.New(admin.Config{Installation: in})
	if err == nil {
		err = s.EnsureOrganization(ctx, "shops", "Shops")
	}
	return s, func() { _ = in.Close(context.WithoutCancel(ctx)) }, err
}

func TestRegisterApp(t *testing.T) {
	t.Parallel()
	s, stop, err := sandboxApps(t.Context(), authz.Bank(authz.Sandbox))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	host := admin.Host().In("shops")
	uris := []string{"https://shop.example/callback", "http://127.0.0.1/callback", "com.example.shop:/callback"}
	app, secret, err := s.RegisterApp(t.Context(), host, admin.NewApp{Name: "Shop", Type: authz.Fintech, RedirectURIs: uris, Subscriptions: []string{"accounts"},
		TestIDs: map[string]string{"account_id": "1234999999567"}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	if app.Type != authz.Fintech || !slices.Equal(app.RedirectURIs, uris) || !slices.Equal(app.Subscriptions, []string{"accounts"}) || len(app.Addresses) != 1 ||
		!slices.Equal(app.Scopes, []string{"accounts", "send_money"}) || !slices.Equal(app.GrantTypes, []string{"authorization_code", "refresh_token"}) ||
		len(app.Roles) != 0 || len(secret) < 32 || app.Organization != "shops" {
		t.Errorf("registered %+v", app)
	}
	if app, err = s.SetRedirectURIs(t.Context(), host, app.ClientID, uris[:1]); err != nil || len(app.RedirectURIs) != 1 {
		t.Errorf("%+v: %v", app, err)
	}
	if _, err := s.SetRedirectURIs(t.Context(), host, app.ClientID, nil); !errors.Is(err, admin.ErrInvalid) {
		t.Errorf("an app without a place to return to: %v", err)
	}
	if app, err = s.Subscribe(t.Context(), host, app.ClientID, nil); err != nil || len(app.Subscriptions) != 0 {
		t.Errorf("%+v: %v", app, err)
	}
}

func TestRegisterAppRefuses(t *testing.T) {
	t.Parallel()
	s, stop, err := sandboxApps(t.Context(), authz.Bank(authz.Sandbox))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	host := admin.Host().In("shops")
	callback := []string{"https://shop.example/callback"}
	for name, tc := range map[string]struct {
		field  string
		change func(*admin.NewApp)
	}{
		"no type":                    {"type", func(n *admin.NewApp) { n.Type = "" }},
		"another type":               {"type", func(n *admin.NewApp) { n.Type = "merchant" }},
		"nowhere to return to":       {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = nil }},
		"plain http":                 {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"http://shop.example/"} }},
		"localhost by name":          {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"http://localhost/"} }},
		"a fragment":                 {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"https://shop.example/#a"} }},
		"a user in the URI":          {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"https://bank@shop.example/"} }},
		"a script":                   {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"javascript:alert(1)"} }},
		"a relative URI":             {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = []string{"/callback"} }},
		"one URI twice":              {"redirect_uris", func(n *admin.NewApp) { n.RedirectURIs = append(callback, callback...) }},
		"a URI for a partner":        {"redirect_uris", func(n *admin.NewApp) { n.Type = authz.Partner }},
		"a product that is not":      {"subscriptions", func(n *admin.NewApp) { n.Subscriptions = []string{"loans"} }},
		"one product twice":          {"subscriptions", func(n *admin.NewApp) { n.Subscriptions = []string{"accounts", "accounts"} }},
		"a scope that is not":        {"scopes", func(n *admin.NewApp) { n.Scopes = []string{"everything"} }},
		"every address":              {"addresses", func(n *admin.NewApp) { n.Addresses = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")} }},
		"an address with bits after": {"addresses", func(n *admin.NewApp) { n.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")} }},
		"a negative lifetime":        {"lifetimes", func(n *admin.NewApp) { n.Lifetimes.Access = -1 }},
		"over already":               {"expires_at", func(n *admin.NewApp) { n.ExpiresAt = time.Now().Add(-time.Hour) }},
		"a test id without a kind":   {"test_ids", func(n *admin.NewApp) { n.TestIDs = map[string]string{"": "1"} }},
		"a name that hides":          {"name", func(n *admin.NewApp) { n.Name = "Shop\u202e" }},
	} {
		n := admin.NewApp{Name: "Shop", Type: authz.Fintech, RedirectURIs: slices.Clone(callback), Subscriptions: []string{"accounts"}}
		tc.change(&n)
		_, secret, err := s.RegisterApp(t.Context(), host, n)
		refused, ok := errors.AsType[*admin.Refused](err)
		if !ok || !errors.Is(err, admin.ErrInvalid) || !strings.HasPrefix(refused.Detail, tc.field+" must be ") || secret != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]admin.Actor{"nobody": {}, "the host of no organization": admin.Host(), "the host of another": admin.Host().In("elsewhere")} {
		if _, _, err := s.RegisterApp(t.Context(), a, admin.NewApp{Type: authz.Fintech, RedirectURIs: callback}); err == nil {
			t.Errorf("%s registered an app", name)
		}
	}
	keys, _, err := s.ListKeys(t.Context(), host, admin.Page{})
	if err != nil || len(keys) != 0 {
		t.Errorf("refused, and yet there are %d apps: %v", len(keys), err)
	}
}

// Test ids outside of a sandbox would let a client act for a customer unasked.
func TestNoTestIDsOutsideTheSandbox(t *testing.T) {
	t.Parallel()
	s, stop, err := sandboxApps(t.Context(), authz.Merchant())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	_, _, err = s.RegisterApp(t.Context(), admin.Host().In("shops"), admin.NewApp{Type: authz.Partner, TestIDs: map[string]string{"account_id": "1234999999567"}})
	if !errors.Is(err, admin.ErrInvalid) {
		t.Error(err)
	}
}

func ExampleService_RegisterApp() {
	ctx := context.Background()
	s, stop, err := sandboxApps(ctx, authz.Bank(authz.Sandbox))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	app, secret, err := s.RegisterApp(ctx, admin.Host().In("shops"), admin.NewApp{
		Name: "Shop", Type: authz.Fintech, RedirectURIs: []string{"https://shop.example/callback"}, Subscriptions: []string{"accounts"},
	})
	fmt.Println(app.ClientID != "", secret != "", app.GrantTypes, err)
	// Output: true true [authorization_code refresh_token] <nil>
}
