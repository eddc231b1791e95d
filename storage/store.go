package storage

import (
	"context"
	"time"
)

// Store is everything that Gatewright keeps. All methods are safe for
// concurrent use and honour the context's deadline. An error that is none of
// the documented sentinels is to be treated as [ErrUnavailable].
type Store interface {
	Clients
	Directory
	Grants
	Artifacts
	Once
	Changes
	Keys
	Rules
	Audit
	Sweeper
	// Ping reports whether the store can be written to.
	Ping(ctx context.Context) error
}

// Sweeper removes what is over: expired artifacts, claims, changes and grants.
type Sweeper interface {
	// Sweep removes at most limit rows of each kind that were over at the given
	// time, in small steps that do not block the others, and returns how many. A
	// grant is over when it expires, ended before or not: its row may be all that
	// keeps a virtual grant from being redeemed.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}

// Transactor is an optional capability: several commands as one, for hosts that
// join their own data. What fn did is committed if it returns nil, and undone
// otherwise; fn may be called again if the store gives the first attempt up. The
// store given to fn must not be used after it returns; its Stamp and SealEvents,
// which concern what is committed, do nothing.
type Transactor interface {
	Transact(ctx context.Context, fn func(ctx context.Context, tx Store) error) error
}
