package admin_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/storage"
)

// gives is what each role amounts to, written down here anew.
var gives = map[string][]string{
	"admin":            {"account:create", "account:read", "transaction:read", "transaction:manage", "terminal:assign", "transfer:initiate", "key:manage", "member:manage", "everything"},
	"operator":         {"account:create", "account:read", "transaction:read", "transaction:manage", "terminal:assign", "transfer:initiate"},
	"viewer":           {"account:read", "transaction:read"},
	"terminal-manager": {"account:read", "terminal:assign"},
	"transfer-only":    {"account:read", "transfer:initiate"},
	"manager":          {"account:read", "terminal:assign", "key:manage", "member:manage"},
	"observer":         {"account:read", "transaction:read", "key:manage"},
}

// mayManage says what ought to come of one role managing another.
func mayManage(actor, target string) bool {
	if !slices.Contains(gives[actor], "key:manage") {
		return false
	}
	for _, p := range gives[target] {
		if !slices.Contains(gives[actor], p) {
			return false
		}
	}
	return true
}

// operations are all that can be done to a key there is.
var operations = map[string]func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error{
	"patch": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, err := s.PatchKey(ctx, a, id, admin.KeyPatch{Name: new(time.Now().String())})
		return err
	},
	"rotate": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, secret, err := s.RotateKey(ctx, a, id, admin.Rotation{})
		if err != nil && secret != "" {
			return errors.New("a refused rotation returned a secret")
		}
		return err
	},
	"suspend": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, err := s.SuspendKey(ctx, a, id, admin.Options{})
		return err
	},
	"resume": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, err := s.ResumeKey(ctx, a, id, admin.Options{})
		return err
	},
	"end_tokens": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, err := s.EndKeyTokens(ctx, a, id, admin.Options{})
		return err
	},
	"revoke": func(s *admin.Service, ctx context.Context, a admin.Actor, id string) error {
		_, err := s.RevokeKey(ctx, a, id, admin.Options{})
		return err
	},
}

// actor is a key of acme as a guard would tell of it.
func actor(role string, change ...func(*authz.Principal)) admin.Actor {
	p := &authz.Principal{Client: role, Organization: "acme", Roles: []string{role}}
	for _, c := range change {
		c(p)
	}
	return admin.ActorOf(p)
}

// refused reports whether err is a refusal for want of rights.
func refused(err error) bool {
	return errors.Is(err, admin.ErrPermissionDenied) || errors.Is(err, admin.ErrExceeds)
}

// TestEveryRoleManagesEveryOther: creating, patching to, and every operation on
// what is there, by every role on every role.
func TestEveryRoleManagesEveryOther(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx := w.Context()
		allowed := 0
		for _, by := range roles {
			for _, target := range roles {
				want := mayManage(by, target)
				check := func(what string, err error) {
					w.Helper()
					switch {
					case want && err != nil:
						w.Errorf("%s on %s: %s: %v", by, target, what, err)
					case !want && !refused(err):
						w.Errorf("%s on %s: %s was not refused: %v", by, target, what, err)
					}
					if err == nil {
						allowed++
					}
				}
				_, _, err := w.service.CreateKey(ctx, actor(by), admin.NewKey{Roles: []string{target}})
				check("create", err)
				// To the role, from one that anybody may manage who may at all.
				mine := w.keyWith("terminal-manager")
				if mayManage(by, "terminal-manager") {
					_, err = w.service.PatchKey(ctx, actor(by), mine, admin.KeyPatch{Roles: &[]string{target}})
					check("patch to", err)
				}
				// From the role.
				_, err = w.service.PatchKey(ctx, actor(by), w.keyWith(target), admin.KeyPatch{Roles: &[]string{by}})
				check("patch from", err)
				for name, operate := range operations {
					id := w.keyWith(target)
					before := w.client(id)
					if name == "resume" {
						_, err := w.service.SuspendKey(ctx, host, id, admin.Options{})
						w.must(err)
						before = w.client(id)
					}
					err := operate(w.service, ctx, actor(by), id)
					check(name, err)
					if after := w.client(id); err != nil && after.Version != before.Version {
						w.Errorf("%s on %s: a refused %s changed the key", by, target, name)
					}
				}
				m := w.memberWith(target)
				_, err = w.service.SuspendMember(ctx, actor(by), m, admin.Options{})
				if want && slices.Contains(gives[by], "member:manage") != (err == nil) || !want && !refused(err) {
					w.Errorf("%s on member %s: %v", by, target, err)
				}
			}
		}
		if allowed < 90 {
			w.Errorf("only %d were allowed: the table tests nothing", allowed)
		}
	})
}

