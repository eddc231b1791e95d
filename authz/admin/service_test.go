package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

var host = admin.Host()

func TestConfigNamesTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory.New())
	in := w.server.Installation()
	for field, cfg := range map[string]admin.Config{
		"Installation":  {},
		"DefaultRole":   {Installation: in, DefaultRole: "role:admin"},
		"AdminRole":     {Installation: in, AdminRole: "a\nb"},
		"KeyGrantTypes": {Installation: in, KeyGrantTypes: []string{}},
		"KeyScopes":     {Installation: in, KeyScopes: []string{"a b"}},
		"MaxOverlap":    {Installation: in, MaxOverlap: -1},
		"MaxSecrets":    {Installation: in, MaxSecrets: 1},
	} {
		if _, err := admin.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := admin.New(admin.Config{Installation: in}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// TestNobody: the zero actor, and whatever becomes it, may nothing.
func TestNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory.New())
	ctx, s := t.Context(), w.service
	member := storage.Member{Organization: "acme", Subject: "ada", Roles: []string{"admin"}}
	suspended := member
	suspended.Status = storage.Suspended
	for name, a := range map[string]admin.Actor{
		"zero":                       {},
		"no principal":               admin.ActorOf(nil),
		"empty principal":            admin.ActorOf(&authz.Principal{}),
		"no organization":            admin.ActorOf(&authz.Principal{Client: "admin", Roles: []string{"admin"}}),
		"another organization":       actor("admin").In("umbrella"),
		"no organization any more":   actor("admin").In(""),
		"host of another":            host.In("umbrella").In("acme"),
		"member without a status":    admin.Person(member),
		"suspended member":           admin.Person(suspended),
		"zero, moved":                admin.Actor{}.In("acme"),
		"zero, from somewhere":       admin.Actor{}.Via("192.0.2.1", "POST /x"),
		"a key without roles":        admin.ActorOf(&authz.Principal{Client: "admin", Organization: "acme"}),
		"a key with an unknown role": admin.ActorOf(&authz.Principal{Client: "admin", Organization: "acme", Roles: []string{"root"}}),
	} {
		_, _, err1 := s.CreateKey(ctx, a, admin.NewKey{})
		_, err2 := s.Key(ctx, a, "viewer")
		_, _, err3 := s.ListKeys(ctx, a, admin.Page{})
		_, err4 := s.PatchKey(ctx, a, "viewer", admin.KeyPatch{})
		_, _, err5 := s.RotateKey(ctx, a, "viewer", admin.Rotation{})
		_, err6 := s.RevokeKey(ctx, a, "viewer", admin.Options{})
		_, err7 := s.CreateMember(ctx, a, admin.NewMember{Subject: "x", Roles: []string{"viewer"}})
		_, err8 := s.Member(ctx, a, "x")
		_, _, err9 := s.ListMembers(ctx, a, admin.Page{})
		_, err10 := s.SuspendMember(ctx, a, "x", admin.Options{})
		_, _, err11 := s.Trail(ctx, a, admin.TrailFilter{})
		_, err12 := s.CreateOrganization(ctx, a, admin.NewOrganization{ID: "x"})
		_, err13 := s.Organization(ctx, a, "acme")
		_, _, err14 := s.ListOrganizations(ctx, a, admin.Page{})
		_, err15 := s.SuspendOrganization(ctx, a, "acme", admin.Options{})
		for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12, err13, err14, err15} {
			if !errors.Is(err, admin.ErrPermissionDenied) {
				t.Errorf("%s: call %d: %v", name, i+1, err)
			}
		}
	}
}

