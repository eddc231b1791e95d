package storagetest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var hostiles = []test{
	{"ClientIDs", hostileClientIDs},
	{"OrganizationsAndSubjects", hostileDirectory},
	{"Text", hostileText},
	{"NotText", hostileNotText},
	{"LargeClient", hostileLargeClient},
	{"LargeRest", hostileLargeRest},
	{"Times", hostileTimes},
	{"Numbers", hostileNumbers},
}

// lookalikes are names that only a comparison byte by byte tells apart.
var lookalikes = []string{
	"key", "Key", "KEY", "key ", " key", "key\t", "key\n", "keý", "key\u0301", "ke\u0301y", "k\u00e9y",
	"straße", "strasse", "ﬁ", "fi", "\u0130", "i", "ı", "I", "K", "\u212a", "k\u200by", "k\u00ady", "ky",
	"'", "''", "\\'", "' OR '1'='1", `"`, "`", "\\", "\\\\", "%", "%%", "_", "k%", "k_y", "*", "?", "$1", ":id", "@id", "{}", "[]",
	"--", "/*", ";", "key;--", "null", "NULL", "0", "00", "1e0", "1", "1.0", "true", "🧾", "🧾🧾", "\u202eyek", "\ufeffkey",
	"日本", "日本 ", "../key", "key/../key", "a|b", "a,b", "a\x1fb", "a\x01b", "\x7f",
}

func hostileClientIDs(k *kit) {
	o := k.organization()
	prefix := k.tag
	names := append(slices.Clone(lookalikes), strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("é", 32))
	for _, name := range names {
		c := k.newClient(o.ID)
		c.ID, c.Name = prefix+name, name
		if err := k.store.CreateClient(k.ctx, c, k.event("key.created", "key")); err != nil {
			k.Fatalf("creating the client %q: %v", name, err)
		}
	}
	for i, name := range names {
		c, err := k.store.Client(k.ctx, prefix+name)
		if err != nil {
			k.Fatalf("reading the client %q: %v", name, err)
		}
		k.equal("name", name, c.Name)
		k.equal("id", prefix+name, c.ID)
		if i%2 == 0 {
			k.updateClient(c, func(c *storage.Client) { c.Status = storage.Suspended })
		}
	}
	for i, name := range names {
		c, err := k.store.Client(k.ctx, prefix+name)
		k.must(err)
		change := k.change(storage.ClientChange, c.ID)
		if (i%2 == 0) != (c.Status == storage.Suspended) || (i%2 == 0) != (change != nil) {
			k.Errorf("the client %q has the status %v and the change %v", name, c.Status, change)
		}
	}
	listed := make(map[string]bool)
	for page := (storage.Page{Limit: 7}); ; {
		list, err := k.store.ListClients(k.ctx, o.ID, page)
		k.must(err)
		for _, c := range list {
			if listed[c.ID] {
				k.Fatalf("the client %q is listed twice", c.Name)
			}
			if c.ID <= page.After {
				k.Errorf("the client %q is listed after one of a greater id", c.Name)
			}
			listed[c.ID] = true
			page.After = c.ID
		}
		if len(list) < page.Limit {
			break
		}
	}
	k.equal("listed clients", len(names), len(listed))
}

func hostileDirectory(k *kit) {
	home := k.organization()
	for _, name := range lookalikes {
		o := k.newOrganization()
		o.ID, o.Name = k.tag+name, name
		if err := k.store.CreateOrganization(k.ctx, o, k.event("organization.created", "x")); err != nil {
			k.Fatalf("creating the organization %q: %v", name, err)
		}
		k.member(home.ID, func(m *storage.Member) { m.Subject, m.Name = name, name })
	}
	for i, name := range lookalikes {
		o, err := k.store.Organization(k.ctx, k.tag+name)
		k.must(err)
		k.equal("name", name, o.Name)
		m, err := k.store.Member(k.ctx, home.ID, name)
		k.must(err)
		k.equal("name", name, m.Name)
		if i%2 == 0 {
			k.updateMember(m, func(m *storage.Member) { m.Status = storage.Suspended })
		}
	}
	c := k.client(home.ID)
	for i, name := range lookalikes {
		m, err := k.store.Member(k.ctx, home.ID, name)
		k.must(err)
		suspended := i%2 == 0
		if suspended != (m.Status == storage.Suspended) || suspended != (k.change(storage.MemberChange, storage.MemberKey(home.ID, name)) != nil) {
			k.Errorf("the member %q has the status %v", name, m.Status)
		}
		// The command that asks for the membership tells them apart too.
		want := storage.Done
		if suspended {
			want = storage.Inactive
		}
		g := k.grant(c, func(g *storage.Grant) { g.Subject = name })
		answer, err := k.store.Rotate(k.ctx, k.rotation(g))
		k.must(err)
		if answer.Outcome != want {
			k.Errorf("a grant of the member %q got %v, want %v", name, answer.Outcome, want)
		}
	}
	list, err := k.store.ListMembers(k.ctx, home.ID, storage.Page{Limit: 1000})
	k.must(err)
	k.equal("members", len(lookalikes), len(list))
}