// keyWith makes a key of acme that holds a role.
func (w *world) keyWith(roles ...string) string {
	w.Helper()
	k, _, err := w.service.CreateKey(w.Context(), host.In("acme"), admin.NewKey{Roles: roles})
	w.must(err)
	return k.ClientID
}

func (w *world) memberWith(roles ...string) string {
	w.Helper()
	subject := storage.NewID(time.Now()).String()
	_, err := w.service.CreateMember(w.Context(), host.In("acme"), admin.NewMember{Subject: subject, Roles: roles})
	w.must(err)
	return subject
}

// TestNarrowedActors: a boundary, or the scopes of a token, narrow what an admin
// may do and hand on.
func TestNarrowedActors(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx := w.Context()
		bounded := func(boundary ...string) admin.Actor {
			return actor("admin", func(p *authz.Principal) { p.Boundary = boundary })
		}
		scoped := func(scopes ...string) admin.Actor {
			return actor("admin", func(p *authz.Principal) { p.Scopes = scopes })
		}
		delegated := func(scopes ...string) admin.Actor {
			return actor("admin", func(p *authz.Principal) { p.Subject, p.Scopes = "ada", scopes })
		}
		narrow := []string{"key:manage", "transaction:read"}
		for name, test := range map[string]struct {
			by       admin.Actor
			boundary []string
			want     error
		}{
			"no narrowing":                     {actor("admin"), nil, nil},
			"boundary, key without one":        {bounded(narrow...), nil, admin.ErrExceeds},
			"boundary, the same":               {bounded(narrow...), narrow, nil},
			"boundary, less":                   {bounded(narrow...), []string{"transaction:read"}, nil},
			"boundary, one object of it":       {bounded(narrow...), []string{"transaction:42:read"}, nil},
			"boundary, exactly one object":     {bounded(narrow...), []string{"=transaction:read"}, nil},
			"boundary, more":                   {bounded(narrow...), []string{"transaction:read", "transfer:initiate"}, admin.ErrExceeds},
			"boundary, every action":           {bounded(narrow...), []string{"transaction:*"}, admin.ErrExceeds},
			"boundary, every object":           {bounded(narrow...), []string{"*:read"}, admin.ErrExceeds},
			"boundary, everything":             {bounded(narrow...), []string{"*:*"}, admin.ErrExceeds},
			"boundary, like a prefix":          {bounded(narrow...), []string{"transactions:read"}, admin.ErrExceeds},
			"exact boundary, tree wanted":      {bounded("key:manage", "=transaction:read"), []string{"transaction:read"}, admin.ErrExceeds},
			"one object, kind wanted":          {bounded("key:manage", "transaction:42:read"), []string{"transaction:read"}, admin.ErrExceeds},
			"boundary of everything":           {bounded("*:*"), nil, nil},
			"boundary without key:manage":      {bounded("transaction:read"), []string{"transaction:read"}, admin.ErrPermissionDenied},
			"boundary that cannot be read":     {bounded("nonsense"), []string{"transaction:read"}, admin.ErrPermissionDenied},
			"boundary of one other key":        {bounded("key:app_x:manage"), []string{"key:app_x:manage"}, admin.ErrPermissionDenied},
			"plain scopes":                     {scoped("openid", "profile"), nil, nil},
			"scopes, key without a boundary":   {scoped(narrow...), nil, admin.ErrExceeds},
			"scopes, boundary within":          {scoped(narrow...), narrow, nil},
			"scopes, boundary beyond":          {scoped(narrow...), []string{"transfer:initiate"}, admin.ErrExceeds},
			"scopes without key:manage":        {scoped("transaction:read"), []string{"transaction:read"}, admin.ErrPermissionDenied},
			"delegated without scopes":         {delegated(), nil, admin.ErrPermissionDenied},
			"delegated with plain scopes":      {delegated("openid"), []string{"transaction:read"}, admin.ErrPermissionDenied},
			"delegated, no boundary":           {delegated(narrow...), nil, admin.ErrExceeds},
			"delegated, boundary within":       {delegated(narrow...), []string{"transaction:read"}, nil},
			"delegated, everything":            {delegated("*:*"), nil, nil},
			"boundary and scopes, in one only": {actor("admin", func(p *authz.Principal) { p.Boundary, p.Scopes = narrow, []string{"key:manage", "transfer:initiate"} }), []string{"transaction:read"}, admin.ErrExceeds},
			"boundary and scopes, in both":     {actor("admin", func(p *authz.Principal) { p.Boundary, p.Scopes = narrow, narrow }), []string{"transaction:read"}, nil},
		} {
			_, _, err := w.service.CreateKey(ctx, test.by, admin.NewKey{Roles: []string{"viewer"}, Boundary: test.boundary})
			if !errors.Is(err, test.want) {
				w.Errorf("%s: create: %v, want %v", name, err, test.want)
			}
			// The same rule for what is there already.
			k, _, err := w.service.CreateKey(ctx, host.In("acme"), admin.NewKey{Roles: []string{"viewer"}, Boundary: test.boundary})
			w.must(err)
			if _, _, err = w.service.RotateKey(ctx, test.by, k.ClientID, admin.Rotation{}); !errors.Is(err, test.want) {
				w.Errorf("%s: rotate: %v, want %v", name, err, test.want)
			}
		}

		// A bounded admin cannot take its own boundary off, nor widen it.
		self := w.keyWith("admin")
		me := func() admin.Actor {
			return actor("admin", func(p *authz.Principal) { p.Client, p.Boundary = self, narrow })
		}
		_, err := w.service.PatchKey(ctx, host, self, admin.KeyPatch{Boundary: &narrow})
		w.must(err)
		for _, wider := range [][]string{nil, {"*:*"}, append([]string{"transfer:initiate"}, narrow...)} {
			if _, err := w.service.PatchKey(ctx, me(), self, admin.KeyPatch{Boundary: &wider}); !errors.Is(err, admin.ErrExceeds) {
				w.Errorf("widened to %q: %v", wider, err)
			}
		}
		if _, err := w.service.PatchKey(ctx, me(), self, admin.KeyPatch{Boundary: &[]string{"key:manage"}}); err != nil {
			w.Errorf("narrowing oneself: %v", err)
		}
	})
}

