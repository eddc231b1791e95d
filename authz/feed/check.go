package feed

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/storage"
)

// Ticket is what a token says of itself, for [Feed.Check].
type Ticket struct {
	Grant        storage.ID
	Generation   uint32
	Client       string
	Organization string
	Subject      string

	ClientEpoch       uint64
	OrganizationEpoch uint64
	MemberEpoch       uint64
	// Revision is that of the issuing instance when it issued the token.
	Revision uint64
}

// Check returns nil if nothing that the token depends on has ended, been
// suspended or moved on. Otherwise the error is [ErrEnded], [ErrSuperseded],
// [ErrSuspended], [ErrRevoked] or [ErrEpoch]; or [ErrStale] when nobody knows,
// which is a 503 and says nothing about the token.
//
// It neither locks nor allocates while the lease holds. Expiry is the caller's.
func (f *Feed) Check(ctx context.Context, t *Ticket) error {
	if f.cfg.Strict {
		return f.ask(ctx, t)
	}
	v := f.view.Load()
	if t.Revision > v.cursor.Load() {
		if err := f.catchUp(ctx, t.Revision); err != nil {
			return f.ask(ctx, t)
		}
		v = f.view.Load()
	}
	verdict := v.check(t)
	if verdict != nil && verdict != ErrSuspended {
		return verdict // final, however old
	}
	// The clocks are read last: a process that slept above finds out here.
	if !v.covers(t.Client) || !f.fresh(f.clock()) {
		return f.ask(ctx, t)
	}
	return verdict
}

// ask reads the few rows that concern a token from the store.
func (f *Feed) ask(ctx context.Context, t *Ticket) error {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Lease)
	defer cancel()
	if err := acquire(ctx, f.checks); err != nil {
		return stale(err)
	}
	defer release(f.checks)
	keys := append(make([]storage.ChangeKey, 0, 4),
		storage.ChangeKey{Kind: storage.GrantChange, ID: string(t.Grant[:])},
		storage.ChangeKey{Kind: storage.ClientChange, ID: t.Client})
	if t.Organization != "" {
		keys = append(keys, storage.ChangeKey{Kind: storage.OrganizationChange, ID: t.Organization})
		if t.Subject != "" {
			keys = append(keys, storage.ChangeKey{Kind: storage.MemberChange, ID: storage.MemberKey(t.Organization, t.Subject)})
		}
	}
	changes, err := f.cfg.Store.LookupChanges(ctx, keys)
	if err != nil {
		return stale(err)
	}
	var verdict error
	for i := range changes {
		verdict = worse(verdict, t.verdict(&changes[i]))
	}
	return verdict
}

// verdict decides by one change alone.
func (t *Ticket) verdict(c *storage.Change) error {
	s := stateOf(c)
	switch c.Kind {
	case storage.GrantChange:
		return s.verdict(anyEpoch, t.Generation)
	case storage.ClientChange:
		return s.verdict(t.ClientEpoch, anyGeneration)
	case storage.OrganizationChange:
		return s.verdict(t.OrganizationEpoch, anyGeneration)
	case storage.MemberChange:
		return s.membership(t.MemberEpoch)
	default:
		return stale(errors.New("feed: the store answered with another kind of change"))
	}
}

// acquire takes a slot, or gives up when ctx is done.
func acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func release(slots chan struct{}) { <-slots }
