package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var changes = []test{
	{"Stamp", changesStamp},
	{"Since", changesSince},
	{"Limit", changesLimit},
	{"ChangedAgain", changesChangedAgain},
	{"Over", changesOver},
	{"HeadStays", changesHeadStays},
	{"Lookup", changesLookup},
	{"NoneForARefusal", changesNoneForARefusal},
}

// stampAll numbers everything that has no number.
func (k *kit) stampAll() {
	k.Helper()
	for range 10_000 {
		n, err := k.store.Stamp(k.ctx, 500)
		k.must(err)
		if n == 0 {
			return
		}
	}
	k.Fatalf("Stamp finds something to number for ever")
}

// settle numbers everything and returns the cursor after it.
func (k *kit) settle() uint64 {
	k.Helper()
	k.stampAll()
	batch, err := k.store.ChangesSince(k.ctx, 0, k.now, 1)
	k.must(err)
	return batch.Head
}

// endings ends n fresh grants of the client and returns the ids of their changes
// in that order.
func (k *kit) endings(c storage.Client, n int) []string {
	k.Helper()
	ids := make([]string, n)
	for i := range ids {
		g := k.grant(c)
		_, err := k.store.EndGrant(k.ctx, k.end(g))
		k.must(err)
		ids[i] = string(g.ID[:])
	}
	return ids
}

// since reads one batch.
func (k *kit) since(cursor uint64, limit int) storage.ChangeBatch {
	k.Helper()
	batch, err := k.store.ChangesSince(k.ctx, cursor, k.now, limit)
	k.must(err)
	return batch
}

func ids(list []storage.Change) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = fmt.Sprintf("%d/%x", c.Kind, c.ID)
	}
	slices.Sort(out)
	return out
}

func grantIDs(list []string) []string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = fmt.Sprintf("%d/%x", storage.GrantChange, id)
	}
	slices.Sort(out)
	return out
}

func changesStamp(k *kit) {
	c := k.client(k.organization().ID)
	head := k.settle()
	want := k.endings(c, 5)
	numbered := make(map[uint64]bool)
	for _, step := range []struct{ limit, n int }{{2, 2}, {1, 1}, {100, 2}, {100, 0}} {
		n, err := k.store.Stamp(k.ctx, step.limit)
		k.must(err)
		k.equal(fmt.Sprintf("stamped with limit %d", step.limit), step.n, n)
	}
	for _, id := range want {
		change := k.change(storage.GrantChange, id)
		if change.Seq <= head || numbered[change.Seq] {
			k.Errorf("the number %d is not above %d, or was given twice", change.Seq, head)
		}
		numbered[change.Seq] = true
	}
}

func changesSince(k *kit) {
	c := k.client(k.organization().ID)
	cursor := k.settle()
	batch := k.since(cursor, 100)
	k.equal("batch with nothing new", storage.ChangeBatch{Next: cursor, Head: cursor}, batch)

	want := k.endings(c, 3)
	batch = k.since(cursor, 100)
	k.equal("not numbered", grantIDs(want), ids(batch.Changes))
	k.equal("cursor", cursor, batch.Next)
	k.equal("head", cursor, batch.Head)
	for _, change := range batch.Changes {
		k.equal("change", storage.Change{
			Kind: storage.GrantChange, ID: change.ID, Client: c.ID, Ended: true, Until: k.now.Add(2 * hour),
		}, change)
	}
	k.equal("read again", grantIDs(want), ids(k.since(cursor, 100).Changes))

	k.stampAll()
	batch = k.since(cursor, 100)
	k.equal("numbered", grantIDs(want), ids(batch.Changes))
	if len(batch.Changes) != 3 {
		k.Fatalf("got %d changes, want 3", len(batch.Changes))
	}
	if !slices.IsSortedFunc(batch.Changes, func(a, b storage.Change) int { return int(a.Seq) - int(b.Seq) }) {
		k.Errorf("the changes are not in the order of their numbers")
	}
	k.equal("cursor", batch.Changes[2].Seq, batch.Next)
	k.equal("head", batch.Next, batch.Head)
	k.equal("after all of them", 0, len(k.since(batch.Next, 100).Changes))
	k.equal("after the first", ids(batch.Changes[1:]), ids(k.since(batch.Changes[0].Seq, 100).Changes))

	// Numbered and not numbered ones together.
	late := k.endings(c, 2)
	both := k.since(cursor, 100)
	k.equal("both", grantIDs(append(late, want...)), ids(both.Changes))
	k.equal("cursor", batch.Next, both.Next)

	// A cursor above the head belongs to a history that the store has lost.
	lost := k.since(batch.Head+1000, 100)
	if lost.Head >= batch.Head+1000 {
		k.Errorf("the head is %d, but no number above %d was given", lost.Head, batch.Head)
	}
}

func changesLimit(k *kit) {
	c := k.client(k.organization().ID)
	cursor := k.settle()
	want := k.endings(c, 5)
	k.stampAll()
	unstamped := k.endings(c, 4)
	seen := make(map[string]bool)
	var got []string
	for range 10 {
		batch := k.since(cursor, 2)
		var numbered, fresh []storage.Change
		for _, c := range batch.Changes {
			if c.Seq == 0 {
				fresh = append(fresh, c)
				continue
			}
			numbered = append(numbered, c)
			if seen[c.ID] {
				k.Errorf("a change came twice")
			}
			seen[c.ID] = true
			got = append(got, c.ID)
		}
		k.equal("changes without a number", grantIDs(unstamped), ids(fresh))
		if len(numbered) > 2 {
			k.Errorf("a limit of 2 gave %d numbered changes", len(numbered))
		}
		if batch.More == (len(got) == len(want)) {
			k.Errorf("after %d of %d changes More is %v", len(got), len(want), batch.More)
		}
		cursor = batch.Next
		if !batch.More {
			break
		}
	}
	k.equal("numbered changes", grantIDs(want), grantIDs(got))
}

