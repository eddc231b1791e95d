package jose

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	gojose "github.com/go-jose/go-jose/v4"
)

// maxSetKeys bounds the keys of one JWKS document.
const maxSetKeys = 64

// PublicKeys are the public keys of one party: those that verify its signatures
// and those that encrypt to it. Immutable and safe for concurrent use.
type PublicKeys struct {
	verify, encrypt []*PublicKey
}

// KeySource gives a party's current public keys. *[PublicKeys] is one that
// never changes, *[Remote] one that follows a URL. Implementations are safe for
// concurrent use.
type KeySource interface {
	// PublicKeys returns the current keys. missing, if not empty, is a kid that
	// the caller saw and did not find in the keys it had, which is a reason to
	// look again.
	PublicKeys(ctx context.Context, missing string) (*PublicKeys, error)
}

var _ KeySource = (*PublicKeys)(nil)

// NewPublicKeys makes a set of keys. A key without a use counts as either; at
// least one must be left for each purpose that the caller then asks for.
func NewPublicKeys(keys ...*PublicKey) (*PublicKeys, error) {
	if len(keys) == 0 {
		return nil, errors.New("jose: no public keys")
	}
	s := &PublicKeys{}
	for _, k := range keys {
		if k == nil {
			return nil, errors.New("jose: a nil public key")
		}
		if k.use != UseEncryption {
			s.verify = append(s.verify, k)
		}
		if k.use != UseSignature {
			s.encrypt = append(s.encrypt, k)
		}
	}
	for _, group := range [][]*PublicKey{s.verify, s.encrypt} {
		seen := make(map[string]bool, len(group))
		for _, k := range group {
			if seen[k.kid] {
				return nil, errors.New("jose: a kid stands for two keys of one use")
			}
			seen[k.kid] = true
		}
	}
	return s, nil
}

// Verifying returns the keys that verify the party's signatures.
func (s *PublicKeys) Verifying() []*PublicKey { return append([]*PublicKey(nil), s.verify...) }

// Encrypting returns the keys that encrypt to the party, the preferred first.
func (s *PublicKeys) Encrypting() []*PublicKey { return append([]*PublicKey(nil), s.encrypt...) }

// PublicKeys returns s itself.
func (s *PublicKeys) PublicKeys(context.Context, string) (*PublicKeys, error) { return s, nil }

// hasVerifying reports whether kid is among the verification keys.
func (s *PublicKeys) hasVerifying(kid string) bool {
	return len(pick(s.verify, kid, UseSignature)) > 0
}

