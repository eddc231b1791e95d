package storage

import "fmt"

// Status says whether an organization, member or client may act. The zero value
// is not a status and permits nothing.
type Status uint8

// The states of an organization, member or client. Suspension is reversible,
// revocation is final.
const (
	Active    Status = 1
	Suspended Status = 2
	Revoked   Status = 3
)

// String returns "active", "suspended" or "revoked".
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Suspended:
		return "suspended"
	case Revoked:
		return "revoked"
	default:
		return "invalid"
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (s Status) MarshalText() ([]byte, error) {
	if s < Active || s > Revoked {
		return nil, fmt.Errorf("storage: status %d is none of active, suspended, revoked", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Status) UnmarshalText(text []byte) error {
	for c := Active; c <= Revoked; c++ {
		if c.String() == string(text) {
			*s = c
			return nil
		}
	}
	return fmt.Errorf("storage: status %q is none of active, suspended, revoked", text)
}