func TestOrganizationsAreTheHosts(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx, s := w.Context(), w.service
		for name, a := range map[string]admin.Actor{"admin": actor("admin"), "person": admin.Person(storage.Member{Organization: "acme", Subject: "ada", Roles: []string{"admin"}, Status: storage.Active})} {
			_, err1 := s.CreateOrganization(ctx, a, admin.NewOrganization{ID: "mine"})
			_, err2 := s.SuspendOrganization(ctx, a, "acme", admin.Options{})
			_, err3 := s.RevokeOrganization(ctx, a, "umbrella", admin.Options{})
			_, err4 := s.RenameOrganization(ctx, a, "acme", "x")
			_, _, err5 := s.ListOrganizations(ctx, a, admin.Page{})
			for i, err := range []error{err1, err2, err3, err4, err5} {
				if !errors.Is(err, admin.ErrPermissionDenied) {
					w.Errorf("%s: call %d: %v", name, i+1, err)
				}
			}
		}
		for id, want := range map[string]error{"acme": admin.ErrExists, "": admin.ErrInvalid, "*": admin.ErrInvalid, "a:b": admin.ErrInvalid, "a b": admin.ErrInvalid, "..": admin.ErrInvalid, strings.Repeat("x", 129): admin.ErrInvalid} {
			if _, err := s.CreateOrganization(ctx, host, admin.NewOrganization{ID: id}); !errors.Is(err, want) {
				w.Errorf("organization %q: %v, want %v", id, err, want)
			}
		}
		_, err := s.CreateOrganization(ctx, host, admin.NewOrganization{ID: "third", Name: "Third", Labels: map[string]string{"plan": "free"}})
		w.must(err)
		if _, _, err := s.CreateKey(ctx, host.In("nowhere"), admin.NewKey{}); !errors.Is(err, admin.ErrNotFound) {
			w.Errorf("a key of no organization: %v", err)
		}
		if _, _, err := s.CreateKey(ctx, host, admin.NewKey{}); !errors.Is(err, admin.ErrInvalid) {
			w.Errorf("a key of an organization that was not named: %v", err)
		}
		o, err := s.RenameOrganization(ctx, host, "third", "Third Ltd")
		if err != nil || o.Name != "Third Ltd" || o.Version != 2 {
			w.Errorf("renamed: %+v, %v", o, err)
		}
		if o, err := s.Organization(ctx, host, "third"); err != nil || o.Name != "Third Ltd" || o.Labels["plan"] != "free" {
			w.Errorf("read: %+v, %v", o, err)
		}
		if _, err := s.RenameOrganization(ctx, host, "third", "a\nb"); !errors.Is(err, admin.ErrInvalid) {
			w.Errorf("renamed to two lines: %v", err)
		}
		if _, err := s.Organization(ctx, host, "fourth"); !errors.Is(err, admin.ErrNotFound) {
			w.Errorf("an organization that is not there: %v", err)
		}
		list, next, err := s.ListOrganizations(ctx, host, admin.Page{Limit: 2})
		w.must(err)
		if len(list) != 2 || next != "third" {
			w.Errorf("listed %d, next %q", len(list), next)
		}

		// Suspending one stops its keys at once, and no other's.
		acme, umbrella := w.bearer("viewer"), w.bearer("other")
		_, err = s.SuspendOrganization(ctx, host, "acme", admin.Options{})
		w.must(err)
		w.want(w.call(acme, "GET", "/v1/transactions", ""), 401, "invalid_token")
		w.want(w.call(umbrella, "GET", "/v1/transactions", ""), 200, "")
		_, err = s.ResumeOrganization(ctx, host, "acme", admin.Options{})
		w.must(err)
		w.want(w.call(acme, "GET", "/v1/transactions", ""), 200, "")
		_, err = s.EndOrganizationTokens(ctx, host, "acme", admin.Options{})
		w.must(err)
		w.want(w.call(acme, "GET", "/v1/transactions", ""), 401, "invalid_token")
		w.want(w.as("viewer", "GET", "/v1/transactions", ""), 200, "")
		if _, err := s.SuspendOrganization(ctx, host.In("umbrella"), "acme", admin.Options{}); !errors.Is(err, admin.ErrNotFound) {
			w.Errorf("a narrowed host: %v", err)
		}
		_, err = s.RevokeOrganization(ctx, host, "third", admin.Options{})
		w.must(err)
		if _, err := s.ResumeOrganization(ctx, host, "third", admin.Options{}); !errors.Is(err, admin.ErrRevoked) {
			w.Errorf("resumed after revocation: %v", err)
		}
		if _, _, err := s.CreateKey(ctx, host.In("third"), admin.NewKey{}); !errors.Is(err, admin.ErrRevoked) {
			w.Errorf("a key of a revoked organization: %v", err)
		}
	})
}

