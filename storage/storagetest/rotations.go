package storagetest

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

var rotations = []test{
	{"Done", rotateDone},
	{"NoChangeOnceAccessIsOver", rotateWithoutChange},
	{"ChangeNeverLowered", rotateChangeNeverLowered},
	{"Reused", rotateReused},
	{"Graced", rotateGraced},
	{"GraceWindow", rotateGraceWindow},
	{"GraceOnce", rotateGraceOnce},
	{"GraceOnlyForThePredecessor", rotateGraceOnlyForThePredecessor},
	{"Virtual", rotateVirtual},
	{"VirtualAgain", rotateVirtualAgain},
	{"PersonWithoutMembership", func(k *kit) {
		g := k.grant(k.client(k.organization().ID), func(g *storage.Grant) { g.Subject = k.name("user") })
		k.rotate(k.rotation(g), storage.Done)
	}},
	{"EpochsMet", rotateEpochsMet},
}

// rotate runs the command and requires its outcome.
func (k *kit) rotate(r storage.Rotation, want storage.Outcome) storage.Rotated {
	k.Helper()
	got, err := k.store.Rotate(k.ctx, r)
	k.must(err)
	if got.Outcome != want {
		k.Fatalf("got %v, want %v", got.Outcome, want)
	}
	return got
}

// rotated is what the grant becomes by the rotation.
func rotated(g storage.Grant, r storage.Rotation, o storage.Outcome) storage.Grant {
	g.Generation++
	g.Refresh, g.RotatedAt, g.Graceable = r.Next, r.At, o == storage.Done
	g.IdleAt, g.AccessUntil = r.IdleAt, r.AccessUntil
	return g
}

// next asks to exchange the token that r issued.
func (k *kit) next(g storage.Grant, r storage.Rotation, after time.Duration) storage.Rotation {
	n := k.rotation(g)
	n.From, n.Presented, n.At = r.From+1, r.Next, r.At.Add(after)
	return n
}

// ended requires that the grant has been ended by a reuse shown by r.
func (k *kit) endedByReuse(r storage.Rotation) {
	k.Helper()
	g, err := k.store.Grant(k.ctx, r.ID)
	k.must(err)
	k.equal("end", r.At, g.EndedAt)
	k.equal("reason", storage.ReasonRefreshReuse, g.EndReason)
	change := k.grantChange(r.ID)
	if change == nil || !change.Ended {
		k.Fatalf("no change says that the grant has ended")
	}
	if change.Until.Before(r.Until) {
		k.Errorf("the change lives until %v, want %v or later", change.Until, r.Until)
	}
}

func rotateDone(k *kit) {
	c := k.client(k.organization().ID)
	g := k.fullGrant(c)
	g.EndedAt, g.EndReason, g.Graceable = time.Time{}, "", false
	k.must(k.store.CreateGrant(k.ctx, g))
	for range 3 {
		r := k.rotation(g)
		answer := k.rotate(r, storage.Done)
		want := rotated(g, r, storage.Done)
		k.equal("answer", want, answer.Grant)
		k.stored(want)
		if len(answer.Changes) != 1 {
			k.Fatalf("got %d changes, want 1", len(answer.Changes))
		}
		until := k.now.Add(hour + 5*minute)
		if g.AccessUntil.After(k.now.Add(hour)) {
			until = g.AccessUntil.Add(r.Skew)
		}
		recorded := k.grantChange(g.ID)
		if recorded == nil || recorded.MinGeneration != want.Generation || recorded.Until.Before(until) || recorded.Ended || recorded.Seq != 0 {
			k.Fatalf("the recorded change is %+v", recorded)
		}
		k.equal("returned change", *recorded, answer.Changes[0])
		g = want
	}
}

func rotateWithoutChange(k *kit) {
	c := k.client(k.organization().ID)
	for name, until := range map[string]time.Time{"over": k.now.Add(-hour), "just over": k.now, "never issued": {}} {
		k.sub(name, func(k *kit) {
			g := k.grant(c, func(g *storage.Grant) { g.AccessUntil = until })
			answer := k.rotate(k.rotation(g), storage.Done)
			k.equal("changes", 0, len(answer.Changes))
			if k.grantChange(g.ID) != nil {
				k.Errorf("a change is recorded although no access token lives")
			}
		})
	}
	g := k.grant(c, func(g *storage.Grant) { g.AccessUntil = k.now.Add(time.Millisecond) })
	r := k.rotation(g)
	answer := k.rotate(r, storage.Done)
	k.equal("changes", 1, len(answer.Changes))
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, MinGeneration: g.Generation + 1, Until: g.AccessUntil.Add(r.Skew),
	}, answer.Changes[0])
}

