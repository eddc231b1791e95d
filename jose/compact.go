package jose

import (
	"errors"
	"strconv"
	"strings"
)

// SealCompact encrypts payload to the given key as a compact JWE with the
// pinned algorithms, unsigned. payload is at most 2 KiB.
func SealCompact(payload []byte, to *PublicKey) (string, error) {
	return sealCompact(payload, to, "")
}

// OpenCompact decrypts a compact JWE of at most 4 KiB with one of the keys in
// with. Nothing says who made it. Every failure is an [*Error].
func OpenCompact(value string, with ...*PrivateKey) ([]byte, error) {
	text := newBuffer(len(value))
	defer text.free()
	plain, _, err := openCompact(text, value, with)
	if err != nil {
		return nil, err
	}
	return append([]byte{}, plain...), nil
}

func sealCompact(payload []byte, to *PublicKey, more string) (string, error) {
	if to == nil || to.use == UseSignature {
		return "", errors.New("jose: no key to encrypt to")
	}
	if len(payload) > maxCompact/2 {
		return "", errors.New("jose: the content of a compact message is over its limit")
	}
	protected := encryptionHeader(to, more)
	text := newBuffer(paddedLen(len(payload)))
	defer text.free()
	copy(text.extend(paddedLen(len(payload))), payload)
	var key sealedKeys
	defer clear(key.cek[:])
	wrapped, err := key.encrypt(text.b, len(payload), to, protected)
	if err != nil {
		return "", err
	}
	out := append(protected, '.')
	out = append(encoding.AppendEncode(out, wrapped), '.')
	out = append(encoding.AppendEncode(out, key.iv[:]), '.')
	out = append(encoding.AppendEncode(out, text.b), '.')
	return string(encoding.AppendEncode(out, key.tag[:])), nil
}

// openCompact decrypts into text and returns the plaintext, which lies in it.
func openCompact(text *buffer, value string, with []*PrivateKey) ([]byte, *header, error) {
	if len(value) > maxCompact {
		return nil, nil, refuse(ReasonTooLarge, "the compact message is over its limit")
	}
	if strings.Count(value, ".") != 4 {
		return nil, nil, refuse(ReasonNotEncrypted, "not a compact JWE")
	}
	part := strings.SplitN(value, ".", 5)
	e := &jwe{
		protected: []byte(part[0]), key: []byte(part[1]), iv: []byte(part[2]),
		ciphertext: []byte(part[3]), tag: []byte(part[4]),
	}
	if err := e.header.parseProtected(e.protected, inCompact); err != nil {
		return nil, nil, err
	}
	if err := checkEncryption(&e.header, &e.recipient, inCompact); err != nil {
		return nil, nil, err
	}
	plain, err := e.decrypt(text, with)
	if err != nil {
		return nil, nil, err
	}
	return plain, &e.header, nil
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
