package storagetest

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/storage"
)

var transactions = []test{
	{"Commit", transactCommit},
	{"Rollback", transactRollback},
	{"Panic", transactPanic},
	{"Changes", transactChanges},
	{"RemovedWithin", transactRemovedWithin},
}

// transactor returns the capability, or skips the test.
func (k *kit) transactor() storage.Transactor {
	k.Helper()
	t, ok := k.store.(storage.Transactor)
	if !ok {
		k.Skip("the store has no transactions")
	}
	return t
}

// everything runs commands of every kind and returns checks that tell whether
// they took effect.
func (k *kit) everything(s storage.Store, c storage.Client, fixed storage.Grant) map[string]func() bool {
	k.Helper()
	in := *k
	in.store = s
	out := in.newOrganization()
	e := in.event("organization.created", out.ID)
	in.must(s.CreateOrganization(in.ctx, out, e))
	added := in.client(out.ID)
	in.updateClient(c, func(c *storage.Client) { c.Name = "in a transaction" })
	g := in.grant(c)
	a := in.code(added)
	r := in.redemption(a)
	in.redeem(r, storage.Done)
	in.rotate(in.rotation(fixed), storage.Done)
	key := in.key()
	in.must(s.Claim(in.ctx, in.tag, key, in.now.Add(hour)))
	rules := in.name("org")
	in.apply(rules, 0, [][]string{{"p", "a"}}, nil)
	datakey := in.putKey()
	k.n = in.n

	// What a transaction has done it sees itself.
	if got, err := s.Client(in.ctx, c.ID); err != nil || got.Name != "in a transaction" {
		k.Errorf("a transaction does not see its own update")
	}
	in.redeem(in.redemption(a), storage.Reused)

	there := func(err error) bool { return err == nil }
	return map[string]func() bool{
		"organization": func() bool { _, err := k.store.Organization(k.ctx, out.ID); return there(err) },
		"event":        func() bool { return len(k.events(e.Target)) == 1 },
		"client":       func() bool { _, err := k.store.Client(k.ctx, added.ID); return there(err) },
		"update": func() bool {
			got, err := k.store.Client(k.ctx, c.ID)
			return there(err) && got.Name == "in a transaction" && got.Version == c.Version+1
		},
		"change": func() bool { return k.change(storage.ClientChange, c.ID) != nil },
		"grant":  func() bool { _, err := k.store.Grant(k.ctx, g.ID); return there(err) },
		"redemption": func() bool {
			got, err := k.store.Artifact(k.ctx, a.Kind, a.Key)
			return there(err) && !got.RedeemedAt.IsZero()
		},
		"its grant": func() bool { _, err := k.store.Grant(k.ctx, r.Grant.ID); return there(err) },
		"rotation": func() bool {
			got, err := k.store.Grant(k.ctx, fixed.ID)
			return there(err) && got.Generation == fixed.Generation+1
		},
		"claim": func() bool {
			return errors.Is(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)), storage.ErrSeen)
		},
		"rules": func() bool {
			set, err := k.store.LoadRules(k.ctx, rules)
			return there(err) && set.Revision == 1
		},
		"data key": func() bool { return k.change(storage.KeyChange, keyChange(datakey).ID) != nil },
	}
}

func transactCommit(k *kit) {
	t := k.transactor()
	c := k.client(k.organization().ID)
	fixed := k.grant(c)
	var kept storage.Store
	var checks map[string]func() bool
	k.must(t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
		kept = tx
		checks = k.everything(tx, c, fixed)
		return nil
	}))
	for name, check := range checks {
		if !check() {
			k.Errorf("the %s of a committed transaction is lost", name)
		}
	}
	late := k.grant(c)
	if _, err := kept.Grant(k.ctx, late.ID); err == nil {
		k.Errorf("the store of a transaction that is over still answers")
	}
}

var errUndo = errors.New("storagetest: undo it")

func transactRollback(k *kit) {
	t := k.transactor()
	c := k.client(k.organization().ID)
	fixed := k.grant(c)
	cursor := k.settle()
	var kept storage.Store
	var checks map[string]func() bool
	err := t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
		kept = tx
		checks = k.everything(tx, c, fixed)
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		k.Fatalf("got error %v, want that of the function", err)
	}
	for name, check := range checks {
		if check() {
			k.Errorf("the %s of a failed transaction is there", name)
		}
	}
	k.stored(fixed)
	k.equal("changes", 0, len(k.since(cursor, 100).Changes))
	if _, err := kept.Grant(k.ctx, fixed.ID); err == nil {
		k.Errorf("the store of a transaction that has failed still answers")
	}
	k.rotate(k.rotation(fixed), storage.Done)
}

func transactPanic(k *kit) {
	t := k.transactor()
	c := k.client(k.organization().ID)
	g := k.newGrant(c)
	func() {
		defer func() {
			if recover() != errUndo {
				k.Errorf("the panic of the function does not reach the caller")
			}
		}()
		_ = t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
			if err := tx.CreateGrant(ctx, g); err != nil {
				return err
			}
			panic(errUndo)
		})
	}()
	k.noGrant(g.ID)
	k.must(k.store.CreateGrant(k.ctx, g))
}

func transactChanges(k *kit) {
	t := k.transactor()
	g := k.grant(k.client(k.organization().ID))
	cursor := k.settle()
	k.must(t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
		if _, err := tx.EndGrant(ctx, k.end(g)); err != nil {
			return err
		}
		if n, err := tx.Stamp(ctx, 100); err != nil || n != 0 {
			k.Errorf("Stamp in a transaction: %d, %v", n, err)
		}
		return nil
	}))
	change := k.grantChange(g.ID)
	if change == nil || change.Seq != 0 {
		k.Fatalf("the change of a transaction is %+v, want one without a number", change)
	}
	k.equal("changes", 1, len(k.since(cursor, 100).Changes))
}

// transactRemovedWithin: what a transaction has taken away is free within it.
func transactRemovedWithin(k *kit) {
	t := k.transactor()
	o := k.organization()
	x := k.certificate()
	c, heir := k.client(o.ID, func(c *storage.Client) { c.Certificates = []storage.Certificate{x} }), k.client(o.ID)
	for _, fails := range []bool{true, false} {
		err := t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
			from, to := c, heir
			from.Certificates, to.Certificates = nil, []storage.Certificate{x}
			if _, err := tx.UpdateClient(ctx, from, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", c.ID)); err != nil {
				return err
			}
			if _, err := tx.UpdateClient(ctx, to, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", heir.ID)); err != nil {
				return err
			}
			if fails {
				return errUndo
			}
			return nil
		})
		if fails && errors.Is(err, errUndo) {
			err = nil
		}
		k.must(err)
		third := k.newClient(o.ID)
		third.Certificates = []storage.Certificate{x}
		k.is(k.store.CreateClient(k.ctx, third, k.event("key.created", third.ID)), storage.ErrExists)
		holder, err := k.store.Client(k.ctx, map[bool]string{true: c.ID, false: heir.ID}[fails])
		k.must(err)
		k.equal("certificates of the holder", 1, len(holder.Certificates))
	}
}
