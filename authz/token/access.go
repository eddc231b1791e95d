package token

import "time"

// Access is the content of an access token.
type Access struct {
	Claims

	Scopes   []string
	Audience []string
	// Metadata are the bound ids, which are only ever sealed.
	Metadata []Binding
	// Thumbprint is the x5t#S256 confirmation (RFC 8705 section 3.1), empty or 32
	// bytes.
	Thumbprint []byte
	// Virtual means that the grant has no row.
	Virtual bool
	// RefreshUntil is when the refresh token issued beside it expires, for
	// virtual grants; zero if there is none.
	RefreshUntil time.Time
}

// Binding is one id that a token is bound to.
type Binding struct {
	Kind, Value string
}

// Flags of an encoded access token.
const (
	accessVirtual = 1 << iota
	accessThumbprint
	accessRefreshUntil
	accessFlags = 1<<iota - 1
)

func (a *Access) append(b []byte, limit time.Duration) ([]byte, error) {
	if err := a.check(limit); err != nil {
		return nil, err
	}
	if tooLong(a.Scopes, a.Audience, a.Metadata) {
		return nil, ErrTooLarge
	}
	var flags byte
	if a.Virtual {
		flags |= accessVirtual
	}
	switch len(a.Thumbprint) {
	case 0:
	case thumbprintSize:
		flags |= accessThumbprint
	default:
		return nil, ErrIncomplete
	}
	if !a.RefreshUntil.IsZero() {
		if !validSpan(a.IssuedAt, a.RefreshUntil) {
			return nil, ErrIncomplete
		}
		flags |= accessRefreshUntil
	}
	b = append(b, flags)
	b = append(b, a.Grant[:]...)
	b = a.appendState(b)
	if flags&accessRefreshUntil != 0 {
		b = appendUint(b, seconds(a.IssuedAt, a.RefreshUntil))
	}
	b = append(b, a.Thumbprint...)
	b = a.appendParties(b)
	b = appendList(b, a.Scopes)
	b = appendList(b, a.Audience)
	return appendBindings(b, a.Metadata), nil
}

// decode reads what append wrote. It keeps nothing of body.
func (a *Access) decode(body []byte) error {
	r := newReader(body)
	flags := r.byte()
	if flags&^accessFlags != 0 {
		return ErrMalformed
	}
	*a = Access{Virtual: flags&accessVirtual != 0}
	r.id(&a.Grant)
	issued := a.readState(&r)
	if flags&accessRefreshUntil != 0 {
		a.RefreshUntil = unix(r.after(issued))
	}
	if flags&accessThumbprint != 0 {
		a.Thumbprint = r.bytes(thumbprintSize)
	}
	a.readParties(&r)
	a.Scopes, a.Audience = r.lists()
	a.Metadata = r.bindings()
	if !r.done() || !a.complete() {
		*a = Access{}
		return ErrMalformed
	}
	return nil
}