func rotateChangeNeverLowered(k *kit) {
	g := k.grant(k.client(k.organization().ID), func(g *storage.Grant) { g.AccessUntil = k.now.Add(9 * hour) })
	until := g.AccessUntil.Add(5 * minute)
	r := k.rotation(g)
	g = k.rotate(r, storage.Done).Grant
	k.stampAll()
	r = k.next(g, r, time.Second)
	answer := k.rotate(r, storage.Done) // the second pair lives an hour only
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, MinGeneration: g.Generation + 1, Until: until,
	}, answer.Changes[0])
	stale := r
	stale.From, stale.At = r.From-1, r.At.Add(time.Second)
	answer = k.rotate(stale, storage.Reused)
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, MinGeneration: g.Generation + 1, Ended: true, Until: until,
	}, answer.Changes[0])
}

func rotateReused(k *kit) {
	c := k.client(k.organization().ID)
	for _, behind := range []uint32{1, 2, 3} {
		g := k.grant(c)
		r := k.rotation(g)
		current := k.rotate(r, storage.Done).Grant
		stale := k.rotation(g)
		stale.From, stale.At, stale.Until = current.Generation-behind, k.now.Add(time.Second), k.now.Add(9*hour)
		answer := k.rotate(stale, storage.Reused)
		k.endedByReuse(stale)
		if len(answer.Changes) != 1 {
			k.Fatalf("got %d changes, want 1", len(answer.Changes))
		}
		k.changed(storage.Change{
			Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, MinGeneration: current.Generation, Until: stale.Until,
		}, answer.Changes[0])

		// Nothing is issued any more, and the end is not moved.
		row, err := k.store.Grant(k.ctx, g.ID)
		k.must(err)
		for _, r := range []storage.Rotation{stale, r, k.next(g, r, 2*time.Second)} {
			r.At = k.now.Add(minute)
			answer := k.rotate(r, storage.Unknown)
			k.equal("changes", 0, len(answer.Changes))
		}
		k.stored(row)
	}
}

func rotateGraced(k *kit) {
	g := k.grant(k.client(k.organization().ID))
	r := k.rotation(g)
	lost := k.rotate(r, storage.Done).Grant
	retry := r
	retry.Next, retry.At, retry.Grace = k.key(), k.now.Add(29*time.Second), 30*time.Second
	retry.AccessUntil = k.now.Add(2 * hour)
	answer := k.rotate(retry, storage.Graced)
	want := rotated(lost, retry, storage.Graced)
	k.equal("answer", want, answer.Grant)
	k.stored(want)
	k.equal("generation", g.Generation+2, want.Generation)
	if len(answer.Changes) != 1 {
		k.Fatalf("got %d changes, want 1", len(answer.Changes))
	}
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, MinGeneration: g.Generation + 2, Until: lost.AccessUntil.Add(r.Skew),
	}, answer.Changes[0])

	// What the retry got is an ordinary token, and makes its predecessor graceable.
	r = k.rotation(answer.Grant)
	r.At = retry.At.Add(time.Second)
	next := k.rotate(r, storage.Done).Grant
	k.equal("answer", rotated(answer.Grant, r, storage.Done), next)
	r.Next, r.Grace = k.key(), minute
	k.rotate(r, storage.Graced)
}

func rotateGraceWindow(k *kit) {
	c := k.client(k.organization().ID)
	for _, window := range []struct {
		grace, after time.Duration
		want         storage.Outcome
	}{
		{0, 0, storage.Reused},
		{0, time.Second, storage.Reused},
		{time.Second, 0, storage.Graced},
		{time.Second, 999 * time.Millisecond, storage.Graced},
		{time.Second, time.Second, storage.Reused},
		{time.Second, hour, storage.Reused},
		{-time.Second, 0, storage.Reused},
		// Asked before the rotation, and decided after it.
		{0, -time.Millisecond, storage.Reused},
		{0, -minute, storage.Reused},
		{-time.Second, -minute, storage.Reused},
		{time.Second, -time.Millisecond, storage.Graced},
	} {
		g := k.grant(c)
		r := k.rotation(g)
		k.rotate(r, storage.Done)
		r.Next, r.Grace, r.At = k.key(), window.grace, k.now.Add(window.after)
		k.rotate(r, window.want)
		if window.want == storage.Reused {
			k.endedByReuse(r)
		}
	}
}

