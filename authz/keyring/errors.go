package keyring

import "errors"

// Sentinels, to be tested with [errors.Is]. None says what was sealed.
var (
	// ErrUnknownKey: the key id names no key that this instance may open with.
	// It may be newer than what was last read: see [Ring.Learn].
	ErrUnknownKey = errors.New("keyring: unknown key")
	// ErrTampered: the bytes were not sealed by this key, for this use, issuer,
	// environment and associated data, or they were changed or cut short since.
	ErrTampered = errors.New("keyring: not sealed by this key")
	// ErrUnknownRoot: a data key is wrapped with a root secret that was not given.
	ErrUnknownRoot = errors.New("keyring: unknown root secret")
	// ErrInUse: the key is the one in use and cannot be retired.
	ErrInUse = errors.New("keyring: key is in use")
)

// ConfigError says which field of [Config] is wrong, and why.
type ConfigError struct {
	Field  string
	Reason string
}

// Error implements error.
func (e *ConfigError) Error() string { return "keyring: Config." + e.Field + ": " + e.Reason }
