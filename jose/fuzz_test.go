package jose

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzScanEnvelope: whatever either parser accepts, and whose parts then decode,
// is JSON that encoding/json reads to the same parts; and it never panics.
func FuzzScanEnvelope(f *testing.F) {
	good := honest()
	f.Add([]byte(good.sealed()))
	f.Add([]byte(good.signed()))
	flat := honest()
	flat.jws = func(payload, header, sig string) string {
		return `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + sig + `"}`
	}
	f.Add([]byte(flat.signed()))
	f.Add([]byte(`{"protected":"e30","recipients":[{"header":{"alg":"x"},"encrypted_key":""}],"iv":"","ciphertext":"","tag":""}`))
	f.Add([]byte(`{"payload":"","signatures":[{"protected":"","header":{},"signature":""}]}`))
	type parts struct {
		Protected, Payload, Signature, IV, Ciphertext, Tag, AAD string
		EncryptedKey                                            string `json:"encrypted_key"`
		Signatures, Recipients                                  []parts
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want parts
		decodes := func(texts ...[]byte) bool {
			for _, text := range texts {
				if _, err := appendDecoded(nil, text); err != nil {
					return false
				}
			}
			return true
		}
		if e, err := parseJWE(data, true); err == nil && decodes(e.key, e.iv, e.ciphertext, e.tag) {
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatalf("accepted a JWE that encoding/json does not: %v", err)
			}
			if len(want.Recipients) == 1 {
				want.EncryptedKey = want.Recipients[0].EncryptedKey
			}
			if string(e.protected) != want.Protected || string(e.key) != want.EncryptedKey ||
				string(e.ciphertext) != want.Ciphertext || string(e.iv) != want.IV || string(e.tag) != want.Tag ||
				string(e.aad) != want.AAD || e.header.enc != algContent ||
				e.header.alg != algKey && e.recipient.alg != algKey {
				t.Fatal("read another JWE than encoding/json")
			}
		}
		if g, err := parseJWS(data, true); err == nil && decodes(g.payload, g.signature) {
			want = parts{}
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatalf("accepted a JWS that encoding/json does not: %v", err)
			}
			if len(want.Signatures) == 1 {
				want.Protected, want.Signature = want.Signatures[0].Protected, want.Signatures[0].Signature
			}
			if string(g.protected) != want.Protected || string(g.payload) != want.Payload || string(g.signature) != want.Signature || g.header.alg != algSignature {
				t.Fatal("read another JWS than encoding/json")
			}
		}
	})
}

// FuzzOpen: no message but one that the client signed is ever opened, whatever
// is changed in it; and every refusal is the uniform error.
func FuzzOpen(f *testing.F) {
	good := honest()
	message := []byte(good.sealed())
	f.Add(message)
	f.Add([]byte(good.signed()))
	f.Add([]byte(good.payload))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := openAsBank(string(data))
		switch {
		case err == nil && !bytes.Equal(m.Payload, []byte(good.payload)):
			t.Fatal("opened what was never signed")
		case err != nil && (ReasonOf(err) == "" || err.Error() != "jose: message refused"):
			t.Fatalf("a refusal of another kind: %v", err)
		}
	})
}

// FuzzOpenSigned puts the fuzzer behind the encryption: it writes what the bank
// finds inside, as any client with the bank's public key can.
func FuzzOpenSigned(f *testing.F) {
	good := honest()
	f.Add([]byte(good.signed()))
	f.Add([]byte(good.payload))
	f.Add([]byte(`{"payload":"","signatures":[{"protected":"eyJhbGciOiJub25lIn0","signature":""}]}`))
	f.Fuzz(func(t *testing.T, inner []byte) {
		g, err := parseJWS(inner, true)
		if err != nil {
			return
		}
		if _, err := g.verify([]*PublicKey{clientKey().Public()}); err == nil {
			payload, err := appendDecoded(nil, g.payload)
			if err != nil || !bytes.Equal(payload, []byte(good.payload)) {
				t.Fatal("verified what was never signed")
			}
		}
	})
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"account_id":"1234999999567","uuid":"u","client_id":"c","exp":1700000000,"jti":"j"}`))
	f.Add([]byte(`{"account_id":"1234999999567","account_id":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAccount(data)
		if err != nil {
			return
		}
		again, err := parseAccount(a.marshal())
		if err != nil || *again != *a {
			t.Fatalf("%+v became %+v, %v", a, again, err)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	doc, err := MarshalJWKS(clientKey().Public(), bankSigning().Public().WithUse(UseSignature))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if set, err := ParsePublicKeys(data); err == nil {
			for _, k := range append(set.Verifying(), set.Encrypting()...) {
				if k.RSA().N.BitLen() < MinRSABits {
					t.Fatal("a weak key")
				}
			}
		}
		_, _ = ParsePrivateKeys(data)
	})
}
