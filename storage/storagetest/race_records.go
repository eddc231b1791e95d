package storagetest

import (
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/storage"
)

// The contests of raceRecords are for one version of a record.
var raceRecords = []test{
	{"UpdateOneClient", raceUpdateClient},
	{"LastAdmins", raceLastAdmins},
	{"LastAdminsOfEnvironments", raceLastAdminsOfEnvironments},
	{"CreateOnce", raceCreateOnce},
	{"OnePublicKey", racePublicKey},
	{"ApplyOneRevision", raceApplyRules},
	{"MoveOneKey", raceSetKeyState},
	{"NoTornReads", raceTornReads},
}

func raceUpdateClient(k *kit) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		events := make([]storage.Event, k.Contenders)
		for i := range events {
			events[i] = k.event("key.updated", c.ID)
		}
		winner := k.onlyOne(contest(k, k.Contenders, func(i int, s storage.Store) error {
			mine := c
			mine.Name = fmt.Sprint(i)
			change, err := s.UpdateClient(k.ctx, mine, storage.Quorum{}, k.now.Add(hour), events[i])
			if err == nil && change.Version != c.Version+1 {
				return fmt.Errorf("the change has version %d after %d", change.Version, c.Version)
			}
			return err
		}), storage.ErrConflict)
		c.Version++
		c.Name = fmt.Sprint(winner)
		got, err := k.store.Client(k.ctx, c.ID)
		k.must(err)
		k.equal("client", c, got)
		for i, e := range events {
			if i == winner {
				k.recorded(e)
			} else {
				k.notRecorded(e)
			}
		}
	})
}

func raceLastAdmins(k *kit) {
	for _, n := range []int{2, 2, 2, 8} {
		k.rounds(func() {
			o := k.organization()
			q := storage.Quorum{Organization: o.ID, Environment: "production", Role: "admin"}
			demote := make([]func(s storage.Store, e storage.Event) error, n)
			events := make([]storage.Event, n)
			for i := range demote {
				events[i] = k.event("demoted", o.ID)
				if i%2 == 0 {
					c := k.client(o.ID, func(c *storage.Client) { c.Roles = []string{"admin"} })
					c.Roles = nil
					demote[i] = func(s storage.Store, e storage.Event) error {
						_, err := s.UpdateClient(k.ctx, c, q, k.now.Add(hour), e)
						return err
					}
					continue
				}
				m := k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				m.Status = storage.Suspended
				demote[i] = func(s storage.Store, e storage.Event) error {
					_, err := s.UpdateMember(k.ctx, m, q, k.now.Add(hour), e)
					return err
				}
			}
			refused := 0
			for _, err := range contest(k, n, func(i int, s storage.Store) error { return demote[i](s, events[i]) }) {
				if err != nil {
					k.is(err, storage.ErrLastHolder)
					refused++
				}
			}
			if refused != 1 {
				k.Fatalf("%d of the %d last admins were kept, want 1", refused, n)
			}
		})
	}
}

// raceLastAdminsOfEnvironments has the one member and the one client that each of
// two environments has all removed at once, each in the name of an environment.
// In each environment an admin is left: the member, or both of the clients.
func raceLastAdminsOfEnvironments(k *kit) {
	admins := []string{"admin"}
	k.rounds(func() {
		o := k.organization()
		m := k.member(o.ID, func(m *storage.Member) { m.Roles = admins })
		environments := []string{"production", "sandbox"}
		clients := make([]storage.Client, len(environments))
		for i, e := range environments {
			clients[i] = k.client(o.ID, func(c *storage.Client) { c.Environment, c.Roles = e, admins })
		}
		events := make([]storage.Event, 4)
		for i := range events {
			events[i] = k.event("demoted", o.ID)
		}
		errs := contest(k, len(events), func(i int, s storage.Store) error {
			q := storage.Quorum{Organization: o.ID, Environment: environments[i%2], Role: "admin"}
			if i < 2 {
				c := clients[i]
				c.Status = storage.Revoked
				_, err := s.UpdateClient(k.ctx, c, q, k.now.Add(hour), events[i])
				return err
			}
			// Both name the same version, and one of them may win.
			gone := m
			gone.Status = storage.Suspended
			_, err := s.UpdateMember(k.ctx, gone, q, k.now.Add(hour), events[i])
			return err
		})
		for i, err := range errs {
			if err != nil && (i < 2 || !errors.Is(err, storage.ErrConflict)) {
				k.is(err, storage.ErrLastHolder)
			}
		}
		left, err := k.store.Member(k.ctx, o.ID, m.Subject)
		k.must(err)
		if left.Status == storage.Active {
			return
		}
		for _, c := range clients {
			left, err := k.store.Client(k.ctx, c.ID)
			k.must(err)
			if left.Status != storage.Active {
				k.Errorf("nobody is left to govern %s: %v", c.Environment, errs)
			}
		}
	})
}

