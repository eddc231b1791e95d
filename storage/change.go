package storage

import (
	"context"
	"time"
)

// ChangeKind says what changed.
type ChangeKind uint8

// The kinds of changes, and what their ID is.
const (
	ClientChange       ChangeKind = iota + 1 // client id
	GrantChange                              // the 16 bytes of the grant's [ID]
	OrganizationChange                       // organization id
	MemberChange                             // [MemberKey]
	KeyChange                                // data key id in decimal; Version is its state
	RulesChange                              // organization id, "*" for all; Version is the revision
)

// Change is the state of something that instances must hear of. It is a state,
// not an entry of a log: there is one row for a (Kind, ID), which is upserted in
// the transaction of the change and in which nothing but Status is ever lowered
// (and Status only by a higher Version).
type Change struct {
	Kind ChangeKind
	ID   string
	// Client is the client of the grant of a GrantChange, empty for other kinds.
	// Instances bound by it how much memory one client's changes can take.
	Client string
	// Seq orders changes. It is 0 from the commit until [Changes.Stamp] numbers it.
	Seq uint64

	Status        Status
	Version       uint64
	Epoch         uint64
	MinGeneration uint32
	Ended         bool
	// Until is when no token that this change concerns can still live; the zero
	// time is never, which no later Until lowers. That of keys and rules is zero.
	Until time.Time
}

// ChangeKey names a change.
type ChangeKey struct {
	Kind ChangeKind
	ID   string
}

// ChangeBatch is a part of what has changed.
type ChangeBatch struct {
	// Changes are the stamped ones after the cursor in the order of Seq, and all
	// unstamped ones, which the limit does not cut.
	Changes []Change
	// Next is the cursor for the following call: the highest Seq returned, or
	// the cursor itself. Unstamped changes never move it.
	Next uint64
	// Head is the highest Seq ever given. A Head below the caller's cursor means
	// that the store went back in time (a failover): load everything anew.
	Head uint64
	// More reports that the limit cut the batch short.
	More bool
}

// Changes is how instances follow each other.
type Changes interface {
	// ChangesSince reads the changes after a cursor (0 for all) whose Until is
	// after now. It reads from the primary, and may keep a connection for it.
	ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (ChangeBatch, error)
	// LookupChanges reads single changes; missing ones are left out.
	LookupChanges(ctx context.Context, keys []ChangeKey) ([]Change, error)
	// Stamp numbers committed changes that have no Seq yet, at most limit, and
	// returns how many. If another instance is at it, it returns 0 at once.
	Stamp(ctx context.Context, limit int) (int, error)
}
