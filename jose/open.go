package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
)

// DefaultMaxMessage is the size limit of a sealed message where none is given.
const DefaultMaxMessage = 2 << 20

// maxPeerKeys bounds the keys that a signature without a kid is tried with.
const maxPeerKeys = 16

// OpenOptions say what is accepted.
type OpenOptions struct {
	// AcceptFlattened accepts the flattened JSON serialization as well as the
	// general one (some libraries write nothing else for one recipient).
	AcceptFlattened bool
	// MaxMessage limits the sealed message, in bytes. 0: [DefaultMaxMessage].
	MaxMessage int
}

// Message is a message that was decrypted and whose signature was verified.
type Message struct {
	// Payload is what was signed, byte for byte. It is not scratch memory.
	Payload []byte
	// ContentType is the media type of the payload (its cty), never empty.
	ContentType string
	// Sender is the key that verified the signature.
	Sender *PublicKey
	// Claims are the signed claims of the strict profile, or nil if the message
	// has none. [Open] does not check them; [Server] and [Transport] do.
	Claims *Claims
	// ClientID is the sender and MsgID the message id that was spent. Set by
	// [Server] only.
	ClientID, MsgID string
}

// Open decrypts an envelope with one of the keys in with, verifies its
// signature with one of the keys in from, and returns what was signed. A kid
// only ever selects among these keys. Every failure is an [*Error] with the
// same text. The envelope is not changed. Safe for concurrent use.
//
// Open knows nothing of replay and, without claims, a message is not bound to
// anything but its two parties: see [Server].
func Open(envelope []byte, with []*PrivateKey, from []*PublicKey, o OpenOptions) (*Message, error) {
	limit := o.MaxMessage
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	if len(envelope) > limit {
		return nil, refuse(ReasonTooLarge, "the message is over the limit")
	}
	e, err := parseJWE(envelope, o.AcceptFlattened)
	if err != nil {
		return nil, err
	}
	text := newBuffer(decodedLen(e.ciphertext))
	defer text.free()
	signed, err := e.decrypt(text, with)
	if err != nil {
		return nil, err
	}
	g, err := parseJWS(signed, o.AcceptFlattened)
	if err != nil {
		return nil, err
	}
	sender, err := g.verify(from)
	if err != nil {
		return nil, err
	}
	m := &Message{ContentType: longContentType(g.header.contentType), Sender: sender}
	m.Payload = make([]byte, decodedLen(g.payload))
	if err := decode(m.Payload, g.payload); err != nil {
		return nil, err
	}
	if g.header.seen&claimParams != 0 {
		m.Claims = &g.header.claims
		m.Claims.seen = g.header.seen & claimParams
	}
	return m, nil
}

// decrypt writes the content of the JWE into b and returns the plaintext.
func (e *jwe) decrypt(b *buffer, with []*PrivateKey) ([]byte, error) {
	var iv [ivSize]byte
	var tag [tagSize]byte
	if decodedLen(e.iv) != ivSize || decodedLen(e.tag) != tagSize ||
		encoding.DecodedLen(len(e.key)) > MaxRSABits/8 {
		return nil, refuse(ReasonEncoding, "an iv, tag or encrypted key of a length that cannot be")
	}
	if err := decode(iv[:], e.iv); err != nil {
		return nil, err
	}
	if err := decode(tag[:], e.tag); err != nil {
		return nil, err
	}
	wrapped, err := appendDecoded(nil, e.key)
	if err != nil {
		return nil, err
	}
	text := b.extend(decodedLen(e.ciphertext))
	if err := decode(text, e.ciphertext); err != nil {
		return nil, err
	}
	aad := [][]byte{e.protected}
	if e.aad != nil {
		aad = append(aad, []byte{'.'}, e.aad)
	}
	kid := e.header.kid
	if kid == "" {
		kid = e.recipient.kid
	}
	candidates := pick(with, kid, UseEncryption)
	if len(candidates) == 0 {
		return nil, refuse(ReasonKey, "no decryption key has that kid")
	}
	if len(candidates) > maxOwnKeys {
		return nil, refuse(ReasonKey, "too many decryption keys to try")
	}
	err = refuse(ReasonDecryption, "no key decrypts the message")
	for _, key := range candidates {
		cek, unwrapErr := key.unwrap(wrapped)
		out, ok := openContent(cek, iv[:], text, tag[:], aad...)
		clear(cek)
		switch {
		case ok:
			return out, nil
		case unwrapErr != nil:
			err = refuseFor(ReasonDecryption, unwrapErr)
		}
	}
	return nil, err
}

var errUnwrap = errors.New("jose: the key encryption does not open")

// unwrap returns the content key. When that fails it returns a random one along
// with the error, so that the caller's time does not tell where it failed (RFC
// 7516 section 11.5).
func (k *PrivateKey) unwrap(wrapped []byte) ([]byte, error) {
	substitute := make([]byte, cekSize)
	if _, err := rand.Read(substitute); err != nil {
		return nil, err
	}
	if k.opener == nil || len(wrapped) != k.public.size() {
		return substitute, errUnwrap
	}
	cek, err := k.opener.Decrypt(rand.Reader, wrapped, &rsa.OAEPOptions{Hash: crypto.SHA256})
	if err != nil { // of an HSM it may say more than that
		return substitute, fmt.Errorf("%w: %w", errUnwrap, err)
	}
	if len(cek) != cekSize {
		clear(cek)
		return substitute, errUnwrap
	}
	return cek, nil
}

// unknownKeyError tells a holder of a cached key set which kid it lacks.
type unknownKeyError struct{ kid string }

func (*unknownKeyError) Error() string { return "jose: the sender has no active key with that kid" }

// verify checks the signature and returns the key that it holds under.
func (g *jws) verify(from []*PublicKey) (*PublicKey, error) {
	if decodedLen(g.signature) > MaxRSABits/8 {
		return nil, refuse(ReasonEncoding, "a signature of a length that cannot be")
	}
	signature, err := appendDecoded(nil, g.signature)
	if err != nil {
		return nil, err
	}
	candidates := pick(from, g.header.kid, UseSignature)
	if len(candidates) == 0 {
		return nil, refuseFor(ReasonKey, &unknownKeyError{kid: g.header.kid})
	}
	if len(candidates) > maxPeerKeys {
		return nil, refuse(ReasonKey, "the sender has too many keys to try")
	}
	digest := sha256.New()
	digest.Write(g.protected)
	digest.Write([]byte{'.'})
	digest.Write(g.payload)
	sum := digest.Sum(nil)
	for _, key := range candidates {
		if rsa.VerifyPKCS1v15(key.key, crypto.SHA256, sum, signature) == nil {
			return key, nil
		}
	}
	return nil, refuse(ReasonSignature, "no active key of the sender verifies the signature")
}
