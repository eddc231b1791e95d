package storagetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/gatewright/gatewright/storage"
)

const crashNamespace = "crash"

// report runs a command between the two lines that tell of it.
func (k *kit) report(kind, id, arguments string, command func() error) bool {
	fmt.Fprintf(os.Stdout, "begin: %s %s %s\n", kind, id, arguments)
	if err := command(); err != nil {
		k.Errorf("%s: %v", kind, err)
		return false
	}
	fmt.Fprintf(os.Stdout, "done: %s %s\n", kind, id)
	return true
}

// crashWriter writes until the process is killed, or a command fails.
func crashWriter(k *kit) {
	const writers = 8
	var done sync.WaitGroup
	for range writers {
		own := *k
		own.tag = unique()
		w := &crasher{kit: &own, client: own.client(own.organization().ID)}
		w.grant = own.grant(w.client)
		done.Go(func() {
			for !k.Failed() {
				w.round()
			}
		})
	}
	done.Wait()
}

// crasher is one writer of the child.
type crasher struct {
	*kit
	client storage.Client
	grant  storage.Grant // is rotated
}

func outcome(got storage.Outcome, err error) error {
	if err == nil && got != storage.Done {
		err = fmt.Errorf("got %v, want done", got)
	}
	return err
}

// round runs one command of each kind.
func (w *crasher) round() {
	k := w.kit
	a := storage.Artifact{
		Kind: storage.AuthorizationCode, Key: k.key(), Client: w.client.ID, Organization: w.client.Organization,
		ExpiresAt: k.now.Add(hour),
	}
	if err := k.store.PutArtifact(k.ctx, a); err != nil {
		k.Errorf("putting an artifact: %v", err)
		return
	}
	redemption := k.redemption(a)
	k.report("redeem", hex.EncodeToString(a.Key), redemption.Grant.ID.String(), func() error {
		r, err := k.store.Redeem(k.ctx, redemption)
		return outcome(r.Outcome, err)
	})

	rotation := k.rotation(w.grant)
	k.report("rotate", fmt.Sprintf("%v/%d", w.grant.ID, w.grant.Generation+1), "-", func() error {
		r, err := k.store.Rotate(k.ctx, rotation)
		w.grant = r.Grant
		return outcome(r.Outcome, err)
	})

	virtual := k.virtual(w.client)
	first := k.rotation(virtual)
	first.Virtual = &virtual
	k.report("virtual", virtual.ID.String(), "-", func() error {
		r, err := k.store.Rotate(k.ctx, first)
		return outcome(r.Outcome, err)
	})
	k.report("end", virtual.ID.String(), "-", func() error {
		_, err := k.store.EndGrant(k.ctx, k.end(virtual))
		return err
	})

	key := k.key()
	k.report("claim", hex.EncodeToString(key), "-", func() error {
		return k.store.Claim(k.ctx, crashNamespace, key, k.now.Add(hour))
	})

	e := k.event("key.updated", "client")
	k.report("update", fmt.Sprintf("%s/%d", w.client.ID, w.client.Version+1), e.Target, func() error {
		change, err := k.store.UpdateClient(k.ctx, w.client, storage.Quorum{}, k.now.Add(hour), e)
		w.client.Version = change.Version
		return err
	})

	if t, ok := k.store.(storage.Transactor); ok {
		one, two := k.newGrant(w.client), k.newGrant(w.client)
		k.report("pair", one.ID.String(), two.ID.String(), func() error {
			return t.Transact(k.ctx, func(ctx context.Context, tx storage.Store) error {
				return errors.Join(tx.CreateGrant(ctx, one), tx.CreateGrant(ctx, two))
			})
		})
	}
}

// survived requires what [RunCrash] promises of a store whose writer was killed.
func (k *kit) survived(r *reports) {
	k.Helper()
	for command, arguments := range r.begun {
		kind, id, _ := strings.Cut(command, " ")
		done := r.completed[command]
		there, whole := k.look(kind, id, arguments)
		if done && !there {
			k.Errorf("an acknowledged command is lost: %s", kind)
		}
		if !whole {
			k.Errorf("a command is there by halves: %s (acknowledged: %v)", kind, done)
		}
	}
	for command := range r.completed {
		if _, ok := r.begun[command]; !ok {
			k.Errorf("a command was acknowledged that never began: %s", command)
		}
	}

	// The store works as any other.
	k.must(k.store.Ping(k.ctx))
	k.stampAll()
	k.sealAll()
	k.chain(0)
	c := k.client(k.organization().ID)
	k.redeem(k.redemption(k.code(c)), storage.Done)
	k.rotate(k.rotation(k.grant(c)), storage.Done)
}

// look finds out whether a command took effect, and whether all of it did.
func (k *kit) look(kind, id, arguments string) (there, whole bool) {
	k.Helper()
	switch kind {
	case "redeem":
		key, err := hex.DecodeString(id)
		k.must(err)
		a, err := k.store.Artifact(k.ctx, storage.AuthorizationCode, key)
		k.must(err)
		_, created := k.row(arguments)
		there = !a.RedeemedAt.IsZero()
		return there, there == created && (!there || a.Grant.String() == arguments)
	case "rotate":
		grant, generation := numbered(k, id)
		g, created := k.row(grant)
		change := k.grantChange(g.ID)
		there = created && uint64(g.Generation) >= generation
		return there, created && (change == nil) == (g.Generation == 3) && (change == nil || change.MinGeneration == g.Generation)
	case "virtual":
		g, created := k.row(id)
		change := k.grantChange(g.ID)
		return created, created == (change != nil && change.MinGeneration == 1)
	case "end":
		g, created := k.row(id)
		change := k.grantChange(g.ID)
		there = created && !g.EndedAt.IsZero()
		return there, there == (change != nil && change.Ended)
	case "claim":
		key, err := hex.DecodeString(id)
		k.must(err)
		err = k.store.Claim(k.ctx, crashNamespace, key, k.now.Add(hour))
		return errors.Is(err, storage.ErrSeen), true
	case "update":
		client, version := numbered(k, id)
		c, err := k.store.Client(k.ctx, client)
		k.must(err)
		change := k.change(storage.ClientChange, client)
		there = c.Version >= version
		return there, there == (len(k.events(arguments)) == 1) &&
			(change == nil) == (c.Version == 1) && (change == nil || change.Version == c.Version)
	case "pair":
		_, one := k.row(id)
		_, two := k.row(arguments)
		return one, one == two
	}
	k.Fatalf("the child reports a command %q", kind)
	return false, false
}

// row reads a grant by its id as text; if there is none, what is returned has
// the id alone.
func (k *kit) row(text string) (storage.Grant, bool) {
	k.Helper()
	id, err := storage.ParseID(text)
	k.must(err)
	g, err := k.store.Grant(k.ctx, id)
	if err == nil {
		return g, true
	}
	k.is(err, storage.ErrNotFound)
	return storage.Grant{ID: id}, false
}

// numbered reads what a report writes as "name/number".
func numbered(k *kit, text string) (string, uint64) {
	k.Helper()
	name, number, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	k.must(err)
	return name, n
}
