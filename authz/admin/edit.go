package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// attempts is how often a change that met another one is decided anew.
const attempts = 8

// Options vary a change of status.
type Options struct {
	// IfVersion, where not zero, is the version that the record must have.
	// Without it the change is decided anew if another one came in between.
	IfVersion uint64
	// EndTokens also ends every token, code and pushed request issued so far,
	// for good.
	EndTokens bool
}

// insert stores a new record.
func (s *Service) insert(ctx context.Context, a Actor, r record) error {
	_, is, err := changed(members{}, r.members())
	if err != nil {
		return fmt.Errorf("admin: describing a new %s: %w", r.kind(), err)
	}
	err = r.create(ctx, s.store, s.event(a, "created", r, nil, is))
	switch {
	case errors.Is(err, storage.ErrExists):
		return exists(r.kind())
	case errors.Is(err, storage.ErrNotFound):
		return notFound("organization", "unknown")
	case err != nil:
		return fmt.Errorf("admin: creating a %s: %w", r.kind(), err)
	}
	*r.standing().version = 1
	return nil
}

// edit is one change of one record.
type edit[R record] struct {
	// verb is what happened, as in "key.suspended".
	verb string
	// object is what the policy is asked about, target what the audit trail names.
	object, target string
	ifVersion      uint64
	read           func(ctx context.Context) (R, error)
	apply          func(r R, now time.Time) error
}

// change makes an edit: permitted, within the actor's rights before and after,
// at the right version, audited, and in effect on this instance when it returns.
func change[R record](ctx context.Context, s *Service, a Actor, e edit[R]) (R, error) {
	r, err := changeUnrecorded(ctx, s, a, e)
	if err != nil {
		s.recordRefusal(a, kindOf(e.object), e.verb, e.target, err)
		var none R
		return none, err
	}
	return r, nil
}

func changeUnrecorded[R record](ctx context.Context, s *Service, a Actor, e edit[R]) (r R, err error) {
	if err := s.permit(ctx, a, e.object, actionManage); err != nil {
		return r, err
	}
	for range attempts {
		if r, err = e.read(ctx); err != nil {
			return r, err
		}
		again, err := s.try(ctx, a, r, e.verb, e.ifVersion, func(now time.Time) error { return e.apply(r, now) })
		if !again {
			return r, err
		}
		if e.ifVersion != 0 {
			break
		}
	}
	return r, conflict()
}

// try changes a record that was just read. again reports that another change
// came in between.
func (s *Service) try(ctx context.Context, a Actor, r record, verb string, ifVersion uint64, apply func(time.Time) error) (again bool, err error) {
	before, had := r.members(), r.rights()
	if err := s.mayManage(ctx, a, had); err != nil {
		return false, err
	}
	at := r.standing()
	held := r.holds(s.cfg.AdminRole)
	switch {
	case ifVersion != 0 && *at.version != ifVersion:
		return false, conflict()
	case *at.status == storage.Revoked && verb == verbRevoked:
		return false, nil // so it is
	case *at.status == storage.Revoked:
		return false, revoked(r.kind())
	}
	now := s.now()
	if err := apply(now); err != nil {
		return false, err
	}
	if err := s.mayHave(ctx, a, had, r.rights()); err != nil {
		return false, err
	}
	was, is, err := changed(before, r.members())
	if err != nil {
		return false, fmt.Errorf("admin: describing a change: %w", err)
	}
	if is == nil {
		return false, nil // nothing to do
	}
	*at.updated = now
	var quorum storage.Quorum
	if held && !r.holds(s.cfg.AdminRole) {
		quorum = storage.Quorum{Organization: r.organization(), Environment: s.environment, Role: s.cfg.AdminRole}
	}
	change, err := r.save(ctx, s.store, quorum, s.in.Until(), s.event(a, verb, r, was, is))
	switch {
	case errors.Is(err, storage.ErrConflict):
		return true, nil
	case errors.Is(err, storage.ErrFinal) && verb == verbRevoked:
		return true, nil // so it is, and the next look says so
	case errors.Is(err, storage.ErrFinal):
		return false, revoked(r.kind())
	case errors.Is(err, storage.ErrExists): // the public key of a certificate
		return false, exists("certificate")
	case errors.Is(err, storage.ErrLastHolder):
		return false, lastAdmin()
	case err != nil:
		return false, fmt.Errorf("admin: changing a %s: %w", r.kind(), err)
	}
	s.in.Feed().Apply(change)
	*at.version, *at.epoch = change.Version, change.Epoch
	return false, nil
}

// mayHave refuses what a record has after a change, where that is not what it
// had before.
func (s *Service) mayHave(ctx context.Context, a Actor, had, has rights) error {
	if !slices.Equal(had.roles, has.roles) {
		return s.mayGive(ctx, a, has)
	}
	if !slices.Equal(had.boundary, has.boundary) {
		return s.mayManage(ctx, a, has)
	}
	return nil
}

// The changes of status, the same for all records.
const (
	verbSuspended   = "suspended"
	verbResumed     = "resumed"
	verbRevoked     = "revoked"
	verbTokensEnded = "tokens_ended"
)

// turn returns the change to a status.
func turn[R record](to storage.Status, endTokens bool) func(R, time.Time) error {
	return func(r R, _ time.Time) error {
		at := r.standing()
		*at.status = to
		if endTokens {
			*at.epoch++
		}
		return nil
	}
}

// endTokens returns the change that ends all tokens and nothing else.
func endTokens[R record]() func(R, time.Time) error {
	return func(r R, _ time.Time) error {
		*r.standing().epoch++
		return nil
	}
}
