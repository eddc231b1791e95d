package storagetest

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

var sweeps = []test{
	{"OnlyWhatIsOver", sweepOnlyWhatIsOver},
	{"Limit", sweepLimit},
	{"VirtualStaysEnded", sweepVirtualStaysEnded},
}

// sweepAll sweeps until nothing is left.
func (k *kit) sweepAll(now time.Time) int {
	k.Helper()
	total := 0
	for range 10_000 {
		n, err := k.store.Sweep(k.ctx, now, 100)
		k.must(err)
		if n == 0 {
			return total
		}
		total += n
	}
	k.Fatalf("Sweep finds something for ever")
	return 0
}

func sweepOnlyWhatIsOver(k *kit) {
	c := k.client(k.organization().ID)
	past := k.now.Add(-day) // early enough for other tests' rows to stay
	overCode := k.code(c, func(a *storage.Artifact) { a.ExpiresAt = past })
	liveCode := k.code(c, func(a *storage.Artifact) { a.ExpiresAt = past.Add(time.Millisecond) })
	endless := k.code(c, func(a *storage.Artifact) { a.ExpiresAt = time.Time{} })
	overGrant := k.grant(c, func(g *storage.Grant) { g.ExpiresAt = past })
	idle := k.grant(c, func(g *storage.Grant) { g.IdleAt = past })
	ended := k.grant(c, func(g *storage.Grant) { g.EndedAt, g.EndReason = past.Add(-day), "revoked" })
	forever := k.grant(c, func(g *storage.Grant) { g.ExpiresAt = time.Time{} })
	key := k.key()
	k.must(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)))
	k.must(k.store.Claim(k.ctx, k.tag, k.key(), past))
	changeOver, changeLive := k.grant(c), k.grant(c)
	for _, e := range []storage.End{
		{ID: changeOver.ID, At: k.now, Until: past}, {ID: changeLive.ID, At: k.now, Until: past.Add(time.Millisecond)},
	} {
		_, err := k.store.EndGrant(k.ctx, e)
		k.must(err)
	}
	k.apply(k.name("org"), 0, nil, nil)
	endlessChange := k.putKey()

	if n := k.sweepAll(past); n < 4 {
		k.Errorf("Sweep counts %d rows, want 4 or more", n)
	}
	_, err := k.store.Artifact(k.ctx, overCode.Kind, overCode.Key)
	k.is(err, storage.ErrNotFound)
	k.storedArtifact(liveCode)
	k.storedArtifact(endless)
	k.noGrant(overGrant.ID)
	k.stored(idle)
	k.stored(ended)
	k.stored(forever)
	k.is(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)), storage.ErrSeen)
	if k.grantChange(changeOver.ID) != nil {
		k.Errorf("a change that is over has not been swept")
	}
	if k.grantChange(changeLive.ID) == nil {
		k.Errorf("a change that is not over has been swept")
	}
	if k.change(storage.KeyChange, keyChange(endlessChange).ID) == nil {
		k.Errorf("a change without an end has been swept")
	}
	if n, err := k.store.Client(k.ctx, c.ID); err != nil || n.ID != c.ID {
		k.Errorf("a client has been swept")
	}
}

func sweepLimit(k *kit) {
	c := k.client(k.organization().ID)
	past := k.now.Add(-2 * day)
	k.sweepAll(past)
	for range 5 {
		k.code(c, func(a *storage.Artifact) { a.ExpiresAt = past })
	}
	var counts []int
	for range 4 {
		n, err := k.store.Sweep(k.ctx, past, 2)
		k.must(err)
		counts = append(counts, n)
	}
	k.equal("rows of sweeps of at most 2", []int{2, 2, 1, 0}, counts)
}

// sweepVirtualStaysEnded: what was ended before it had a row stays so until it expires.
func sweepVirtualStaysEnded(k *kit) {
	c := k.client(k.organization().ID)
	g := k.virtual(c)
	g.ExpiresAt, g.IdleAt = k.now.Add(-day), time.Time{}
	e := k.end(g)
	e.At, e.Until, e.Virtual = k.now.Add(-4*day), k.now.Add(-4*day), &g
	_, err := k.store.EndGrant(k.ctx, e)
	k.must(err)
	k.sweepAll(k.now.Add(-3 * day))
	r := k.rotation(g)
	r.At, r.Virtual = k.now.Add(-3*day), &g
	k.rotate(r, storage.Unknown)
	row, err := k.store.Grant(k.ctx, g.ID)
	k.must(err)
	k.equal("end", e.At, row.EndedAt)

	// Ending it again tells the end once more, although the change is gone.
	change, err := k.store.EndGrant(k.ctx, e)
	k.must(err)
	if change.Kind != storage.GrantChange || change.ID != string(g.ID[:]) || !change.Ended {
		k.Errorf("ending again returns %+v", change)
	}
}
