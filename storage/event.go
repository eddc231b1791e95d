package storage

import (
	"context"
	"time"
)

// Event is one line of the audit trail. It never holds a secret, a token, a key
// or an unmasked account id. A command that is given an event without an ID
// records none. A store may shorten texts, to no less than 512 bytes, but for
// Organization.
type Event struct {
	ID   ID
	At   time.Time
	Type string // what happened, for instance "key.suspended"
	// Outcome is "ok", or the stable code of a refusal.
	Outcome      string
	Organization string
	// Actor did it, Target is what it was done to: "key:...", "user:...", "host".
	Actor  string
	Target string
	// Client and Grant are the token's, where there was one.
	Client string
	Grant  ID
	// Address is the client's, Route the pattern of the route.
	Address string
	Route   string
	// Reason is the exact one, which callers are not told.
	Reason string
	// Before and After are the changed members as JSON.
	Before []byte
	After  []byte

	// Seq and Chain are given when the event is sealed into the chain; both are
	// zero until then.
	Seq   uint64
	Chain []byte
}

// EventFilter selects events; empty members do not filter.
type EventFilter struct {
	Organization string
	Actor        string
	Target       string
	Type         string
	From, To     time.Time
	// After continues a listing: events with a later ID (time order).
	After ID
	// AfterSeq, with Sealed, lists sealed events in the order of the chain.
	Sealed   bool
	AfterSeq uint64
	Limit    int
}

// Audit keeps the audit trail. It is append-only: nothing changes or removes an
// event but the sweep of a retention that the host has set.
type Audit interface {
	// AppendEvents stores events that describe no change of a record; those that
	// do are stored by the command itself.
	AppendEvents(ctx context.Context, events []Event) error
	// Events lists events by ID, or by Seq with f.Sealed.
	Events(ctx context.Context, f EventFilter) ([]Event, error)
	// SealEvents numbers unsealed events in the order of ID, at most limit, and
	// keeps for each the chain value that link computes from the one before (nil
	// for the first) and the event, its Seq given. If another instance is at it,
	// it returns 0 at once.
	SealEvents(ctx context.Context, limit int, link func(previous []byte, e Event) []byte) (int, error)
}
