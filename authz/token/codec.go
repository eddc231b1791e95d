package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
)

// Limits of the text of a sealed token, in bytes.
const (
	MaxAccessSize  = 2 << 10
	MaxRefreshSize = 4 << 10
)

// SealedMin is the length of a sealed token with nothing in it, before base64url.
const SealedMin = 1 + keyring.Overhead

// DefaultMaxLifetime is the ceiling of access tokens unless another is set.
const DefaultMaxLifetime = 24 * time.Hour

// version of the encoding; it is authenticated, and another is [ErrMalformed].
const version = 1

// Codec seals and opens credentials with the keys of one installation. It is
// safe for concurrent use once its fields are set.
type Codec struct {
	// MaxLifetime and MaxRefreshLifetime are the installation's ceilings. Tokens
	// that live longer are neither sealed nor opened, which is what makes it
	// sound to forget a change once every token it concerns must have expired.
	MaxLifetime        time.Duration
	MaxRefreshLifetime time.Duration

	ring       *keyring.Ring
	accessAAD  []byte
	refreshAAD []byte
	opaque     []byte
	refresh    []byte
	buffers    sync.Pool // of *buffer
}

// buffer is what one call needs; nothing of it outlives the call.
type buffer struct {
	text   []byte
	sealed []byte
	body   []byte
}

// NewCodec returns a codec over a ring, with MaxLifetime at 24 hours and
// MaxRefreshLifetime at the ring's ceiling, which bounds both.
func NewCodec(ring *keyring.Ring) *Codec {
	ceiling := ring.MaxTokenLifetime()
	c := &Codec{
		MaxLifetime:        min(DefaultMaxLifetime, ceiling),
		MaxRefreshLifetime: ceiling,
		ring:               ring,
		accessAAD:          domain(ring, AccessPrefix),
		refreshAAD:         domain(ring, RefreshPrefix),
		opaque:             domain(ring, "opaque"),
		refresh:            domain(ring, "refresh hash"),
	}
	c.buffers.New = func() any {
		return &buffer{text: make([]byte, 0, 1024), sealed: make([]byte, 0, 1024), body: make([]byte, 0, 1024)}
	}
	return c
}

// domain separates kinds of credentials, issuers and environments.
func domain(ring *keyring.Ring, what string) []byte {
	b := []byte{version}
	b = appendString(b, what)
	b = appendString(b, ring.Issuer())
	return appendString(b, ring.Environment())
}

// SealAccess makes an access token. [ErrTooLarge] means that the caller issues a
// reference instead; [ErrLifetime] and [ErrIncomplete] are mistakes of the caller.
func (c *Codec) SealAccess(a *Access) (string, error) {
	buf := c.buffers.Get().(*buffer)
	defer c.release(buf)
	body, err := a.append(buf.body[:0], c.MaxLifetime)
	if err != nil {
		return "", err
	}
	buf.body = body
	return c.seal(buf, keyring.AccessToken, AccessPrefix, c.accessAAD, MaxAccessSize)
}

// OpenAccess opens an access token into a, whose previous content is dropped. It
// does not look at the clock. The error is [ErrMalformed], [ErrUnknownKey],
// [ErrTampered] or [ErrLifetime], and a is then empty.
func (c *Codec) OpenAccess(s string, a *Access) error {
	*a = Access{}
	buf := c.buffers.Get().(*buffer)
	defer c.release(buf)
	body, err := c.open(buf, s, keyring.AccessToken, AccessPrefix, c.accessAAD, MaxAccessSize)
	if err != nil {
		return err
	}
	return c.checked(a, a.decode(body))
}

// EncodeAccess returns the content of a reference token, in the clear: the
// caller seals it for the store, bound to its key there.
func (c *Codec) EncodeAccess(a *Access) ([]byte, error) {
	return a.append([]byte{version}, c.MaxLifetime)
}

// DecodeAccess reads what [Codec.EncodeAccess] wrote. The error is
// [ErrMalformed] or [ErrLifetime], and a is then empty.
func (c *Codec) DecodeAccess(body []byte, a *Access) error {
	*a = Access{}
	if len(body) == 0 || body[0] != version {
		return ErrMalformed
	}
	return c.checked(a, a.decode(body[1:]))
}