func changesChangedAgain(k *kit) {
	c := k.client(k.organization().ID)
	c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Suspended })
	cursor := k.settle()
	first := k.change(storage.ClientChange, c.ID)
	c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Active })
	again := k.change(storage.ClientChange, c.ID)
	k.equal("number of what has changed again", uint64(0), again.Seq)
	k.equal("times that it is read from the beginning", 1, k.times(storage.ClientChange, c.ID))
	batch := k.since(cursor, 100)
	if len(batch.Changes) != 1 {
		k.Fatalf("got %d changes, want 1", len(batch.Changes))
	}
	k.equal("change", *again, batch.Changes[0])
	k.stampAll()
	batch = k.since(cursor, 100)
	if len(batch.Changes) != 1 || batch.Changes[0].Seq <= first.Seq {
		k.Fatalf("got %+v, want one change above %d", batch.Changes, first.Seq)
	}
	k.equal("times that it is read from the beginning", 1, k.times(storage.ClientChange, c.ID))
}

// times counts how often a change comes to whoever reads all of them.
func (k *kit) times(kind storage.ChangeKind, id string) (n int) {
	k.Helper()
	var cursor uint64
	for {
		batch := k.since(cursor, 500)
		for _, c := range batch.Changes {
			// Those without a number come with every batch.
			if c.Kind == kind && c.ID == id && (c.Seq > 0 || !batch.More) {
				n++
			}
		}
		if !batch.More {
			return n
		}
		cursor = batch.Next
	}
}

func changesOver(k *kit) {
	c := k.client(k.organization().ID)
	cursor := k.settle()
	over, last, live := k.grant(c), k.grant(c), k.grant(c)
	for g, until := range map[*storage.Grant]time.Time{&over: k.now.Add(-hour), &last: k.now, &live: k.now.Add(time.Millisecond)} {
		e := k.end(*g)
		e.Until = until
		_, err := k.store.EndGrant(k.ctx, e)
		k.must(err)
	}
	want := grantIDs([]string{string(live.ID[:])})
	k.equal("not numbered", want, ids(k.since(cursor, 100).Changes))
	k.stampAll()
	k.equal("numbered", want, ids(k.since(cursor, 100).Changes))
}

func changesHeadStays(k *kit) {
	c := k.client(k.organization().ID)
	g := k.grant(k.client(k.organization().ID))
	e := k.end(g)
	e.Until = k.now.Add(-day)
	_, err := k.store.EndGrant(k.ctx, e)
	k.must(err)
	head := k.settle()
	for {
		n, err := k.store.Sweep(k.ctx, k.now.Add(-hour), 1000)
		k.must(err)
		if n == 0 {
			break
		}
	}
	if k.grantChange(g.ID) != nil {
		k.Errorf("a change that is over has not been swept")
	}
	k.equal("head after a sweep", head, k.since(head, 1).Head)
	k.endings(c, 1)
	if next := k.settle(); next <= head {
		k.Errorf("the number %d was given again after %d", next, head)
	}
}

func changesLookup(k *kit) {
	c := k.client(k.organization().ID)
	want := k.endings(c, 2)
	c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Suspended })
	found, err := k.store.LookupChanges(k.ctx, []storage.ChangeKey{
		{Kind: storage.GrantChange, ID: want[1]},
		{Kind: storage.GrantChange, ID: string(k.key()[:16])},
		{Kind: storage.ClientChange, ID: c.ID},
		{Kind: storage.ClientChange, ID: "KEY" + c.ID[3:]},
		{Kind: storage.OrganizationChange, ID: c.ID},
		{Kind: storage.MemberChange, ID: storage.MemberKey(c.Organization, "nobody")},
		{Kind: storage.GrantChange, ID: want[0]},
		{Kind: storage.GrantChange, ID: ""},
	})
	k.must(err)
	k.equal("changes", append(grantIDs(want), ids([]storage.Change{{Kind: storage.ClientChange, ID: c.ID}})...), sorted(ids(found)))
	found, err = k.store.LookupChanges(k.ctx, nil)
	k.must(err)
	k.equal("changes", 0, len(found))
}

// sorted puts grants before the others, as the callers write them.
func sorted(list []string) []string {
	slices.SortStableFunc(list, func(a, b string) int {
		grant := fmt.Sprintf("%d/", storage.GrantChange)
		x, y := a[:len(grant)] == grant, b[:len(grant)] == grant
		switch {
		case x == y:
			return 0
		case x:
			return -1
		default:
			return 1
		}
	})
	return list
}

func changesNoneForARefusal(k *kit) {
	o := k.organization()
	c := k.client(o.ID)
	g := k.grant(c)
	a := k.code(c)
	cursor := k.settle()
	stale := c
	stale.Version = 9
	_, err := k.store.UpdateClient(k.ctx, stale, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", c.ID))
	k.is(err, storage.ErrConflict)
	r := k.rotation(g)
	r.Presented = k.key()
	k.rotate(r, storage.Unknown)
	redemption := k.redemption(a)
	redemption.Client = "nobody"
	k.redeem(redemption, storage.Unknown)
	e := k.end(g)
	e.Client = "nobody"
	_, err = k.store.EndGrant(k.ctx, e)
	k.is(err, storage.ErrNotFound)
	k.equal("changes", 0, len(k.since(cursor, 100).Changes))
}
