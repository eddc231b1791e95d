package token

import (
	"crypto/rand"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Refresh is the content of a refresh token. Times are kept to the second.
type Refresh struct {
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
	// Secret is random; the store knows it by [Codec.RefreshHash].
	Secret [16]byte

	IssuedAt time.Time
	// ExpiresAt is when it is too late to exchange this token.
	ExpiresAt   time.Time
	ConsentedAt time.Time

	// AbsoluteExpiry is the grant's own; zero takes ExpiresAt.
	AbsoluteExpiry time.Time

	// Virtual means that the grant has no row yet. What follows is set for
	// virtual grants only: the row is made of it.
	Virtual  bool
	Scopes   []string
	Audience []string
	Metadata []Binding
	// AccessUntil is the expiry of the access token issued beside it.
	AccessUntil time.Time
}

// ExpiredAt reports whether the token has expired at the given time.
func (t *Refresh) ExpiredAt(now time.Time) bool { return !now.Before(t.ExpiresAt) }

// Flags of an encoded refresh token.
const (
	refreshVirtual = 1 << iota
	refreshConsented
	refreshAbsolute
	refreshAccess
	refreshFlags = 1<<iota - 1
)

func (t *Refresh) append(b []byte, limit time.Duration) ([]byte, error) {
	if t.Grant.IsZero() || t.Client == "" || t.Secret == [16]byte{} || !validSpan(t.IssuedAt, t.ExpiresAt) {
		return nil, ErrIncomplete
	}
	if exceeds(t.IssuedAt, t.ExpiresAt, limit) {
		return nil, ErrLifetime
	}
	if tooLong(t.Scopes, t.Audience, t.Metadata) {
		return nil, ErrTooLarge
	}
	var flags byte
	if !t.ConsentedAt.IsZero() {
		if at := t.ConsentedAt.Unix(); at < 0 || at > maxUnix {
			return nil, ErrIncomplete
		}
		flags |= refreshConsented
	}
	switch {
	case t.Virtual:
		flags |= refreshVirtual
		if !t.AccessUntil.IsZero() {
			flags |= refreshAccess
		}
		if flags&refreshAccess != 0 && !validSpan(t.IssuedAt, t.AccessUntil) {
			return nil, ErrIncomplete
		}
	case len(t.Scopes)+len(t.Audience)+len(t.Metadata) != 0 || !t.AccessUntil.IsZero():
		return nil, ErrIncomplete // would be lost: the row of the grant has them
	}
	if !t.AbsoluteExpiry.IsZero() {
		if !validSpan(t.IssuedAt, t.AbsoluteExpiry) {
			return nil, ErrIncomplete
		}
		flags |= refreshAbsolute
	}
	b = append(b, flags)
	b = append(b, t.Grant[:]...)
	b = append(b, t.Secret[:]...)
	b = appendUint(b, uint64(t.Generation))
	b = appendUint(b, t.ClientEpoch)
	b = appendUint(b, t.OrganizationEpoch)
	b = appendUint(b, t.MemberEpoch)
	b = appendUint(b, t.Revision)
	b = appendUint(b, uint64(t.IssuedAt.Unix()))
	b = appendUint(b, seconds(t.IssuedAt, t.ExpiresAt))
	if flags&refreshConsented != 0 {
		b = appendUint(b, uint64(t.ConsentedAt.Unix()))
	}
	if flags&refreshAbsolute != 0 {
		b = appendUint(b, seconds(t.IssuedAt, t.AbsoluteExpiry))
	}
	if flags&refreshAccess != 0 {
		b = appendUint(b, seconds(t.IssuedAt, t.AccessUntil))
	}
	b = appendString(b, t.Client)
	b = appendString(b, t.Organization)
	b = appendString(b, t.Subject)
	if t.Virtual {
		b = appendList(b, t.Scopes)
		b = appendList(b, t.Audience)
		b = appendBindings(b, t.Metadata)
	}
	return b, nil
}

// decode reads what append wrote. It keeps nothing of body.
func (t *Refresh) decode(body []byte) error {
	r := newReader(body)
	flags := r.byte()
	if flags&^refreshFlags != 0 {
		return ErrMalformed
	}
	*t = Refresh{Virtual: flags&refreshVirtual != 0}
	r.id(&t.Grant)
	r.id((*storage.ID)(&t.Secret))
	t.Generation = r.uint32()
	t.ClientEpoch = r.uint()
	t.OrganizationEpoch = r.uint()
	t.MemberEpoch = r.uint()
	t.Revision = r.uint()
	issued := r.time()
	t.IssuedAt = unix(issued)
	t.ExpiresAt = unix(r.after(issued))
	if flags&refreshConsented != 0 {
		t.ConsentedAt = unix(r.time())
	}
	if flags&refreshAbsolute != 0 {
		t.AbsoluteExpiry = unix(r.after(issued))
	}
	if flags&refreshAccess != 0 {
		t.AccessUntil = unix(r.after(issued))
	}
	t.Client = r.string()
	t.Organization = r.string()
	t.Subject = r.string()
	if t.Virtual {
		t.Scopes, t.Audience = r.lists()
		t.Metadata = r.bindings()
	}
	if !r.done() || t.Grant.IsZero() || t.Client == "" || t.Secret == [16]byte{} {
		*t = Refresh{}
		return ErrMalformed
	}
	return nil
}

// NewRefreshSecret returns a random secret for a refresh token.
func NewRefreshSecret() (secret [16]byte) {
	_, _ = rand.Read(secret[:])
	return secret
}
