package storage

import (
	"context"
	"time"
)

// KeyState is where a data key is in its life.
type KeyState uint8

// The states of a data key, in order. A key only moves forward.
const (
	// Announced: every instance may open with it, none uses it yet.
	Announced KeyState = iota + 1
	// InUse: new data is sealed with it.
	InUse
	// OpenOnly: old data is still opened with it.
	OpenOnly
	// Retired: it opens nothing any more.
	Retired
)

// Key is a data key, wrapped with a root key that the store never sees.
type Key struct {
	// ID is unique over the store and positive.
	ID      uint32
	Purpose string
	State   KeyState
	// Root names the root key it is wrapped with.
	Root    string
	Wrapped []byte
	// Public is the public half of a signing key, as JWK.
	Public    []byte
	CreatedAt time.Time
	// StateAt is when it came to its state.
	StateAt time.Time
}

// Keys keeps the wrapped data keys.
type Keys interface {
	// PutKey stores a key; [ErrExists] if the id is taken (another instance was
	// first: list again).
	PutKey(ctx context.Context, k Key, e Event) (Change, error)
	// ListKeys returns all keys by id.
	ListKeys(ctx context.Context) ([]Key, error)
	// SetKeyState moves a key from one state to a later one; [ErrConflict] if it
	// is in another state.
	SetKeyState(ctx context.Context, id uint32, from, to KeyState, at time.Time, e Event) (Change, error)
	// RewrapKey replaces the wrapping, for a new root key; [ErrConflict] if it is
	// no longer wrapped with fromRoot.
	RewrapKey(ctx context.Context, id uint32, fromRoot, toRoot string, wrapped []byte, e Event) error
}
