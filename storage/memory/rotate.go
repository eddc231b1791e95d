package memory

import (
	"context"
	"crypto/subtle"
	"math"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// Rotate implements [storage.Grants].
func (c commands) Rotate(ctx context.Context, r storage.Rotation) (answer storage.Rotated, err error) {
	r.At = milli(r.At)
	err = c.on.write(ctx, func(s *state) error {
		answer = s.rotate(&r)
		return nil
	})
	return answer, err
}

func (s *state) rotate(r *storage.Rotation) storage.Rotated {
	g, ok := s.grants.get(r.ID)
	if !ok {
		if r.Virtual == nil {
			return storage.Rotated{Outcome: storage.Unknown}
		}
		g = keepGrant(*r.Virtual)
		g.ID, g.Generation = r.ID, 0
	}
	if g.Client != r.Client || !g.EndedAt.IsZero() || passed(g.ExpiresAt, r.At) || passed(g.IdleAt, r.At) ||
		s.raised(g.Client, g.Organization, g.Subject, g.Epochs) {
		return storage.Rotated{Outcome: storage.Unknown}
	}
	if !s.active(g.Client, g.Organization, g.Subject, r.At) {
		return storage.Rotated{Outcome: storage.Inactive}
	}
	switch {
	case r.From > g.Generation || g.Generation == math.MaxUint32:
		return storage.Rotated{Outcome: storage.Unknown}
	case r.From == g.Generation:
		if len(r.Presented) == 0 || subtle.ConstantTimeCompare(r.Presented, g.Refresh) != 1 {
			return storage.Rotated{Outcome: storage.Unknown}
		}
		return s.advance(g, r, storage.Done)
	case r.Grace > 0 && g.Graceable && r.From == g.Generation-1 && r.At.Before(g.RotatedAt.Add(r.Grace)):
		return s.advance(g, r, storage.Graced)
	default:
		change := s.endGrant(g, r.At, storage.ReasonRefreshReuse, r.Until)
		return storage.Rotated{Outcome: storage.Reused, Changes: []storage.Change{change}}
	}
}

// advance moves the grant to its next generation. The predecessor of one that
// came by grace is the lost one, which nobody may retry.
func (s *state) advance(g storage.Grant, r *storage.Rotation, outcome storage.Outcome) storage.Rotated {
	before := g.AccessUntil
	g.Generation++
	g.Refresh = slices.Clone(r.Next)
	g.RotatedAt = r.At
	g.Graceable = outcome == storage.Done
	g.IdleAt, g.AccessUntil = milli(r.IdleAt), milli(r.AccessUntil)
	s.grants.put(g.ID, g)

	answer := storage.Rotated{Outcome: outcome, Grant: copyGrant(g)}
	if before.After(r.At) {
		answer.Changes = []storage.Change{s.putChange(storage.Change{
			Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client,
			MinGeneration: g.Generation, Until: before.Add(r.Skew),
		})}
	}
	return answer
}
