package token

import (
	"crypto/rand"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Refresh is the content of a refresh token.
type Refresh struct {
	// Claims.ExpiresAt is when it is too late to exchange this token.
	Claims
	// Secret is random; the store knows it by [Codec.RefreshHash].
	Secret [16]byte

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

// Flags of an encoded refresh token.
const (
	refreshVirtual = 1 << iota
	refreshConsented
	refreshAbsolute
	refreshAccess
	refreshFlags = 1<<iota - 1
)

func (t *Refresh) append(b []byte, limit time.Duration) ([]byte, error) {
	if t.Secret == [16]byte{} {
		return nil, ErrIncomplete
	}
	if err := t.check(limit); err != nil {
		return nil, err
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
	b = t.appendState(b)
	if flags&refreshConsented != 0 {
		b = appendUint(b, uint64(t.ConsentedAt.Unix()))
	}
	if flags&refreshAbsolute != 0 {
		b = appendUint(b, seconds(t.IssuedAt, t.AbsoluteExpiry))
	}
	if flags&refreshAccess != 0 {
		b = appendUint(b, seconds(t.IssuedAt, t.AccessUntil))
	}
	b = t.appendParties(b)
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
	issued := t.readState(&r)
	if flags&refreshConsented != 0 {
		t.ConsentedAt = unix(r.time())
	}
	if flags&refreshAbsolute != 0 {
		t.AbsoluteExpiry = unix(r.after(issued))
	}
	if flags&refreshAccess != 0 {
		t.AccessUntil = unix(r.after(issued))
	}
	t.readParties(&r)
	if t.Virtual {
		t.Scopes, t.Audience = r.lists()
		t.Metadata = r.bindings()
	}
	if !r.done() || !t.complete() || t.Secret == [16]byte{} {
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