// ParseJWKS reads a JWK Set (RFC 7517 section 5) of public keys. Keys of other
// kinds, or for other algorithms than ours, are passed over, as the RFC says.
// A document with a private or symmetric key, an RSA key that is too small, or
// one kid for two keys of one use is refused as a whole.
func ParseJWKS(data []byte) (*PublicKeys, error) {
	entries, err := parseSet(data)
	if err != nil {
		return nil, err
	}
	var keys []*PublicKey
	for i, e := range entries {
		key, err := e.public()
		switch {
		case err != nil:
			return nil, fmt.Errorf("jose: keys[%d]: %w", i, err)
		case key != nil:
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("jose: the JWKS has no key that can be used")
	}
	return NewPublicKeys(keys...)
}

// MarshalJWKS writes a JWK Set of public keys, each with kid, use and the
// pinned alg of its use.
func MarshalJWKS(keys ...*PublicKey) ([]byte, error) {
	set := gojose.JSONWebKeySet{Keys: make([]gojose.JSONWebKey, 0, len(keys))}
	for _, k := range keys {
		if k == nil {
			return nil, errors.New("jose: a nil public key")
		}
		jwk := gojose.JSONWebKey{Key: k.key, KeyID: k.kid, Use: string(k.use)}
		switch k.use {
		case UseSignature:
			jwk.Algorithm = algSignature
		case UseEncryption:
			jwk.Algorithm = algKey
		}
		set.Keys = append(set.Keys, jwk)
	}
	return json.MarshalIndent(set, "", "  ")
}

// jwkEntry is one key of a set: as go-jose reads it, and what it does not read.
type jwkEntry struct {
	raw json.RawMessage
	jwkMeta
}

type jwkMeta struct {
	Kty    string   `json:"kty"`
	Alg    string   `json:"alg"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	D      string   `json:"d"`
	K      string   `json:"k"`
}

// parseSet reads a JWK Set, or a single JWK as a set of one.
func parseSet(data []byte) ([]jwkEntry, error) {
	if err := CheckJSON(data); err != nil {
		return nil, fmt.Errorf("jose: the JWKS is not strict JSON (%s)", ReasonOf(err))
	}
	var doc struct {
		Kty  string             `json:"kty"`
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errors.New("jose: the JWKS is not an object with keys")
	}
	var raws []json.RawMessage
	switch {
	case doc.Keys != nil:
		raws = *doc.Keys
	case doc.Kty != "":
		raws = []json.RawMessage{data}
	default:
		return nil, errors.New("jose: neither a JWK nor a JWK Set")
	}
	if len(raws) > maxSetKeys {
		return nil, fmt.Errorf("jose: a JWKS of more than %d keys", maxSetKeys)
	}
	entries := make([]jwkEntry, len(raws))
	for i, raw := range raws {
		entries[i].raw = raw
		if err := json.Unmarshal(raw, &entries[i].jwkMeta); err != nil {
			return nil, fmt.Errorf("jose: keys[%d] is not a JWK", i)
		}
	}
	return entries, nil
}

// usable tells our keys from others', and gives the use that use, key_ops and
// alg leave (RFC 7517 sections 4.2 to 4.4). They must not contradict each other.
func (e *jwkEntry) usable() (use Use, ok bool, err error) {
	if e.Kty != "RSA" {
		return "", false, nil
	}
	allowed := map[Use]bool{UseSignature: true, UseEncryption: true}
	switch Use(e.Use) {
	case UseAny:
	case UseSignature, UseEncryption:
		allowed = map[Use]bool{Use(e.Use): true}
	default:
		return "", false, nil
	}
	if len(e.KeyOps) > 0 {
		sig, enc := false, false
		for _, op := range e.KeyOps {
			switch op {
			case "sign", "verify":
				sig = true
			case "encrypt", "decrypt", "wrapKey", "unwrapKey":
				enc = true
			}
		}
		allowed[UseSignature] = allowed[UseSignature] && sig
		allowed[UseEncryption] = allowed[UseEncryption] && enc
	}
	switch e.Alg {
	case "":
	case algSignature:
		allowed[UseEncryption] = false
	case algKey:
		allowed[UseSignature] = false
	default:
		return "", false, nil
	}
	switch {
	case allowed[UseSignature] && allowed[UseEncryption]:
		return UseAny, true, nil
	case allowed[UseSignature]:
		return UseSignature, true, nil
	case allowed[UseEncryption]:
		return UseEncryption, true, nil
	default:
		return "", false, errors.New("use, key_ops and alg contradict each other")
	}
}

// public returns the entry as a public key, or nil if it is of no use to us.
func (e *jwkEntry) public() (*PublicKey, error) {
	if e.D != "" || e.K != "" {
		return nil, errors.New("a private or symmetric key where only public keys may be")
	}
	use, ok, err := e.usable()
	if err != nil || !ok {
		return nil, err
	}
	var jwk gojose.JSONWebKey
	if err := jwk.UnmarshalJSON(e.raw); err != nil {
		return nil, errors.New("not a well-formed RSA key")
	}
	rsaKey, ok := jwk.Key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("not an RSA public key")
	}
	key, err := NewPublicKey(jwk.KeyID, rsaKey)
	if err != nil {
		return nil, err
	}
	return key.WithUse(use), nil
}

// private returns the entry as a private key, or nil if it is of no use to us.
func (e *jwkEntry) private() (*PrivateKey, error) {
	use, ok, err := e.usable()
	if err != nil || !ok {
		return nil, err
	}
	var jwk gojose.JSONWebKey
	if err := jwk.UnmarshalJSON(e.raw); err != nil {
		return nil, errors.New("not a well-formed RSA key")
	}
	rsaKey, ok := jwk.Key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA private key")
	}
	key, err := NewPrivateKey(jwk.KeyID, rsaKey)
	if err != nil {
		return nil, err
	}
	return key.WithUse(use), nil
}
