package storage

import "errors"

// Sentinels. A store wraps them with the cause; callers test with [errors.Is].
var (
	// ErrNotFound: no record has this key.
	ErrNotFound = errors.New("storage: not found")
	// ErrExists: a record with this key is there already.
	ErrExists = errors.New("storage: exists already")
	// ErrConflict: the record has changed since the caller read it; read it
	// again and decide anew.
	ErrConflict = errors.New("storage: changed since it was read")
	// ErrFinal: the record is revoked, and revocation is final.
	ErrFinal = errors.New("storage: revoked for good")
	// ErrLastHolder: the update would leave an organization without an active
	// holder of a role that it must always have.
	ErrLastHolder = errors.New("storage: the last active holder of the role")
	// ErrSeen: the key was claimed before; this is a replay.
	ErrSeen = errors.New("storage: seen before")
	// ErrUnavailable: the store cannot be reached or did not answer in time.
	// Nothing is known about the effect of a command that returns it; callers
	// fail closed with 503.
	ErrUnavailable = errors.New("storage: unavailable")
	// ErrBusy: a bounded queue in front of the store is full and nothing was
	// done. It wraps [ErrUnavailable].
	ErrBusy error = busy{}
)

type busy struct{}

func (busy) Error() string { return "storage: busy" }
func (busy) Unwrap() error { return ErrUnavailable }