// TestUnknownRolesCountAsTheAdmins: a role that the policy does not know gives its
// holder nothing, and makes whoever holds it out of reach for lesser managers.
func TestUnknownRolesCountAsTheAdmins(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		w.must(w.store.CreateClient(w.Context(), storage.Client{ID: "ghost", Organization: "acme", Environment: "live", Status: storage.Active,
			Roles: []string{"viewer", "retired-role"}}, storage.Event{}))
		if _, err := w.service.SuspendKey(w.Context(), actor("observer"), "ghost", admin.Options{}); !errors.Is(err, admin.ErrExceeds) {
			w.Errorf("a lesser manager: %v", err)
		}
		both := actor("observer", func(p *authz.Principal) { p.Roles = []string{"observer", "retired-role"} })
		if _, err := w.service.SuspendKey(w.Context(), both, "ghost", admin.Options{}); !errors.Is(err, admin.ErrExceeds) {
			w.Errorf("one who holds the unknown role: %v", err)
		}
		if _, _, err := w.service.CreateKey(w.Context(), both, admin.NewKey{Roles: []string{"viewer"}}); err != nil {
			w.Errorf("an unknown role takes what others give: %v", err)
		}
		if _, err := w.service.SuspendKey(w.Context(), actor("admin"), "ghost", admin.Options{}); err != nil {
			w.Errorf("an admin: %v", err)
		}
		if _, err := w.service.PatchKey(w.Context(), actor("admin"), "ghost", admin.KeyPatch{Roles: &[]string{"viewer"}}); err != nil {
			w.Errorf("an admin, cleaning up: %v", err)
		}
	})
}