func hostileText(k *kit) {
	c := k.fullClient(k.organization().ID)
	c.Name, c.Type, c.CreatedBy = "'; DROP TABLE clients; --", "\\", "$$"
	c.Roles, c.Scopes, c.Boundary = lookalikes, lookalikes, lookalikes
	c.RedirectURIs, c.Origins = []string{"", " ", "a b", "a,b", "a\"b", "a\\b", "[]", "null", "a\nb"}, lookalikes
	c.Labels = make(map[string]string)
	for _, name := range lookalikes {
		c.Labels[name] = name
	}
	k.must(k.store.CreateClient(k.ctx, c, k.event("key.created", c.ID)))
	c.Version = 1
	got, err := k.store.Client(k.ctx, c.ID)
	k.must(err)
	k.equal("client", c, got)

	for _, role := range lookalikes { // a role is found by its whole name
		o := k.organization()
		last := k.client(o.ID, func(c *storage.Client) { c.Roles = []string{role + "x", "x" + role, role} })
		last.Roles = []string{role + "x", "x" + role, role + " ", "[" + role + "]", `"` + role + `"`, role + "," + role}
		_, err := k.store.UpdateClient(k.ctx, last, storage.Quorum{Organization: o.ID, Environment: "production", Role: role}, k.now.Add(hour), k.event("key.updated", last.ID))
		k.is(err, storage.ErrLastHolder)
	}
}

// hostileNotText: what the contract does not call text is refused, or kept as it is.
func hostileNotText(k *kit) {
	home := k.organization()
	for _, bad := range []string{"a\x00b", "\x00", "a\xffb", "\xc3", "\xed\xa0\x80", "a\x00"} {
		c := k.newClient(home.ID)
		c.Name, c.Roles = bad, []string{bad}
		if err := k.store.CreateClient(k.ctx, c, k.event("key.created", c.ID)); err == nil {
			c.Version = 1
			got, err := k.store.Client(k.ctx, c.ID)
			k.must(err)
			k.equal("client", c, got)
		} else if _, err := k.store.Client(k.ctx, c.ID); err == nil {
			k.Errorf("a refused client is there")
		}
		// Nobody is found by such an id unless it was created under it.
		if _, err := k.store.Client(k.ctx, home.ID+bad); err == nil {
			k.Errorf("the client %q is there", bad)
		}
		if answer, err := k.store.Rotate(k.ctx, storage.Rotation{ID: storage.NewID(k.now), Client: bad, At: k.now}); err == nil && answer.Outcome != storage.Unknown {
			k.Errorf("the client %q got %v", bad, answer.Outcome)
		}
	}
	k.must(k.store.Ping(k.ctx))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func hostileLargeClient(k *kit) {
	c := k.fullClient(k.organization().ID)
	c.JWKS = bytes.Repeat([]byte(`{"kty":"RSA"},`), 20_000)
	c.Name = strings.Repeat("é", 120)
	for i := range 2000 {
		c.Prefixes = append(c.Prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 32))
		c.Roles = append(c.Roles, fmt.Sprintf("role-%d", i))
	}
	for range 20 {
		x := k.certificate()
		x.DER = random(4096)
		c.Certificates = append(c.Certificates, x)
	}
	c.RedirectURIs = append(c.RedirectURIs, "https://app.example.com/"+strings.Repeat("x", 8192))
	c.Labels["long"] = strings.Repeat("🧾", 10_000)
	e := k.event("key.created", c.ID)
	e.After = bytes.Repeat([]byte("x"), 100_000)
	e.Reason = strings.Repeat("é", 256)
	k.must(k.store.CreateClient(k.ctx, c, e))
	k.recorded(e)
	c.Version = 1
	got, err := k.store.Client(k.ctx, c.ID)
	k.must(err)
	k.equal("client", c, got)
}

