package storagetest

import (
	"context"
	"testing"

	"github.com/gatewright/gatewright/storage"
)

// Options adjust [Options.Run] to an implementation. The zero value is what
// [Run] uses.
type Options struct {
	// Shared says that the stores may hold the data of other tests, because they
	// share a database. Tests then run one after another, and nothing is
	// required of an empty store.
	Shared bool
	// Another opens a further instance over the data of a store that the factory
	// returned. Where given, concurrent callers are spread over two instances.
	Another func(t *testing.T, s storage.Store) storage.Store
	// Contenders is how many goroutines want the same thing at once, 64 by default.
	Contenders int
	// Rounds is how often each contest is held, 5 by default and 2 with -short.
	Rounds int
}

// Run runs the conformance and concurrency tests. Each call of open returns an
// empty store, which open closes when the test that it is given ends.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	Options{}.Run(t, open)
}

// Run is [Run] with options.
func (o Options) Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	if o.Contenders <= 0 {
		o.Contenders = 64
	}
	if o.Rounds <= 0 {
		o.Rounds = 5
		if testing.Short() {
			o.Rounds = 2
		}
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			if !o.Shared {
				t.Parallel()
			}
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					if !o.Shared {
						t.Parallel()
					}
					test.run(newKit(t, o, open(t)))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*kit)
}

// groups is the whole suite; each group stands in the file of its concept.
var groups = []struct {
	name  string
	tests []test
}{
	{"Basics", basics},
	{"Clients", clients},
	{"Directory", directory},
	{"Quorum", quorums},
	{"Grants", grants},
	{"Rotate", rotations},
	{"RotateRefused", rotationRefusals},
	{"Redeem", redemptions},
	{"Pending", pendings},
	{"Once", claims},
	{"Changes", changes},
	{"Keys", keys},
	{"Rules", rules},
	{"Audit", audits},
	{"Sweep", sweeps},
	{"Hostile", hostiles},
	{"Transact", transactions},
	{"Race", races},
	{"RaceRecords", raceRecords},
	{"Follow", follows},
}

var basics = []test{
	{"Ping", func(k *kit) {
		k.must(k.store.Ping(k.ctx))
	}},
	{"Empty", func(k *kit) {
		if k.Shared {
			k.Skip("the store may hold the data of other tests")
		}
		batch, err := k.store.ChangesSince(k.ctx, 0, k.now, 10)
		k.must(err)
		k.equal("changes", storage.ChangeBatch{}, batch)
		n, err := k.store.Stamp(k.ctx, 10)
		k.must(err)
		k.equal("stamped", 0, n)
		organizations, err := k.store.ListOrganizations(k.ctx, storage.Page{})
		k.must(err)
		k.equal("organizations", 0, len(organizations))
		keys, err := k.store.ListKeys(k.ctx)
		k.must(err)
		k.equal("keys", 0, len(keys))
		sets, err := k.store.ListRuleSets(k.ctx)
		k.must(err)
		k.equal("rule sets", 0, len(sets))
		events, err := k.store.Events(k.ctx, storage.EventFilter{})
		k.must(err)
		k.equal("events", 0, len(events))
		n, err = k.store.Sweep(k.ctx, k.now, 10)
		k.must(err)
		k.equal("swept", 0, n)
	}},
	{"EndedContext", func(k *kit) {
		ended, cancel := context.WithCancel(k.ctx)
		cancel()
		o := k.newOrganization()
		e := k.event("organization.created", o.ID)
		k.unavailable("Ping", k.store.Ping(ended))
		k.unavailable("CreateOrganization", k.store.CreateOrganization(ended, o, e))
		_, err := k.store.Organization(k.ctx, o.ID)
		k.is(err, storage.ErrNotFound)
		k.notRecorded(e)

		_, err = k.store.Client(ended, "nobody")
		k.unavailable("Client", err)
		_, err = k.store.Grant(ended, storage.NewID(k.now))
		k.unavailable("Grant", err)
		_, err = k.store.ChangesSince(ended, 0, k.now, 10)
		k.unavailable("ChangesSince", err)
		_, err = k.store.Rotate(ended, storage.Rotation{ID: storage.NewID(k.now), At: k.now})
		k.unavailable("Rotate", err)
		_, err = k.store.Redeem(ended, storage.Redemption{Kind: storage.AuthorizationCode, Key: k.key(), At: k.now})
		k.unavailable("Redeem", err)

		key := k.key()
		k.unavailable("Claim", k.store.Claim(ended, k.tag, key, k.now.Add(hour)))
		k.must(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)))
	}},
}
