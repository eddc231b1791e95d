package jose

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
)

// maxOwnKeys bounds the decryption keys that a message without a kid is tried
// with: each try is an RSA private operation.
const maxOwnKeys = 4

// Keys are the bank's own keys at one moment.
//
// To rotate a signing key: append the new one (it is published, so that clients
// learn it), then move it to the front (it signs), and drop the old one when no
// client caches a set from before. To rotate a decryption key: put the new one
// in front (it is published instead of the old one; both open), and drop the
// old one when nobody encrypts to it any more.
type Keys struct {
	// Signing: the first signs, all are published. Required.
	Signing []*PrivateKey
	// Decryption: all open, the first is published. Required.
	Decryption []*PrivateKey
	// TLS lists the public keys of the server's TLS certificates, so that
	// sharing one of them is noticed.
	TLS []crypto.PublicKey
	// AllowSharedKey accepts one RSA key for two of signing, decryption and
	// TLS. Some banks publish one API-domain key for everything. Whoever sets
	// it must never offer TLS_RSA_ cipher suites or RSA1_5: a padding oracle in
	// one use would forge signatures in another.
	AllowSharedKey bool
}

func (k *Keys) validate() error {
	if len(k.Signing) == 0 {
		return errors.New("jose: Keys.Signing is empty")
	}
	if len(k.Decryption) == 0 {
		return errors.New("jose: Keys.Decryption is empty")
	}
	if len(k.Signing) > maxOwnKeys || len(k.Decryption) > maxOwnKeys {
		return fmt.Errorf("jose: Keys.Signing and Keys.Decryption hold at most %d keys each", maxOwnKeys)
	}
	for i, key := range k.Signing {
		if key == nil || key.public.use == UseEncryption {
			return fmt.Errorf("jose: Keys.Signing[%d] is no signing key", i)
		}
	}
	for i, key := range k.Decryption {
		if key == nil || key.opener == nil || key.public.use == UseSignature {
			return fmt.Errorf("jose: Keys.Decryption[%d] is no decryption key", i)
		}
	}
	if err := distinctKeyIDs("Keys.Signing", k.Signing); err != nil {
		return err
	}
	if err := distinctKeyIDs("Keys.Decryption", k.Decryption); err != nil {
		return err
	}
	return k.checkSharing()
}

func (k *Keys) checkSharing() error {
	for _, s := range k.Signing {
		for _, d := range k.Decryption {
			same := s.public.Equal(d.public)
			if same && !k.AllowSharedKey {
				return errors.New("jose: one key in Keys.Signing and Keys.Decryption; use two, or set Keys.AllowSharedKey")
			}
			if !same && s.KeyID() == d.KeyID() {
				return errors.New("jose: a kid stands for two keys in Keys.Signing and Keys.Decryption")
			}
		}
	}
	if k.AllowSharedKey {
		return nil
	}
	for i, pub := range k.TLS {
		shared, ok := pub.(*rsa.PublicKey)
		if !ok {
			continue
		}
		for _, own := range [][]*PrivateKey{k.Signing, k.Decryption} {
			for _, key := range own {
				if key.public.key.Equal(shared) {
					return fmt.Errorf("jose: Keys.TLS[%d] is a signing or decryption key; use another, or set Keys.AllowSharedKey", i)
				}
			}
		}
	}
	return nil
}

func distinctKeyIDs(field string, keys []*PrivateKey) error {
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if seen[k.KeyID()] {
			return fmt.Errorf("jose: %s has a kid twice", field)
		}
		seen[k.KeyID()] = true
	}
	return nil
}

// Keyring holds the bank's current [Keys] and replaces them while messages are
// in flight. Safe for concurrent use. Make it with [NewKeyring].
type Keyring struct {
	current atomic.Pointer[keyState]
}

type keyState struct {
	signing, decryption []*PrivateKey
	jwks                []byte
}

// NewKeyring checks the keys and returns a ring that holds them. The error
// names the field that is wrong.
func NewKeyring(keys Keys) (*Keyring, error) {
	r := &Keyring{}
	if err := r.Replace(keys); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other keys in place of the current ones. Keys that are not
// accepted change nothing.
func (r *Keyring) Replace(keys Keys) error {
	if err := keys.validate(); err != nil {
		return err
	}
	state := &keyState{
		signing:    append([]*PrivateKey(nil), keys.Signing...),
		decryption: append([]*PrivateKey(nil), keys.Decryption...),
	}
	published := make([]*PublicKey, 0, len(state.signing)+1)
	for _, k := range state.signing {
		published = append(published, k.public.WithUse(UseSignature))
	}
	published = append(published, state.decryption[0].public.WithUse(UseEncryption))
	doc, err := MarshalJWKS(published...)
	if err != nil {
		return err
	}
	state.jwks = doc
	r.current.Store(state)
	return nil
}

func (r *Keyring) state() *keyState {
	if r == nil {
		return nil
	}
	return r.current.Load()
}

// JWKS returns the public document for clients: the signing keys with use sig,
// and the key to encrypt to with use enc.
func (r *Keyring) JWKS() []byte {
	if s := r.state(); s != nil {
		return append([]byte(nil), s.jwks...)
	}
	return nil
}

// Public returns the ring's public keys as a client holds them.
func (r *Keyring) Public() *PublicKeys {
	s := r.state()
	if s == nil {
		return nil
	}
	out := &PublicKeys{encrypt: []*PublicKey{s.decryption[0].public.WithUse(UseEncryption)}}
	for _, k := range s.signing {
		out.verify = append(out.verify, k.public.WithUse(UseSignature))
	}
	return out
}

// ServeHTTP publishes the JWKS, to be cached for five minutes.
func (r *Keyring) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	doc := r.JWKS()
	if doc == nil {
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	_, _ = w.Write(doc)
}