func TestEnvironmentsDoNotMeet(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		for _, id := range []string{"aaa", "sandbox", "zzz"} {
			w.must(w.store.CreateClient(w.Context(), storage.Client{ID: id, Organization: "acme", Environment: "sandbox", Status: storage.Active, Roles: []string{"viewer"}}, storage.Event{}))
		}
		for _, a := range []admin.Actor{actor("admin"), host, host.In("acme")} {
			if _, err := w.service.Key(w.Context(), a, "sandbox"); !errors.Is(err, admin.ErrNotFound) {
				w.Errorf("read: %v", err)
			}
			if _, _, err := w.service.RotateKey(w.Context(), a, "sandbox", admin.Rotation{}); !errors.Is(err, admin.ErrNotFound) {
				w.Errorf("rotated: %v", err)
			}
		}
		for _, limit := range []int{1, 2, 100} {
			n := 0
			for p := (admin.Page{Limit: limit}); ; {
				keys, next, err := w.service.ListKeys(w.Context(), actor("admin"), p)
				w.must(err)
				for _, k := range keys {
					if k.ClientID == "sandbox" || k.ClientID == "aaa" || k.ClientID == "zzz" {
						w.Errorf("%s is listed", k.ClientID)
					}
				}
				n += len(keys)
				if p.After = next; next == "" {
					break
				}
			}
			if n != len(roles)+2 {
				w.Errorf("limit %d: %d keys", limit, n)
			}
		}
	})
}

