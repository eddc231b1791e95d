package storage

import (
	"context"
	"time"
)

// ArtifactKind says what an artifact is; keys of different kinds never meet.
type ArtifactKind uint8

// The kinds of artifacts.
const (
	AuthorizationCode ArtifactKind = iota + 1
	DeviceCode
	PushedRequest
	// Interaction is an authorization request that waits for its person.
	Interaction
	// ReferenceToken is an access token whose content is kept here; it is read
	// any number of times and never redeemed.
	ReferenceToken
)

// Artifact is something short-lived that is looked up by a keyed hash and, but
// for reference tokens, redeemed once.
type Artifact struct {
	Kind ArtifactKind
	// Key is a time prefix and a keyed hash, at most 64 bytes.
	Key    []byte
	Client string
	// Organization and Subject, where given, must be active (the membership, if
	// there is one) for it to be redeemed.
	Organization string
	Subject      string
	// Account as in [Grant]: a host can drop by it what waits to be redeemed.
	Account []byte
	// Epochs as in [Grant]: once any has been raised, Redeem answers Unknown.
	Epochs Epochs
	// Sealed is its content, encrypted by the caller.
	Sealed    []byte
	ExpiresAt time.Time
	// RedeemedAt and Grant are set when it is redeemed.
	RedeemedAt time.Time
	Grant      ID
}

// Redemption asks to redeem an artifact and to create the grant that comes of it.
type Redemption struct {
	Kind   ArtifactKind
	Key    []byte
	Client string
	At     time.Time
	// Grant is created with it; nil where none comes of it.
	Grant *Grant
	// Next is an artifact that is stored with it, as a code is when a person has
	// answered the question for it; nil where none follows. With another that has
	// its key nothing is redeemed: [ErrExists].
	Next *Artifact
	// Until is how long the end of the first redeemer's grant must be
	// remembered if this turns out to be a second use.
	Until time.Time
}

// Redeemed is the answer to a [Redemption]: Done, Reused, Inactive or Unknown.
type Redeemed struct {
	Outcome Outcome
	// Grant is the one created, or the one ended by a second use.
	Grant   ID
	Changes []Change
}

// Pending selects artifacts that wait to be redeemed: those of Subject, or of
// Account, or of both if both are given. One of them must be.
type Pending struct {
	Subject string
	Account []byte
}

// Artifacts keeps what is redeemed once.
type Artifacts interface {
	// PutArtifact stores an artifact; [ErrExists] if its key is taken.
	PutArtifact(ctx context.Context, a Artifact) error
	// Artifact reads one whether redeemed or not; [ErrNotFound] if there is none.
	// Expired ones may still be returned: the caller compares the time.
	Artifact(ctx context.Context, kind ArtifactKind, key []byte) (Artifact, error)
	// Redeem marks the artifact redeemed and creates the grant. Exactly one of
	// any number of concurrent callers gets Done. A second use by the same
	// client ends the grant of the first (Reused). Another client's use, or one
	// after expiry, is Unknown and changes nothing.
	Redeem(ctx context.Context, r Redemption) (Redeemed, error)
	// DropPending removes the artifacts that wait to be redeemed, but no
	// reference tokens, and returns how many there were. Once it has returned, a
	// redemption of any that was stored before it began is either Unknown or has
	// created its grant already, so that whoever lists the grants afterwards
	// misses none.
	DropPending(ctx context.Context, p Pending) (int, error)
}

// Once remembers keys: message ids, token ids of assertions.
type Once interface {
	// Claim spends a key until the given time. Exactly one of any number of
	// concurrent callers succeeds; the others get [ErrSeen]. A key may be
	// claimed again after its time, by the clock of the store.
	Claim(ctx context.Context, namespace string, key []byte, until time.Time) error
}
