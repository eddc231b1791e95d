package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// dataKeySize is the length of an unwrapped data key.
const dataKeySize = 32

// subkey is what is derived from one data key for one use.
type subkey struct {
	id   uint32
	aead cipher.AEAD
	macs sync.Pool // of *macState
}

type macState struct {
	hash   hash.Hash
	framed []byte
	sum    [sha256.Size]byte
}

func newSubkey(id uint32, data []byte, use Use, issuer, environment string) *subkey {
	seal := derive(data, chacha20poly1305.KeySize, use.String(), "seal", issuer, environment)
	aead, err := chacha20poly1305.NewX(seal)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a wrong length
	}
	macKey := derive(data, sha256.Size, use.String(), "mac", issuer, environment)
	k := &subkey{id: id, aead: aead}
	k.macs.New = func() any { return &macState{hash: hmac.New(sha256.New, macKey)} }
	return k
}

// mac authenticates parts, each framed with its length so that no two lists of
// parts are one message.
func (k *subkey) mac(parts ...[]byte) [sha256.Size]byte {
	m := k.macs.Get().(*macState)
	m.framed = m.framed[:0]
	for _, p := range parts {
		m.framed = binary.BigEndian.AppendUint32(m.framed, uint32(len(p)))
		m.framed = append(m.framed, p...)
	}
	m.hash.Reset()
	m.hash.Write(m.framed)
	m.hash.Sum(m.sum[:0])
	sum := m.sum
	clear(m.framed)
	k.macs.Put(m)
	return sum
}

// derive expands a key for a list of labels (RFC 5869). The labels are framed
// with their lengths.
func derive(key []byte, size int, labels ...string) []byte {
	info := []byte("gatewright keyring v1")
	for _, l := range labels {
		info = binary.BigEndian.AppendUint32(info, uint32(len(l)))
		info = append(info, l...)
	}
	out, err := hkdf.Key(sha256.New, key, nil, string(info), size)
	if err != nil {
		panic("keyring: " + err.Error()) // only for impossible lengths
	}
	return out
}