func TestSeedsAreIdempotent(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx, s := w.Context(), w.service
		before := len(w.events(storage.EventFilter{}))
		seed := storage.Client{ID: "demo", Organization: "acme", Roles: []string{"viewer"}, Labels: map[string]string{"a": "b"}}
		secret := token.NewSecret()
		for i, want := range []bool{true, false, false} {
			created, err := s.EnsureKey(ctx, seed, secret)
			if err != nil || created != want {
				w.Fatalf("time %d: %v, %v", i+1, created, err)
			}
		}
		w.keep("demo", secret)
		w.want(w.as("demo", "GET", "/v1/transactions", ""), 200, "")
		if c := w.client("demo"); c.CreatedBy != "host" || c.Labels["a"] != "b" || len(c.Scopes) != 2 {
			w.Errorf("kept: %+v", c)
		}
		// What became of it meanwhile stays: a rotated secret, a suspension.
		_, _, err := s.RotateKey(ctx, host, "demo", admin.Rotation{})
		w.must(err)
		_, err = s.SuspendKey(ctx, host, "demo", admin.Options{})
		w.must(err)
		created, err := s.EnsureKey(ctx, seed, secret)
		if err != nil || created || w.client("demo").Status != storage.Suspended {
			w.Errorf("seeded again: %v, %v", created, err)
		}
		_, err = s.ResumeKey(ctx, host, "demo", admin.Options{})
		w.must(err)
		if a := w.tokenWith("demo", secret); a.status != 401 {
			w.Error("a rotated secret came back with the seed")
		}
		for i, want := range []bool{true, false} {
			created, err := s.EnsureMember(ctx, "acme", admin.NewMember{Subject: "ada", Roles: []string{"operator"}})
			if err != nil || created != want {
				w.Errorf("member, time %d: %v, %v", i+1, created, err)
			}
		}
		w.must(s.EnsureOrganization(ctx, "acme", "another name"))
		if n := len(w.events(storage.EventFilter{Actor: "host"})) - before; n != 5 {
			w.Errorf("%d events, want 5", n)
		}

		for name, test := range map[string]struct {
			client storage.Client
			secret string
			want   error
		}{
			"another's id":           {storage.Client{ID: "demo", Organization: "umbrella"}, secret, admin.ErrExists},
			"no organization":        {storage.Client{ID: "new", Organization: "nowhere"}, secret, admin.ErrNotFound},
			"no id":                  {storage.Client{Organization: "acme"}, secret, admin.ErrInvalid},
			"id with a colon":        {storage.Client{ID: "a:b", Organization: "acme"}, secret, admin.ErrInvalid},
			"no secret":              {storage.Client{ID: "new", Organization: "acme"}, "", admin.ErrInvalid},
			"short secret":           {storage.Client{ID: "new", Organization: "acme"}, "changeme", admin.ErrInvalid},
			"secret of a public one": {storage.Client{ID: "new", Organization: "acme", Public: true}, secret, admin.ErrInvalid},
			"unknown role":           {storage.Client{ID: "new", Organization: "acme", Roles: []string{"root"}}, secret, admin.ErrRoleUnknown},
		} {
			if created, err := s.EnsureKey(ctx, test.client, test.secret); created || !errors.Is(err, test.want) {
				w.Errorf("%s: %v, %v, want %v", name, created, err, test.want)
			}
		}
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		do := func(method, path, body string, status int, code string) answer {
			w.Helper()
			a := w.as("admin", method, "/v1/members"+path, body)
			w.want(a, status, code)
			return a
		}
		// A subject is whatever the host's sign-in says, also with a colon.
		a := do("POST", "", `{"subject":"idp:4711","name":"Ada","roles":["operator"]}`, 201, "")
		if a.str(w, "subject") != "idp:4711" || a.str(w, "status") != "active" {
			w.Errorf("created: %s", a.body)
		}
		a = do("PATCH", "/idp:4711", `{"roles":["viewer"],"if_version":1}`, 200, "")
		if !strings.Contains(a.body, `"roles":["viewer"]`) {
			w.Errorf("patched: %s", a.body)
		}
		do("PATCH", "/idp:4711", `{"roles":["viewer"],"if_version":1}`, 409, "version_conflict")
		do("PATCH", "/idp:4711", `{"name":"Ada L."}`, 200, "")
		do("PATCH", "/idp:4711", `{"name":"a\u0007b"}`, 400, "invalid_value")
		do("PATCH", "/idp:4711", `{"roles":[]}`, 400, "invalid_value")
		do("PATCH", "/idp:4711", `{"roles":["root"]}`, 400, "role_unknown")
		do("POST", "/idp:4711/suspend", "", 200, "")
		do("POST", "/idp:4711/resume", `{"end_tokens":true}`, 200, "")
		do("POST", "/idp:4711/end_tokens", "", 200, "")
		if m, err := w.store.Member(w.Context(), "acme", "idp:4711"); err != nil || m.Epoch != 2 {
			w.Errorf("epoch %d, %v", m.Epoch, err)
		}
		do("POST", "/idp:4711/revoke", "", 200, "")
		do("POST", "/idp:4711/resume", "", 409, "member_revoked")
		do("POST", "", `{"subject":"bob","roles":["admin"]}`, 201, "")
		a = do("GET", "?limit=1", "", 200, "")
		if a.str(w, "next") != "bob" || !strings.Contains(a.body, `"subject":"bob"`) {
			w.Errorf("listed: %s", a.body)
		}
		a = do("GET", "?limit=1&after=bob", "", 200, "")
		if a.str(w, "next") != "" || !strings.Contains(a.body, `"name":"Ada L."`) {
			w.Errorf("listed on: %s", a.body)
		}
		// A rule for one member counts, colon and all.
		k, _, err := w.service.CreateKey(w.Context(), host.In("acme"), admin.NewKey{Roles: []string{"admin"}, Boundary: []string{"member:idp:4711:manage"}})
		w.must(err)
		one := admin.ActorOf(&authz.Principal{Client: k.ClientID, Organization: "acme", Roles: []string{"admin"}, Boundary: k.Boundary})
		if _, err := w.service.Member(w.Context(), one, "idp:4711"); err != nil {
			w.Errorf("the one member: %v", err)
		}
		if _, err := w.service.Member(w.Context(), one, "bob"); !errors.Is(err, admin.ErrPermissionDenied) {
			w.Errorf("another member: %v", err)
		}
		// A person manages as a key does.
		bob := admin.Person(storage.Member{Organization: "acme", Subject: "bob", Roles: []string{"admin"}, Status: storage.Active})
		if bob.Subject() != "user:bob" || bob.Organization() != "acme" {
			w.Errorf("%q of %q", bob.Subject(), bob.Organization())
		}
		if _, _, err := w.service.CreateKey(w.Context(), bob, admin.NewKey{}); err != nil {
			w.Error(err)
		}
	})
}

