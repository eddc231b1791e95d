package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Signer returns the key that signs now (ES256, RFC 7518 section 3.4) and its
// kid, the thumbprint of the public key (RFC 7638). The key must not be changed.
func (r *Ring) Signer() (kid string, key *ecdsa.PrivateKey) {
	s := r.now.Load().signer
	return s.kid, s.key
}

// JWKS returns the public signing keys as a JSON Web Key Set (RFC 7517 section
// 5): announced, in use and open-only ones, the newest first. The bytes must not
// be changed.
func (r *Ring) JWKS() []byte { return r.now.Load().jwks }

// deriveSigner makes a P-256 key for this issuer and environment: the first
// candidate that is a valid scalar (FIPS 186-5 appendix A.2.2; the first one
// fails once in 2^32).
func deriveSigner(data []byte, issuer, environment string) *signer {
	for i := 0; ; i++ {
		scalar := derive(data, 32, SigningKey.String(), "es256", issuer, environment, strconv.Itoa(i))
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			continue
		}
		return newSigner(key)
	}
}

// publicJWK is the public key with the required members in the lexicographic
// order that RFC 7638 section 3 hashes.
type publicJWK struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	Kid string `json:"kid,omitempty"`
}

func newSigner(key *ecdsa.PrivateKey) *signer {
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		panic("keyring: " + err.Error()) // the key was made valid
	}
	enc := base64.RawURLEncoding
	public := publicJWK{Crv: "P-256", Kty: "EC", X: enc.EncodeToString(point[1:33]), Y: enc.EncodeToString(point[33:])}
	thumbprint := sha256.Sum256(marshalJWK(public))
	public.Use, public.Alg, public.Kid = "sig", "ES256", enc.EncodeToString(thumbprint[:])
	return &signer{kid: public.Kid, key: key, jwk: marshalJWK(public)}
}

func marshalJWK(k publicJWK) []byte {
	b, err := json.Marshal(k)
	if err != nil {
		panic("keyring: " + err.Error()) // strings always encode
	}
	return b
}

func marshalJWKS(signers []*signer) []byte {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: make([]json.RawMessage, 0, len(signers))}
	for _, s := range signers {
		set.Keys = append(set.Keys, s.jwk)
	}
	b, err := json.Marshal(set)
	if err != nil {
		panic("keyring: " + err.Error()) // the members are valid JSON
	}
	return b
}

func rootJSON(root string) []byte {
	b, _ := json.Marshal(map[string]string{"root": root})
	return b
}
