package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"unicode/utf8"
)

// SealOptions are the optional parts of a sealed message.
type SealOptions struct {
	// ContentType is the media type of the payload; it becomes the cty of the
	// signature. Empty means JSON.
	ContentType string
	// Claims bind the message to one exchange (the strict profile). Nil: none.
	Claims *Claims
}

// Seal signs payload with from (RS256, general JSON serialization), encrypts
// the result to the given key (RSA-OAEP-256, A256CBC-HS512, general JSON
// serialization), and appends the envelope to dst. Safe for concurrent use.
// It fails only for a key that cannot sign or may not be used so, and for
// claims that are not valid UTF-8.
func Seal(dst, payload []byte, from *PrivateKey, to *PublicKey, o SealOptions) ([]byte, error) {
	if from == nil || from.public.use == UseEncryption {
		return nil, errors.New("jose: no key to sign with")
	}
	if to == nil || to.use == UseSignature {
		return nil, errors.New("jose: no key to encrypt to")
	}
	text := newBuffer(signedLen(len(payload), from) + o.Claims.sizeHint())
	defer text.free()
	if err := appendSigned(text, payload, from, o); err != nil {
		return nil, err
	}
	return appendEncrypted(dst, text, to)
}

const (
	signedOpen   = `{"payload":"`
	signedHeader = `","signatures":[{"protected":"`
	signedValue  = `","signature":"`
	signedClose  = `"}]}`

	sealedOpen       = `{"protected":"`
	sealedKey        = `","recipients":[{"encrypted_key":"`
	sealedIV         = `"}],"iv":"`
	sealedCiphertext = `","ciphertext":"`
	sealedTag        = `","tag":"`
	sealedClose      = `"}`
)

func (k *PublicKey) size() int { return (k.key.N.BitLen() + 7) / 8 }

// signedLen is an upper bound of the signed form without claims, padding included.
func signedLen(payload int, from *PrivateKey) int {
	return encoding.EncodedLen(payload) + encoding.EncodedLen(from.public.size()) + 2*maxKeyID + 1024
}

// appendSigned writes the JWS of payload into b.
func appendSigned(b *buffer, payload []byte, from *PrivateKey, o SealOptions) error {
	protected, err := signatureHeader(from, o)
	if err != nil {
		return err
	}
	b.add(signedOpen)
	body := b.extend(encoding.EncodedLen(len(payload)))
	encoding.Encode(body, payload)

	digest := sha256.New()
	digest.Write(protected)
	digest.Write([]byte{'.'})
	digest.Write(body)
	signature, err := from.signer.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		return fmt.Errorf("jose: sign: %w", err)
	}
	b.add(signedHeader)
	copy(b.extend(len(protected)), protected)
	b.add(signedValue)
	encoding.Encode(b.extend(encoding.EncodedLen(len(signature))), signature)
	b.add(signedClose)
	return nil
}

func (b *buffer) add(s string) { copy(b.extend(len(s)), s) }

// signatureHeader returns the protected header of the signature, encoded.
func signatureHeader(from *PrivateKey, o SealOptions) ([]byte, error) {
	h := make([]byte, 0, 256)
	h = append(h, `{"alg":"`+algSignature+`","kid":`...)
	h = appendQuoted(h, from.KeyID())
	h = append(h, `,"typ":"`+typeJSON+`","cty":`...)
	cty := shortContentType(o.ContentType)
	if !validContentType(cty) {
		return nil, errors.New("jose: the content type is not one that can be sealed")
	}
	h = appendQuoted(h, cty)
	h = o.Claims.appendTo(h)
	h = append(h, '}')
	if !utf8.Valid(h) {
		return nil, errors.New("jose: a claim, kid or content type is not valid UTF-8")
	}
	if len(h) > maxHeaderBytes {
		return nil, errors.New("jose: the claims are too long")
	}
	return encoding.AppendEncode(make([]byte, 0, encoding.EncodedLen(len(h))), h), nil
}

// appendEncrypted encrypts the content of b in place and appends the JWE to dst.
func appendEncrypted(dst []byte, b *buffer, to *PublicKey) ([]byte, error) {
	protected := encryptionHeader(to, `,"typ":"`+typeJSON+`","cty":"`+typeJSON+`"`)
	n := len(b.b)
	b.extend(paddedLen(n) - n)

	var key sealedKeys
	defer clear(key.cek[:])
	wrapped, err := key.encrypt(b.b, n, to, protected)
	if err != nil {
		return nil, err
	}
	dst = grow(dst, len(protected)+encoding.EncodedLen(len(wrapped))+encoding.EncodedLen(len(b.b))+
		encoding.EncodedLen(ivSize)+encoding.EncodedLen(tagSize)+len(sealedOpen+sealedKey+sealedIV+sealedCiphertext+sealedTag+sealedClose))
	dst = append(dst, sealedOpen...)
	dst = append(dst, protected...)
	dst = append(dst, sealedKey...)
	dst = encoding.AppendEncode(dst, wrapped)
	dst = append(dst, sealedIV...)
	dst = encoding.AppendEncode(dst, key.iv[:])
	dst = append(dst, sealedCiphertext...)
	dst = encoding.AppendEncode(dst, b.b)
	dst = append(dst, sealedTag...)
	dst = encoding.AppendEncode(dst, key.tag[:])
	return append(dst, sealedClose...), nil
}

// sealedKeys is what one encryption draws and computes.
type sealedKeys struct {
	cek [cekSize]byte
	iv  [ivSize]byte
	tag [tagSize]byte
}

// encrypt draws key and IV, encrypts text[:n] in place, and returns the wrapped key.
func (k *sealedKeys) encrypt(text []byte, n int, to *PublicKey, protected []byte) ([]byte, error) {
	if _, err := rand.Read(k.cek[:]); err != nil {
		return nil, err
	}
	if _, err := rand.Read(k.iv[:]); err != nil {
		return nil, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to.key, k.cek[:], nil)
	if err != nil {
		return nil, fmt.Errorf("jose: encrypt: %w", err)
	}
	if err := sealContent(k.cek[:], k.iv[:], text, n, k.tag[:], protected); err != nil {
		return nil, fmt.Errorf("jose: encrypt: %w", err)
	}
	return wrapped, nil
}

// encryptionHeader returns the protected header of the JWE, encoded.
func encryptionHeader(to *PublicKey, more string) []byte {
	h := make([]byte, 0, 192)
	h = append(h, `{"alg":"`+algKey+`","enc":"`+algContent+`","kid":`...)
	h = appendQuoted(h, to.kid)
	h = append(h, more...)
	h = append(h, '}')
	return encoding.AppendEncode(make([]byte, 0, encoding.EncodedLen(len(h))), h)
}

func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, len(dst)+n), dst...)
}
