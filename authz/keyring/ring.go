package keyring

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/gatewright/gatewright/storage"
)

// Sizes of what [Ring.Seal] adds to a plaintext.
const (
	keyIDSize = 4
	header    = keyIDSize + chacha20poly1305.NonceSizeX
	// Overhead is how much longer than its plaintext a sealed text is.
	Overhead = header + chacha20poly1305.Overhead
)

// Ring is a set of keys in memory. Make one with [Open].
type Ring struct {
	cfg      Config
	first    string
	wrappers map[string]*wrapper
	now      atomic.Pointer[snapshot]
	imported slots

	mu       sync.Mutex // serializes loading
	loadedAt time.Time  // start of the last good load
	failedAt time.Time  // end of the last bad one, zero after a good one
	failed   error
}

// snapshot is what readers see. It never changes.
type snapshot struct {
	stored  []storage.Key // all of them by id, retired ones too
	keys    map[uint32]*dataKey
	current [uses]*subkey
	lookups []*subkey // of every live record key, the current first
	signer  *signer
	jwks    []byte
}

// dataKey is one unwrapped key and what is derived from it.
type dataKey struct {
	wrapped []byte
	seen    time.Time     // when this instance first loaded it
	subkeys [uses]*subkey // nil for uses of another purpose
	signer  *signer
}

// signer is a derived ES256 key.
type signer struct {
	kid string
	key *ecdsa.PrivateKey
	jwk []byte
}

// Issuer returns the issuer that enters every key.
func (r *Ring) Issuer() string { return r.cfg.Issuer }

// Environment returns the environment that enters every key.
func (r *Ring) Environment() string { return r.cfg.Environment }

// MaxTokenLifetime returns the installation's ceiling.
func (r *Ring) MaxTokenLifetime() time.Duration { return r.cfg.MaxTokenLifetime }

// CurrentKey returns the id of the key that the use seals with.
func (r *Ring) CurrentKey(use Use) uint32 { return r.current(use).id }

// Seal encrypts and authenticates plaintext, and authenticates aad with it
// (XChaCha20-Poly1305, random nonce). It appends key id, nonce and ciphertext to
// dst and allocates nothing if dst has room for len(plaintext) + [Overhead].
// plaintext must not overlap the free part of dst. It panics for a use that is
// none, or is SigningKey.
func (r *Ring) Seal(use Use, dst, plaintext, aad []byte) []byte {
	k := r.current(use)
	dst = slices.Grow(dst, len(plaintext)+Overhead)
	dst = binary.BigEndian.AppendUint32(dst, k.id)
	nonce := dst[len(dst) : len(dst)+chacha20poly1305.NonceSizeX]
	_, _ = rand.Read(nonce) // crypto/rand never fails since Go 1.24
	return k.aead.Seal(dst[:len(dst)+len(nonce)], nonce, plaintext, aad)
}

// Open checks and decrypts what [Ring.Seal] made for the same use and aad, and
// appends the plaintext to dst. The error is [ErrUnknownKey] or [ErrTampered];
// after one, the free part of dst may have been overwritten. To decrypt in
// place, pass sealed[SealedHeader:SealedHeader] as dst.
func (r *Ring) Open(use Use, dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrTampered
	}
	k := r.key(use, binary.BigEndian.Uint32(sealed))
	if k == nil {
		return nil, ErrUnknownKey
	}
	out, err := k.aead.Open(dst, sealed[keyIDSize:header], sealed[header:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	return out, nil
}

// SealedHeader is the length of key id and nonce, which come before the
// ciphertext in a sealed text.
const SealedHeader = header

// SealedKey returns the id of the key that sealed a text, 0 if it is too short.
func SealedKey(sealed []byte) uint32 {
	if len(sealed) < keyIDSize {
		return 0
	}
	return binary.BigEndian.Uint32(sealed)
}

// MAC returns the HMAC-SHA-256 of the parts under the given key of a use. Parts
// are framed with their lengths: ("ab", "c") and ("a", "bc") differ. Compare with
// [crypto/hmac.Equal]. The error is [ErrUnknownKey].
func (r *Ring) MAC(use Use, keyID uint32, parts ...[]byte) ([sha256.Size]byte, error) {
	k := r.key(use, keyID)
	if k == nil {
		return [sha256.Size]byte{}, ErrUnknownKey
	}
	return k.mac(parts...), nil
}

// LookupKeys returns the keyed hashes under which a value may have been stored
// for equality, one for each record key that is not retired, the current first:
// write the first, search for all.
func (r *Ring) LookupKeys(value []byte) [][]byte {
	s := r.now.Load()
	out := make([][]byte, 0, len(s.lookups))
	for _, k := range s.lookups {
		sum := k.mac(value)
		out = append(out, sum[:])
	}
	return out
}

// current returns the sub key that a use seals with.
func (r *Ring) current(use Use) *subkey {
	if use == 0 || int(use) >= uses || use == SigningKey {
		panic("keyring: use " + use.String() + " seals nothing")
	}
	return r.now.Load().current[use]
}

// key returns the sub key of an id and use, nil if there is none.
func (r *Ring) key(use Use, id uint32) *subkey {
	if int(use) >= uses {
		return nil
	}
	k := r.now.Load().keys[id]
	if k == nil {
		return nil
	}
	return k.subkeys[use]
}
