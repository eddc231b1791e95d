package admin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// elsewhere is a service for another environment over the same store.
func (w *world) elsewhere(environment string) *admin.Service {
	w.Helper()
	profile := authz.Merchant()
	profile.Environment = environment
	in, err := authz.Open(w.Context(), authz.Config{Issuer: "https://" + environment + ".example", Store: w.store,
		Keys: []keyring.Root{w.root}, Policy: newPolicy(w), Profile: profile})
	w.must(err)
	w.Cleanup(func() {
		if err := in.Close(context.Background()); err != nil {
			w.Error(err)
		}
	})
	service, err := admin.New(admin.Config{Installation: in})
	w.must(err)
	return service
}

// TestLastAdminOfAnEnvironment: an admin key of a sandbox does not keep an
// organization governable in production, and the other way round.
func TestLastAdminOfAnEnvironment(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx := w.Context()
		sandbox := w.elsewhere("sandbox")
		home := host.In("acme")
		_, err := sandbox.EnsureKey(ctx, storage.Client{ID: "sandbox-admin", Organization: "acme", Roles: []string{"admin"}}, token.NewSecret())
		w.must(err)

		// One key each; neither can go, whichever way.
		last := func(_ any, err error) {
			w.Helper()
			if !errors.Is(err, admin.ErrLastAdmin) {
				w.Errorf("got %v, want %v", err, admin.ErrLastAdmin)
			}
		}
		last(w.service.RevokeKey(ctx, home, "admin", admin.Options{}))
		last(w.service.SuspendKey(ctx, home, "admin", admin.Options{}))
		last(w.service.PatchKey(ctx, home, "admin", admin.KeyPatch{Roles: &[]string{"viewer"}}))
		last(sandbox.RevokeKey(ctx, home, "sandbox-admin", admin.Options{}))

		// A person is an admin in both, and stands in for either key and for both.
		_, err = w.service.CreateMember(ctx, home, admin.NewMember{Subject: "ada", Roles: []string{"admin"}})
		w.must(err)
		_, err = w.service.RevokeKey(ctx, home, "admin", admin.Options{})
		w.must(err)
		for _, s := range []*admin.Service{w.service, sandbox} { // whichever environment the request comes from
			last(s.SuspendMember(ctx, home, "ada", admin.Options{}))
			last(s.RevokeMember(ctx, home, "ada", admin.Options{}))
			last(s.PatchMember(ctx, home, "ada", admin.MemberPatch{Roles: &[]string{"viewer"}}))
		}
		w.ensure(storage.Client{ID: "second", Organization: "acme", Roles: []string{"admin"}})
		_, err = sandbox.RevokeMember(ctx, home, "ada", admin.Options{})
		w.must(err)
		last(w.service.RevokeKey(ctx, home, "second", admin.Options{}))
	})
}
