package token

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Access is the content of an access token. Times are kept to the second.
type Access struct {
	// Grant and Generation name the authorization; every token has them.
	Grant      storage.ID
	Generation uint32
	// Client is required. Subject is empty where the client acts for itself.
	Client       string
	Organization string
	Subject      string
	// Epochs are those of the records when the token was issued.
	ClientEpoch       uint64
	OrganizationEpoch uint64
	MemberEpoch       uint64
	// Revision is the issuing instance's position in the change feed.
	Revision uint64

	IssuedAt  time.Time
	ExpiresAt time.Time

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

// ExpiredAt reports whether the token has expired at the given time.
func (a *Access) ExpiredAt(now time.Time) bool { return !now.Before(a.ExpiresAt) }

// Flags of an encoded access token.
const (
	accessVirtual = 1 << iota
	accessThumbprint
	accessRefreshUntil
	accessFlags = 1<<iota - 1
)

func (a *Access) append(b []byte, limit time.Duration) ([]byte, error) {
	if a.Grant.IsZero() || a.Client == "" || !validSpan(a.IssuedAt, a.ExpiresAt) {
		return nil, ErrIncomplete
	}
	if exceeds(a.IssuedAt, a.ExpiresAt, limit) {
		return nil, ErrLifetime
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
	b = appendUint(b, uint64(a.Generation))
	b = appendUint(b, a.ClientEpoch)
	b = appendUint(b, a.OrganizationEpoch)
	b = appendUint(b, a.MemberEpoch)
	b = appendUint(b, a.Revision)
	b = appendUint(b, uint64(a.IssuedAt.Unix()))
	b = appendUint(b, seconds(a.IssuedAt, a.ExpiresAt))
	if flags&accessRefreshUntil != 0 {
		b = appendUint(b, seconds(a.IssuedAt, a.RefreshUntil))
	}
	b = append(b, a.Thumbprint...)
	b = appendString(b, a.Client)
	b = appendString(b, a.Organization)
	b = appendString(b, a.Subject)
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
	a.Generation = r.uint32()
	a.ClientEpoch = r.uint()
	a.OrganizationEpoch = r.uint()
	a.MemberEpoch = r.uint()
	a.Revision = r.uint()
	issued := r.time()
	a.IssuedAt = unix(issued)
	a.ExpiresAt = unix(r.after(issued))
	if flags&accessRefreshUntil != 0 {
		a.RefreshUntil = unix(r.after(issued))
	}
	if flags&accessThumbprint != 0 {
		a.Thumbprint = r.bytes(thumbprintSize)
	}
	a.Client = r.string()
	a.Organization = r.string()
	a.Subject = r.string()
	a.Scopes, a.Audience = r.lists()
	a.Metadata = r.bindings()
	if !r.done() || a.Grant.IsZero() || a.Client == "" {
		*a = Access{}
		return ErrMalformed
	}
	return nil
}
