package gormstore

import (
	"bytes"
	"crypto/subtle"
	"math"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// grantState is a grant in a batch: what the database has, and what the batch
// makes of it, command by command.
type grantState struct {
	grant  storage.Grant
	before uint32 // the generation of the row
	// fresh grants have no row. If another process makes it first, what this
	// batch decided about it is decided anew; but a created one must be new.
	fresh   bool
	created bool
	changed bool
	change  *storage.Change
}

// candidate is the row that a virtual grant would get.
func candidate(g storage.Grant, id storage.ID) *grantState {
	g = keepGrant(g)
	g.ID = id
	return &grantState{grant: g, fresh: true}
}

// record joins a change with those that the batch makes already.
func (g *grantState) record(c storage.Change) {
	c.Kind, c.ID, c.Client, c.Until = storage.GrantChange, string(g.grant.ID[:]), g.grant.Client, milli(c.Until)
	if g.change != nil {
		c = merge(*g.change, c)
	}
	g.change = &c
}

func (g *grantState) end(at time.Time, reason string, until time.Time) {
	g.grant.EndedAt, g.grant.EndReason = milli(at), reason
	g.changed = true
	g.record(storage.Change{Ended: true, Until: until})
}

// rotate decides a rotation of this grant and changes the state accordingly.
// Nothing is changed but for Done, Graced and Reused.
func (g *grantState) rotate(r *storage.Rotation, st *standing) storage.Outcome {
	now := &g.grant
	if now.Client != r.Client || !now.EndedAt.IsZero() || passed(now.ExpiresAt, r.At) || passed(now.IdleAt, r.At) ||
		st.raised(now.Client, now.Organization, now.Subject, now.Epochs) {
		return storage.Unknown
	}
	if !st.active(now.Client, now.Organization, now.Subject, r.At) {
		return storage.Inactive
	}
	switch {
	case r.From > now.Generation || now.Generation == math.MaxUint32:
		return storage.Unknown
	case r.From == now.Generation:
		if len(r.Presented) == 0 || subtle.ConstantTimeCompare(r.Presented, now.Refresh) != 1 {
			return storage.Unknown
		}
		g.advance(r)
		now.Graceable = true
		return storage.Done
	case r.Grace > 0 && now.Graceable && r.From == now.Generation-1 && r.At.Before(now.RotatedAt.Add(r.Grace)):
		// The predecessor of what this makes is the lost one: nobody retries it.
		g.advance(r)
		now.Graceable = false
		return storage.Graced
	default:
		g.end(r.At, storage.ReasonRefreshReuse, r.Until)
		return storage.Reused
	}
}

func (g *grantState) advance(r *storage.Rotation) {
	now := &g.grant
	until := now.AccessUntil
	now.Generation++
	now.Refresh = slices.Clone(r.Next)
	now.RotatedAt, now.IdleAt, now.AccessUntil = r.At, milli(r.IdleAt), milli(r.AccessUntil)
	g.changed = true
	if until.After(r.At) {
		g.record(storage.Change{MinGeneration: now.Generation, Until: until.Add(r.Skew)})
	}
}

// artifactState is an artifact in a batch.
type artifactState struct {
	artifact storage.Artifact
	changed  bool
}

// redeem decides a redemption. For Reused the caller ends the grant.
func (a *artifactState) redeem(r *storage.Redemption, st *standing) storage.Outcome {
	now := &a.artifact
	if now.Kind == storage.ReferenceToken || now.Client != r.Client || passed(now.ExpiresAt, r.At) ||
		st.raised(now.Client, now.Organization, now.Subject, now.Epochs) {
		return storage.Unknown
	}
	if !st.active(now.Client, now.Organization, now.Subject, r.At) {
		return storage.Inactive
	}
	if !now.RedeemedAt.IsZero() {
		return storage.Reused
	}
	now.RedeemedAt = r.At
	if r.Grant != nil {
		now.Grant = r.Grant.ID
	}
	a.changed = true
	return storage.Done
}

// keepGrant copies a grant as it is kept.
func keepGrant(g storage.Grant) storage.Grant {
	g = copyGrant(g)
	g.ConsentedAt, g.ExpiresAt, g.IdleAt = milli(g.ConsentedAt), milli(g.ExpiresAt), milli(g.IdleAt)
	g.AccessUntil, g.RotatedAt, g.EndedAt = milli(g.AccessUntil), milli(g.RotatedAt), milli(g.EndedAt)
	return g
}

func copyGrant(g storage.Grant) storage.Grant {
	g.Scopes, g.Audiences = slices.Clone(g.Scopes), slices.Clone(g.Audiences)
	g.Sealed, g.Account, g.Refresh = bytes.Clone(g.Sealed), bytes.Clone(g.Account), bytes.Clone(g.Refresh)
	return g
}