func raceCreateOnce(k *kit) {
	home := k.organization()
	c := k.client(home.ID)
	for name, create := range map[string]func() func(int, storage.Store) error{
		"organization": func() func(int, storage.Store) error {
			o := k.newOrganization()
			e := k.event("organization.created", o.ID)
			return func(_ int, s storage.Store) error {
				e := e
				e.ID = storage.NewID(k.now)
				return s.CreateOrganization(k.ctx, o, e)
			}
		},
		"client": func() func(int, storage.Store) error {
			c := k.newClient(home.ID)
			e := k.event("key.created", c.ID)
			return func(_ int, s storage.Store) error {
				e := e
				e.ID = storage.NewID(k.now)
				return s.CreateClient(k.ctx, c, e)
			}
		},
		"member": func() func(int, storage.Store) error {
			m := storage.Member{Organization: home.ID, Subject: k.name("user"), Status: storage.Active}
			e := k.event("member.created", m.Subject)
			return func(_ int, s storage.Store) error {
				e := e
				e.ID = storage.NewID(k.now)
				return s.CreateMember(k.ctx, m, e)
			}
		},
		"grant": func() func(int, storage.Store) error {
			g := k.newGrant(c)
			return func(_ int, s storage.Store) error { return s.CreateGrant(k.ctx, g) }
		},
		"artifact": func() func(int, storage.Store) error {
			a := storage.Artifact{Kind: storage.PushedRequest, Key: k.key(), Client: c.ID, ExpiresAt: k.now.Add(minute)}
			return func(_ int, s storage.Store) error { return s.PutArtifact(k.ctx, a) }
		},
		"key": func() func(int, storage.Store) error {
			key, e := k.newKey(), k.event("datakey.announced", "key")
			return func(_ int, s storage.Store) error {
				e := e
				e.ID = storage.NewID(k.now)
				_, err := s.PutKey(k.ctx, key, e)
				return err
			}
		},
	} {
		k.rounds(func() {
			if errs := contest(k, 16, create()); !k.Failed() {
				k.onlyOne(errs, storage.ErrExists)
			}
			if k.Failed() {
				k.Logf("the contest was for one %s", name)
			}
		})
	}
}

func racePublicKey(k *kit) {
	o := k.organization()
	k.rounds(func() {
		x := k.certificate()
		all := make([]storage.Client, 16)
		for i := range all {
			all[i] = k.newClient(o.ID)
			if i%2 == 1 { // half of them create a client with it, half add it to one
				k.must(k.store.CreateClient(k.ctx, all[i], k.event("key.created", all[i].ID)))
				all[i].Version = 1
			}
			all[i].Certificates = []storage.Certificate{x}
		}
		winner := k.onlyOne(contest(k, len(all), func(i int, s storage.Store) error {
			e := storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "key.created"}
			if i%2 == 0 {
				return s.CreateClient(k.ctx, all[i], e)
			}
			_, err := s.UpdateClient(k.ctx, all[i], storage.Quorum{}, k.now.Add(hour), e)
			return err
		}), storage.ErrExists)
		holders := 0
		for _, c := range all {
			if got, err := k.store.Client(k.ctx, c.ID); err == nil && len(got.Certificates) > 0 {
				holders++
			}
		}
		k.equal("clients with the public key", 1, holders)
		owner, err := k.store.KeyOwner(k.ctx, all[winner].Environment, x.KeyThumbprint)
		k.must(err)
		k.equal("owner of the public key", all[winner].ID, owner)
	})
}

func raceApplyRules(k *kit) {
	o := k.name("org")
	var revision uint64
	k.rounds(func() {
		winner := k.onlyOne(contest(k, k.Contenders, func(i int, s storage.Store) error {
			_, err := s.ApplyRules(k.ctx, storage.RuleChange{
				Organization: o, Revision: revision, Add: [][]string{{"p", fmt.Sprint(revision), fmt.Sprint(i)}}, At: k.now,
			}, storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "rules.applied"})
			return err
		}), storage.ErrConflict)
		set, err := k.store.LoadRules(k.ctx, o)
		k.must(err)
		k.equal("rows", int(revision)+1, len(set.Rows))
		found := false
		for _, row := range set.Rows {
			found = found || row[1] == fmt.Sprint(revision) && row[2] == fmt.Sprint(winner)
		}
		if !found {
			k.Errorf("the rows are not those of the winner")
		}
		revision++
		k.equal("revision", revision, set.Revision)
	})
}

func raceSetKeyState(k *kit) {
	k.rounds(func() {
		key := k.putKey()
		k.onlyOne(contest(k, 16, func(_ int, s storage.Store) error {
			_, err := s.SetKeyState(k.ctx, key.ID, storage.Announced, storage.InUse, k.now,
				storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "datakey.moved"})
			return err
		}), storage.ErrConflict)
	})
}

// raceTornReads: a record is read as one command left it.
func raceTornReads(k *kit) {
	c := k.client(k.organization().ID, func(c *storage.Client) {
		c.Name, c.Roles, c.Labels = "0", []string{"0"}, map[string]string{"n": "0"}
	})
	writing := make(chan struct{})
	errs := contest(k, 8, func(i int, s storage.Store) error {
		if i == 0 {
			defer close(writing)
			for n := range 50 {
				name := fmt.Sprint(n)
				c.Name, c.Roles, c.Labels = name, []string{name}, map[string]string{"n": name}
				change, err := s.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(hour),
					storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "key.updated"})
				if err != nil {
					return err
				}
				c.Version = change.Version
			}
			return nil
		}
		var version uint64
		for {
			select {
			case <-writing:
				return nil
			default:
			}
			got, err := s.Client(k.ctx, c.ID)
			if err != nil {
				return err
			}
			if len(got.Roles) != 1 || got.Name != got.Roles[0] || got.Name != got.Labels["n"] {
				return errors.New("the client is a mixture of two versions")
			}
			if got.Version < version {
				return errors.New("an older version was read after a newer one")
			}
			version = got.Version
		}
	})
	for _, err := range errs {
		k.must(err)
	}
}
