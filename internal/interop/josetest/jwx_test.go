package josetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/gatewright/gatewright/jose"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// jwxSeal makes the nested message with jwx's own JSON serialization.
func jwxSeal(payload []byte) ([]byte, error) {
	signed, err := jws.Sign(payload, jws.WithJSON(), jws.WithKey(jwa.RS256(), client().raw))
	if err != nil {
		return nil, err
	}
	return jwe.Encrypt(signed, jwe.WithJSON(), jwe.WithContentEncryption(jwa.A256CBC_HS512()),
		jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw.Public()))
}

func jwxOpen(message []byte) ([]byte, error) {
	inner, err := jwe.Decrypt(message, jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw))
	if err != nil {
		return nil, err
	}
	return jws.Verify(inner, jws.WithKey(jwa.RS256(), client().raw.Public()))
}

// general turns a flattened serialization into the general one.
func general(t *testing.T, message []byte, list string, names ...string) []byte {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(message, &doc); err != nil {
		t.Fatal(err)
	}
	one := map[string]json.RawMessage{}
	for _, name := range names {
		if v, ok := doc[name]; ok {
			one[name] = v
			delete(doc, name)
		}
	}
	if _, already := doc[list]; !already {
		v, err := json.Marshal([]any{one})
		if err != nil {
			t.Fatal(err)
		}
		doc[list] = v
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOursOpensInJWX(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 300, 5000, 1 << 20} {
		payload := samplePayload(n)
		sealed, err := sealToBank(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jwxOpen(sealed)
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: %v", len(payload), err)
		}
	}
}

func TestJWXOpensInOurs(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 300, 5000, 1 << 20} {
		payload := samplePayload(n)
		sealed, err := jwxSeal(payload)
		if err != nil {
			t.Fatal(err)
		}
		m, err := openFromClient(sealed)
		if err != nil || !bytes.Equal(m.Payload, payload) {
			t.Errorf("%d bytes: %v (%s) %.300s", len(payload), errors.Unwrap(err), jose.ReasonOf(err), sealed)
		}
	}
}

// TestJWXGeneral: jwx's parts in the general form, which is what the bank's
// profile accepts by default.
func TestJWXGeneral(t *testing.T) {
	t.Parallel()
	payload := samplePayload(900)
	signed, err := jws.Sign(payload, jws.WithJSON(), jws.WithKey(jwa.RS256(), client().raw))
	if err != nil {
		t.Fatal(err)
	}
	signed = general(t, signed, "signatures", "protected", "header", "signature")
	sealed, err := jwe.Encrypt(signed, jwe.WithJSON(), jwe.WithContentEncryption(jwa.A256CBC_HS512()),
		jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw.Public()))
	if err != nil {
		t.Fatal(err)
	}
	sealed = general(t, sealed, "recipients", "header", "encrypted_key")
	m, err := jose.Open(sealed, []*jose.PrivateKey{bank().key}, []*jose.PublicKey{client().key.Public()}, jose.OpenOptions{})
	if err != nil || !bytes.Equal(m.Payload, payload) {
		t.Errorf("%v (%s) %s", errors.Unwrap(err), jose.ReasonOf(err), sealed)
	}
}

// TestJWXOtherAlgorithms: what jwx makes with other algorithms is refused.
func TestJWXOtherAlgorithms(t *testing.T) {
	t.Parallel()
	for _, alg := range []jwa.SignatureAlgorithm{jwa.RS384(), jwa.RS512(), jwa.PS256()} {
		for _, key := range []jwa.KeyEncryptionAlgorithm{jwa.RSA_OAEP_256(), jwa.RSA_OAEP(), jwa.RSA1_5()} {
			for _, enc := range []jwa.ContentEncryptionAlgorithm{jwa.A256CBC_HS512(), jwa.A256GCM(), jwa.A128CBC_HS256()} {
				signed, err := jws.Sign([]byte(`{}`), jws.WithJSON(), jws.WithKey(alg, client().raw))
				if err != nil {
					t.Fatal(err)
				}
				sealed, err := jwe.Encrypt(signed, jwe.WithJSON(), jwe.WithContentEncryption(enc), jwe.WithKey(key, bank().raw.Public()))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := openFromClient(sealed); jose.ReasonOf(err) != jose.ReasonAlgorithm {
					t.Errorf("%s %s %s: %v (%s)", alg, key, enc, err, jose.ReasonOf(err))
				}
			}
		}
	}
}

// TestAccountParameter: the compact form both ways.
func TestAccountParameter(t *testing.T) {
	t.Parallel()
	const id = "1234999999567"
	ours, err := jose.SealAccount(id, bank().key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwe.Decrypt([]byte(ours), jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw)); err != nil || string(got) != id {
		t.Errorf("ours in jwx: %q %v", got, err)
	}
	theirs, err := jwe.Encrypt([]byte(id), jwe.WithContentEncryption(jwa.A256CBC_HS512()), jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jose.OpenCompact(string(theirs), bank().key); err != nil || string(got) != id {
		t.Errorf("jwx in ours: %q %v", got, err)
	}
	zipped, err := jwe.Encrypt([]byte(id), jwe.WithContentEncryption(jwa.A256CBC_HS512()), jwe.WithCompress(jwa.Deflate()), jwe.WithKey(jwa.RSA_OAEP_256(), bank().raw.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jose.OpenCompact(string(zipped), bank().key); jose.ReasonOf(err) != jose.ReasonHeader {
		t.Errorf("zip: %v", err)
	}
}
