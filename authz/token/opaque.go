package token

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
)

// An opaque credential is version, key id, time, random bytes and half of a MAC.
// The other half, behind the time, is the key in the store: whoever reads the
// store cannot make the credential, and nothing is looked up for one that was
// made up.
const (
	opaqueKeyID  = 1
	opaqueTime   = opaqueKeyID + 4
	opaqueRandom = opaqueTime + 6
	opaqueTag    = opaqueRandom + 21
	opaqueSize   = opaqueTag + 16
)

// OpaqueKeySize is the length of the store key of an opaque credential.
const OpaqueKeySize = 6 + 16

// NewOpaque makes a random credential of 168 bits and the key under which the
// store knows it, which begins with the time, so that rows append to an index.
// It panics if the prefix is none of the constants, or one of a sealed token.
func (c *Codec) NewOpaque(prefix string, now time.Time) (tok string, key []byte) {
	if !isOpaque(prefix) {
		panic("token: " + prefix + " is no prefix of opaque credentials")
	}
	for {
		id := c.ring.CurrentKey(keyring.Opaque)
		var raw [opaqueSize]byte
		raw[0] = version
		binary.BigEndian.PutUint32(raw[opaqueKeyID:], id)
		var ms [8]byte
		binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli())<<16)
		copy(raw[opaqueTime:], ms[:6])
		_, _ = rand.Read(raw[opaqueRandom:opaqueTag])
		sum, err := c.ring.MAC(keyring.Opaque, id, c.opaque, []byte(prefix), raw[:opaqueTag])
		if err != nil {
			continue // the key was retired in between: there is another current one
		}
		copy(raw[opaqueTag:], sum[:16])
		text := base64.RawURLEncoding.AppendEncode([]byte(prefix), raw[:])
		return string(keyring.AppendChecksum(text)), opaqueKey(&raw, &sum)
	}
}

// OpaqueKey checks a credential of the given kind and returns its store key. The
// error is [ErrMalformed], [ErrUnknownKey] or [ErrTampered]; nothing needs to be
// looked up then.
func (c *Codec) OpaqueKey(prefix, tok string) (key []byte, err error) {
	if len(tok) != prefixSize+64+keyring.ChecksumSize || !isOpaque(prefix) || tok[:prefixSize] != prefix {
		return nil, ErrMalformed
	}
	text, ok := keyring.TrimChecksum([]byte(tok))
	if !ok {
		return nil, ErrMalformed
	}
	var raw [opaqueSize]byte
	if !decodeExact(raw[:], text[prefixSize:]) || raw[0] != version {
		return nil, ErrMalformed
	}
	id := binary.BigEndian.Uint32(raw[opaqueKeyID:])
	sum, err := c.ring.MAC(keyring.Opaque, id, c.opaque, []byte(prefix), raw[:opaqueTag])
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(raw[opaqueTag:], sum[:16]) {
		return nil, ErrTampered
	}
	return opaqueKey(&raw, &sum), nil
}

func opaqueKey(raw *[opaqueSize]byte, sum *[32]byte) []byte {
	key := make([]byte, 0, OpaqueKeySize)
	key = append(key, raw[opaqueTime:opaqueRandom]...)
	return append(key, sum[16:]...)
}

func isOpaque(prefix string) bool {
	switch prefix {
	case CodePrefix, DevicePrefix, RequestPrefix, ReferencePrefix, InteractionPrefix, RegistrationPrefix:
		return true
	default:
		return false
	}
}
