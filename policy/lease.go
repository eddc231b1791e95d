package policy

import (
	"errors"
	"time"
)

// ErrStale is the answer of an engine that follows a store and has not heard
// from it for longer than its lease.
var ErrStale = errors.New("policy: the rules may be out of date")

// staleError is ErrStale with the way it is told to a client.
type staleError struct{}

func (staleError) Error() string { return ErrStale.Error() }

func (staleError) Unwrap() error { return ErrStale }

// Refusal says how the error is told to a client.
func (staleError) Refusal() (status int, code string) { return 503, "policy_stale" }

// lease is how long what was last read may be relied on.
type lease struct {
	until time.Time // monotonic and wall clock both
	wall  time.Time // the wall clock alone
	now   func() time.Time
}

// fresh reports whether the engine may decide: it follows no store, or heard
// from it in time, by the monotonic and by the wall clock.
func (e *Engine) fresh() error {
	l := e.lease.Load()
	if l == nil {
		return nil
	}
	now := l.now()
	if now.After(l.until) || now.Round(0).After(l.wall) {
		return staleError{}
	}
	return nil
}

// renew extends the lease, counted from the start of the read that succeeded.
func (e *Engine) renew(start time.Time, length time.Duration, now func() time.Time) {
	until := start.Add(length)
	e.lease.Store(&lease{until: until, wall: until.Round(0), now: now})
}

// freshFor reports whether the engine may decide by the rules of one
// organization.
func (e *Engine) freshFor(o *orgSet) error {
	if err := e.fresh(); err != nil {
		return err
	}
	if !o.until.IsZero() && time.Now().After(o.until) {
		return staleError{}
	}
	return nil
}
