package token

import (
	"errors"

	"github.com/gatewright/gatewright/authz/keyring"
)

// Sentinels, to be tested with [errors.Is].
var (
	// ErrMalformed: not a credential of this kind, mistyped or cut short. This is
	// known without any key.
	ErrMalformed = errors.New("token: malformed")
	// ErrUnknownKey: made with a key that is not known (any more, or yet: see
	// [keyring.Ring.Learn]).
	ErrUnknownKey = keyring.ErrUnknownKey
	// ErrTampered: not made by this installation for this kind of credential.
	ErrTampered = keyring.ErrTampered
	// ErrTooLarge: the content does not fit; issue a reference instead.
	ErrTooLarge = errors.New("token: too large to be sealed")
	// ErrLifetime: the token lives longer than the installation allows.
	ErrLifetime = errors.New("token: lifetime above the installation's ceiling")
	// ErrIncomplete: the content lacks something that a token must have, or holds
	// what cannot be encoded.
	ErrIncomplete = errors.New("token: incomplete content")
)