// TestOrganizationWithoutAnAdmin: what has no admin has none to lose, and one who
// expires, is suspended or is somebody else's does not stand in for the last.
func TestOrganizationWithoutAnAdmin(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ctx, s := w.Context(), w.service
		w.must(s.EnsureOrganization(ctx, "small", ""))
		in := host.In("small")
		viewer, _, err := s.CreateKey(ctx, in, admin.NewKey{Roles: []string{"viewer"}})
		w.must(err)
		_, err = s.SuspendKey(ctx, in, viewer.ClientID, admin.Options{})
		w.must(err)
		temporary, _, err := s.CreateKey(ctx, in, admin.NewKey{ExpiresAt: w.now().Add(time.Hour)})
		w.must(err)
		last, _, err := s.CreateKey(ctx, in, admin.NewKey{})
		w.must(err)
		asleep, _, err := s.CreateKey(ctx, in, admin.NewKey{})
		w.must(err)
		_, err = s.SuspendKey(ctx, in, asleep.ClientID, admin.Options{})
		w.must(err)
		if _, err := s.RevokeKey(ctx, in, last.ClientID, admin.Options{}); !errors.Is(err, admin.ErrLastAdmin) {
			w.Errorf("the last admin that stays: %v", err)
		}
		_, err = s.RevokeKey(ctx, in, temporary.ClientID, admin.Options{})
		w.must(err)
		_, err = s.RevokeKey(ctx, in, asleep.ClientID, admin.Options{})
		w.must(err)
		// A person can stand in for a key, and the other way round.
		_, err = s.CreateMember(ctx, in, admin.NewMember{Subject: "ada", Roles: []string{"admin"}})
		w.must(err)
		_, err = s.RevokeKey(ctx, in, last.ClientID, admin.Options{})
		w.must(err)
		for name, err := range map[string]error{
			"demoted":   second(s.PatchMember(ctx, in, "ada", admin.MemberPatch{Roles: &[]string{"viewer"}})),
			"suspended": second(s.SuspendMember(ctx, in, "ada", admin.Options{})),
			"revoked":   second(s.RevokeMember(ctx, in, "ada", admin.Options{})),
		} {
			if !errors.Is(err, admin.ErrLastAdmin) {
				w.Errorf("the last admin, a person, %s: %v", name, err)
			}
		}
		_, err = s.PatchMember(ctx, in, "ada", admin.MemberPatch{Name: new("Ada"), Roles: &[]string{"viewer", "admin"}})
		w.must(err)
	})
}

func second[T any](_ T, err error) error { return err }

func TestKeyExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory.New())
	end := w.now().Add(10 * time.Minute).UTC().Format(time.RFC3339)
	id := w.create("admin", `{"roles":["viewer"],"expires_at":"`+end+`"}`)
	live := w.bearer(id)
	w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "")
	w.advance(11 * time.Minute)
	w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
	if a := w.tokenWith(id, w.secret(id)); a.status != 401 {
		t.Errorf("an expired key got a token: %s", a.body)
	}
	w.want(w.as("admin", "PATCH", "/v1/keys/"+id, `{"expires_at":null}`), 200, "")
	w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token") // nothing outlives what it was issued for
	w.want(w.as(id, "GET", "/v1/transactions", ""), 200, "")
}