func (c *Codec) checked(a *Access, err error) error {
	if err == nil && exceeds(a.IssuedAt, a.ExpiresAt, c.MaxLifetime) {
		*a = Access{}
		return ErrLifetime
	}
	return err
}

// SealRefresh makes a refresh token.
func (c *Codec) SealRefresh(t *Refresh) (string, error) {
	buf := c.buffers.Get().(*buffer)
	defer c.release(buf)
	body, err := t.append(buf.body[:0], c.MaxRefreshLifetime)
	if err != nil {
		return "", err
	}
	buf.body = body
	return c.seal(buf, keyring.RefreshToken, RefreshPrefix, c.refreshAAD, MaxRefreshSize)
}

// OpenRefresh opens a refresh token into t, as [Codec.OpenAccess] does.
func (c *Codec) OpenRefresh(s string, t *Refresh) error {
	*t = Refresh{}
	buf := c.buffers.Get().(*buffer)
	defer c.release(buf)
	body, err := c.open(buf, s, keyring.RefreshToken, RefreshPrefix, c.refreshAAD, MaxRefreshSize)
	if err != nil {
		return err
	}
	if err := t.decode(body); err != nil {
		return err
	}
	if exceeds(t.IssuedAt, t.ExpiresAt, c.MaxRefreshLifetime) {
		*t = Refresh{}
		return ErrLifetime
	}
	return nil
}

// RefreshHash returns what the store knows a refresh secret by. The secret is
// itself the key of the hash, and its 128 random bits are what protects it: the
// hash must stay the same while data keys rotate under a token that lives for
// years, and without a data key nobody can seal a token around a secret anyway.
func (c *Codec) RefreshHash(secret [16]byte, grant storage.ID) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write(c.refresh)
	h.Write(grant[:])
	return h.Sum(nil)
}

// seal encrypts buf.body and writes the token.
func (c *Codec) seal(buf *buffer, use keyring.Use, prefix string, aad []byte, limit int) (string, error) {
	size := prefixSize + strict.EncodedLen(1+keyring.Overhead+len(buf.body)) + keyring.ChecksumSize
	if size > limit {
		return "", ErrTooLarge
	}
	buf.sealed = append(buf.sealed[:0], version)
	buf.sealed = c.ring.Seal(use, buf.sealed, buf.body, aad)
	buf.text = append(buf.text[:0], prefix...)
	buf.text = base64.RawURLEncoding.AppendEncode(buf.text, buf.sealed)
	buf.text = keyring.AppendChecksum(buf.text)
	return string(buf.text), nil
}

// open checks the form of a token, then decrypts it. The body is part of buf.
func (c *Codec) open(buf *buffer, s string, use keyring.Use, prefix string, aad []byte, limit int) ([]byte, error) {
	if len(s) > limit || len(s) <= prefixSize+keyring.ChecksumSize || s[:prefixSize] != prefix {
		return nil, ErrMalformed
	}
	buf.text = append(buf.text[:0], s...)
	text, ok := keyring.TrimChecksum(buf.text)
	if !ok {
		return nil, ErrMalformed
	}
	text = text[prefixSize:]
	n := strict.DecodedLen(len(text))
	if n < SealedMin {
		return nil, ErrMalformed
	}
	if cap(buf.sealed) < n {
		buf.sealed = make([]byte, n)
	}
	buf.sealed = buf.sealed[:n]
	if !decodeExact(buf.sealed, text) || buf.sealed[0] != version {
		return nil, ErrMalformed
	}
	body, err := c.ring.Open(use, buf.body[:0], buf.sealed[1:], aad)
	if err != nil {
		return nil, err
	}
	buf.body = body
	return body, nil
}

// release gives a buffer back, without what was in the clear.
func (c *Codec) release(buf *buffer) {
	clear(buf.body[:cap(buf.body)])
	clear(buf.text)
	c.buffers.Put(buf)
}
