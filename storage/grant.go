package storage

import (
	"context"
	"time"
)

// Grant is one authorization. Every code, access and refresh token belongs to
// exactly one; ending it ends them all.
//
// A grant may be virtual: it has no row until its first refresh token is
// redeemed or it is ended, and generation 0 until then.
type Grant struct {
	ID           ID
	Client       string
	Organization string
	// Subject is the person who delegated, empty where the client acts for itself.
	Subject string
	// Epochs are those of client, organization and member when it was made. Once
	// any of them has been raised, the grant's tokens are dead: Rotate answers
	// Unknown and changes nothing.
	Epochs    Epochs
	Scopes    []string
	Audiences []string
	// Sealed is session data and bound ids, encrypted by the caller.
	Sealed []byte
	// Account is a keyed hash of the bound account id, by which a host can end
	// grants; empty where there is none.
	Account []byte

	ConsentedAt time.Time
	// ExpiresAt is the absolute limit; nothing of the grant outlives it.
	ExpiresAt time.Time
	// IdleAt is when the current refresh token expires unless exchanged.
	IdleAt time.Time
	// AccessUntil is the last expiry of access tokens of this generation.
	AccessUntil time.Time

	// Generation is that of the current tokens; earlier ones are dead.
	Generation uint32
	// Refresh is the keyed hash of the current refresh secret, empty where the
	// grant has no refresh token.
	Refresh []byte
	// RotatedAt is when the current generation came to be by a rotation, and
	// Graceable whether its immediate predecessor may still be retried.
	RotatedAt time.Time
	Graceable bool

	EndedAt   time.Time
	EndReason string
}

// The EndReason that a store gives by itself; callers give others to
// [Grants.EndGrant].
const (
	// ReasonRefreshReuse: a refresh token was used twice ([Grants.Rotate]).
	ReasonRefreshReuse = "refresh_reuse"
	// ReasonCodeReuse: a code was used twice ([Artifacts.Redeem]).
	ReasonCodeReuse = "code_reuse"
)

// Epochs are the counters that end_tokens raises. A grant or artifact is dead
// when the record of its client, organization or member carries a higher one.
type Epochs struct {
	Client       uint64
	Organization uint64
	Member       uint64
}

// Outcome is what a command decided.
type Outcome uint8

// The outcomes of [Grants.Rotate] and [Artifacts.Redeem]. Only Done and Graced
// mean that tokens may be issued.
const (
	// Done: the caller won.
	Done Outcome = iota + 1
	// Graced: the immediate predecessor was retried within its grace window;
	// the pair in between is superseded.
	Graced
	// Reused: the token or code was used before; its grant is ended now, if it
	// was not before.
	Reused
	// Inactive: the client, its organization or the member is not active.
	// Nothing was consumed and it does not count as reuse.
	Inactive
	// Unknown: no such thing for this client, or ended or expired. Nothing was
	// changed.
	Unknown
)

// String names the outcome for logs.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Graced:
		return "graced"
	case Reused:
		return "reused"
	case Inactive:
		return "inactive"
	case Unknown:
		return "unknown"
	default:
		return "invalid"
	}
}

// Rotation asks to exchange a refresh token.
type Rotation struct {
	ID     ID
	Client string
	// From is the generation of the presented token, Presented the keyed hash of
	// its secret. The current generation with another hash is a token from a
	// history that this store has not seen (a restored backup): it is refused
	// as [Unknown].
	From      uint32
	Presented []byte
	// Next is the keyed hash of the secret of the token to be issued.
	Next []byte
	At   time.Time
	// Grace is how long after a rotation its predecessor may be retried once:
	// At must be before RotatedAt + Grace. Zero turns it off, also for a request
	// whose At is before RotatedAt, as of a process that was asked first and came
	// second, or whose clock is behind.
	Grace time.Duration
	// IdleAt and AccessUntil are those of the tokens to be issued.
	IdleAt      time.Time
	AccessUntil time.Time
	// Until is how long the end of the grant must be remembered if this turns
	// out to be a reuse; Skew is added to the old AccessUntil to say how long a
	// rotation must be.
	Until time.Time
	Skew  time.Duration
	// Virtual, for a grant that may have no row yet, is the row to make: its
	// Generation is 0 and its Refresh the presented hash. Nil elsewhere.
	Virtual *Grant
}

// Rotated is the answer to a [Rotation].
type Rotated struct {
	Outcome Outcome
	// Grant is the record after the command, for Done and Graced.
	Grant Grant
	// Changes were committed with it.
	Changes []Change
}

// End asks to end a grant.
type End struct {
	ID ID
	// Client, where not empty, must be the grant's.
	Client string
	At     time.Time
	Reason string
	// Until is how long the end must be remembered.
	Until time.Time
	// Virtual, for a grant that may have no row, is what to record of it (ID,
	// Client, Organization, Subject, ExpiresAt); the row lives until ExpiresAt.
	Virtual *Grant
}

// GrantFilter selects grants; empty members do not filter, but one of Client,
// Subject and Account must be given.
type GrantFilter struct {
	Client       string
	Organization string
	Subject      string
	Account      []byte
	// Live leaves out ended and expired grants, as of the given time.
	Live time.Time
}

// Grants keeps the grants that have a row.
type Grants interface {
	// CreateGrant stores a grant that is not redeemed from an artifact.
	// [ErrExists] if the id is taken.
	CreateGrant(ctx context.Context, g Grant) error
	// Grant reads one, [ErrNotFound] if it has no row.
	Grant(ctx context.Context, id ID) (Grant, error)
	// Rotate moves the grant to its next generation, if the presented token is
	// the current one of this client, the grant is live and client, organization
	// and member are active. Exactly one of any number of concurrent callers
	// with one token gets Done. With a token of an earlier generation it ends
	// the grant in the same command (Reused), unless the grace rule applies.
	// A token shown by another client is Unknown and changes nothing, and so is
	// one of a generation still to come, or of a grant that is ended or expired
	// (ExpiresAt or IdleAt). Inactive is decided before reuse.
	//
	// A rotation from N to N+1 makes N graceable. A graced retry of N leads to
	// N+2, of which no predecessor is graceable. Done and Graced write a change
	// with MinGeneration if access tokens of the old generation may still live
	// (AccessUntil after At); Reused writes one with Ended.
	Rotate(ctx context.Context, r Rotation) (Rotated, error)
	// EndGrant ends a grant, or records the end of a virtual one. Ending again
	// changes nothing and returns the recorded change. A grant of another client
	// is [ErrNotFound], and so is a missing one when e.Virtual is nil.
	EndGrant(ctx context.Context, e End) (Change, error)
	// ListGrants lists by id, oldest first; Page.After is an [ID] as text.
	ListGrants(ctx context.Context, f GrantFilter, p Page) ([]Grant, error)
}