func rotateGraceOnce(k *kit) {
	c := k.client(k.organization().ID)
	for name, which := range map[string]uint32{"the predecessor again": 0, "the lost pair": 1} {
		k.sub(name, func(k *kit) {
			g := k.grant(c)
			r := k.rotation(g)
			k.rotate(r, storage.Done)
			lost := r.Next
			r.Next, r.Grace, r.At = k.key(), hour, k.now.Add(time.Second)
			k.rotate(r, storage.Graced)
			r.From, r.Next, r.At = g.Generation+which, k.key(), k.now.Add(2*time.Second)
			if which == 1 {
				r.Presented = lost
			}
			k.rotate(r, storage.Reused)
			k.endedByReuse(r)
		})
	}
}

func rotateGraceOnlyForThePredecessor(k *kit) {
	g := k.grant(k.client(k.organization().ID))
	first := k.rotation(g)
	k.rotate(first, storage.Done)
	second := k.next(g, first, time.Second)
	k.rotate(second, storage.Done) // the successor has been used
	first.Next, first.Grace, first.At = k.key(), hour, k.now.Add(2*time.Second)
	k.rotate(first, storage.Reused)
	k.endedByReuse(first)
}

func rotateVirtual(k *kit) {
	c := k.client(k.organization().ID)
	g := k.virtual(c)
	g.Audiences, g.Subject, g.Account = []string{"https://api.example.com"}, k.name("user"), k.key()
	r := k.rotation(g)
	r.Virtual = &g
	answer := k.rotate(r, storage.Done)
	want := rotated(g, r, storage.Done)
	k.equal("generation", uint32(1), want.Generation)
	k.equal("answer", want, answer.Grant)
	k.stored(want)
	if len(answer.Changes) != 1 {
		k.Fatalf("got %d changes, want 1", len(answer.Changes))
	}
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, MinGeneration: 1, Until: g.AccessUntil.Add(r.Skew),
	}, answer.Changes[0])
	k.equal("generation of what was given", uint32(0), g.Generation)

	// From then on it is a grant like any other.
	r = k.rotation(answer.Grant)
	k.rotate(r, storage.Done)

	g = k.virtual(c)
	g.AccessUntil = k.now
	r = k.rotation(g)
	r.Virtual = &g
	answer = k.rotate(r, storage.Done)
	k.equal("changes", 0, len(answer.Changes))
}

func rotateVirtualAgain(k *kit) {
	c := k.client(k.organization().ID)
	for _, grace := range []time.Duration{0, hour} {
		g := k.virtual(c)
		r := k.rotation(g)
		r.Virtual = &g
		first := k.rotate(r, storage.Done).Grant
		r.Next, r.Grace, r.At = k.key(), grace, k.now.Add(time.Second)
		if grace > 0 {
			answer := k.rotate(r, storage.Graced)
			want := rotated(first, r, storage.Graced)
			k.equal("answer", want, answer.Grant)
			k.stored(want)
			r.Next = k.key()
		}
		k.rotate(r, storage.Reused)
		k.endedByReuse(r)
		k.rotate(r, storage.Unknown)
	}
}

func rotateEpochsMet(k *kit) {
	o := k.organization()
	c := k.client(o.ID, func(c *storage.Client) { c.Epoch = 3 })
	o = k.updateOrganization(o, func(o *storage.Organization) { o.Epoch = 4 })
	m := k.member(o.ID, func(m *storage.Member) { m.Epoch = 5 })
	for _, epochs := range []storage.Epochs{{Client: 3, Organization: 4, Member: 5}, {Client: 9, Organization: 9, Member: 9}} {
		edit := func(g *storage.Grant) { g.Subject, g.Epochs = m.Subject, epochs }
		k.rotate(k.rotation(k.grant(c, edit)), storage.Done)
		g := k.virtual(c)
		edit(&g)
		r := k.rotation(g)
		r.Virtual = &g
		k.rotate(r, storage.Done)
	}
}