func hostileLargeRest(k *kit) {
	c := k.client(k.organization().ID)
	k.storedArtifact(k.code(c, func(a *storage.Artifact) { a.Kind, a.Sealed = storage.PushedRequest, random(300_000) }))
	g := k.grant(c, func(g *storage.Grant) {
		g.Sealed = random(200_000)
		for i := range 500 {
			g.Scopes = append(g.Scopes, fmt.Sprintf("scope-%d", i))
		}
	})
	k.stored(g)
	r := k.rotation(g)
	k.equal("answer", rotated(g, r, storage.Done), k.rotate(r, storage.Done).Grant)

	var rows [][]string
	for i := range 3000 {
		rows = append(rows, []string{"p", fmt.Sprintf("role-%d", i), "account", "read"})
	}
	o := k.name("org")
	k.apply(o, 0, rows, nil)
	k.rows(o, 1, rows)
	k.apply(o, 1, nil, rows[:2999])
	k.rows(o, 2, rows[2999:])

	var events []storage.Event
	kind := k.name("type")
	for range 1000 {
		events = append(events, storage.Event{ID: storage.NewID(k.now), At: k.now, Type: kind})
	}
	k.must(k.store.AppendEvents(k.ctx, events))
	list, err := k.store.Events(k.ctx, storage.EventFilter{Type: kind, Limit: 1000})
	k.must(err)
	k.equal("events", 1000, len(list))

	var lookups []storage.ChangeKey
	for range 2000 {
		lookups = append(lookups, storage.ChangeKey{Kind: storage.GrantChange, ID: string(random(16))})
	}
	found, err := k.store.LookupChanges(k.ctx, lookups)
	k.must(err)
	k.equal("changes", 0, len(found))

	var uses []storage.LastUse
	for i := range 2000 {
		uses = append(uses, storage.LastUse{Client: fmt.Sprintf("nobody-%d", i), At: k.now})
	}
	k.must(k.store.Touch(k.ctx, append(uses, storage.LastUse{Client: c.ID, At: k.now})))
	got, err := k.store.Client(k.ctx, c.ID)
	k.must(err)
	k.equal("last use", k.now, got.LastUsedAt)
}

func hostileTimes(k *kit) {
	c := k.client(k.organization().ID)
	for name, at := range map[string]time.Time{
		"zero":                {},
		"first millisecond":   time.UnixMilli(1),
		"before the epoch":    time.UnixMilli(-1),
		"long ago":            time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC),
		"32 bits are over":    time.Date(2038, 1, 19, 3, 14, 8, 1e6, time.UTC),
		"far":                 time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		"another zone":        k.now.In(time.FixedZone("elsewhere", -7*3600)),
		"almost the next":     k.now.Add(999_999 * time.Nanosecond),
		"a monotonic reading": time.Now(),
		"a leap day":          time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC),
	} {
		k.sub(name, func(k *kit) {
			k.stored(k.grant(c, func(g *storage.Grant) {
				g.ConsentedAt, g.ExpiresAt, g.IdleAt, g.AccessUntil, g.RotatedAt, g.EndedAt = at, at, at, at, at, at
			}))
			k.storedArtifact(k.code(c, func(a *storage.Artifact) { a.ExpiresAt = at }))
		})
	}
}

func hostileNumbers(k *kit) {
	c := k.client(k.organization().ID)
	for _, n := range []uint32{1, 1<<31 - 1, 1 << 31, 1<<32 - 2} {
		g := k.grant(c, func(g *storage.Grant) { g.Generation = n })
		k.stored(g)
		r := k.rotation(g)
		k.rotate(r, storage.Done)
		change := k.grantChange(g.ID)
		if change == nil || change.MinGeneration != n+1 {
			k.Errorf("the change after generation %d is %+v", n, change)
		}
	}
	// A generation never starts again from 0.
	last := k.grant(c, func(g *storage.Grant) { g.Generation = 1<<32 - 1 })
	answer, err := k.store.Rotate(k.ctx, k.rotation(last))
	if err == nil && (answer.Outcome == storage.Done || answer.Outcome == storage.Graced) {
		k.Errorf("the last generation was rotated to %d", answer.Grant.Generation)
	}
	k.stored(last)

	big := k.grant(c, func(g *storage.Grant) {
		g.Epochs = storage.Epochs{Client: 1<<63 - 1, Organization: 1 << 62, Member: 1<<63 - 1}
	})
	k.stored(big)
	k.rotate(k.rotation(big), storage.Done)
	d := k.client(c.Organization, func(c *storage.Client) { c.Lifetimes.Access = 1<<63 - 1 })
	got, err := k.store.Client(k.ctx, d.ID)
	k.must(err)
	k.equal("client", d, got)
}
