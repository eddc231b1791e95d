package josetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/gatewright/gatewright/jose"
	gojose "github.com/go-jose/go-jose/v4"
)

// vector is one Wycheproof case with the keys of its group.
type vector struct {
	file    string
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	JWS     any    `json:"jws"` // compact string, or an object of the JSON serialization
	JWE     any    `json:"jwe"`
	PT      string `json:"pt"`
	Result  string `json:"result"`

	private, public json.RawMessage
}

func (v *vector) name() string { return fmt.Sprintf("%s/%d", v.file, v.ID) }

func vectors(t *testing.T, file string) []*vector {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, file+"_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		NumberOfTests int `json:"numberOfTests"`
		TestGroups    []struct {
			Private json.RawMessage `json:"private"`
			Public  json.RawMessage `json:"public"`
			Tests   []*vector       `json:"tests"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var all []*vector
	for _, g := range doc.TestGroups {
		for _, v := range g.Tests {
			v.file, v.private, v.public = file, g.Private, g.Public
			all = append(all, v)
		}
	}
	if len(all) != doc.NumberOfTests || len(all) == 0 {
		t.Fatalf("%s: %d cases of %d", file, len(all), doc.NumberOfTests)
	}
	return all
}

// outcome compares a case's result with ours. applies says whether the case is
// in our algorithms: if not, it must be refused whatever the vectors say. No
// case deviates; one that begins to belongs into docs/jose.md, with its reason.
func (v *vector) outcome(t *testing.T, applies bool, err error) {
	t.Helper()
	if want, got := v.Result == "valid" && applies, err == nil; got != want {
		t.Errorf("%s (%s): %s in the vectors, opened: %v (%s, %v)", v.name(), v.Comment, v.Result, got, jose.ReasonOf(err), errors.Unwrap(err))
	}
}

// TestWycheproofJWS sends each signature of the vectors through the whole way:
// as the content of an encryption to the bank, verified with the group's key.
func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	opened := 0
	for _, file := range []string{"json_web_signature", "json_web_crypto", "json_web_key"} {
		applied := 0
		for _, v := range vectors(t, file) {
			if v.JWS == nil {
				continue
			}
			err := v.verify(t)
			if err == nil {
				opened++
			}
			applies := v.usesRS256()
			if applies {
				applied++
			}
			v.outcome(t, applies, err)
		}
		t.Logf("%s: %d cases in RS256", file, applied)
	}
	// 8 valid cases of RS256 in the first file, 1 in each of the others.
	if opened != 10 {
		t.Errorf("%d signatures were accepted, want 10", opened)
	}
}

// verify opens the case's JWS with its key. The error is that of the key or of
// the message.
func (v *vector) verify(t *testing.T) error {
	t.Helper()
	keys, err := v.publicKeys()
	if err != nil {
		return err
	}
	inner, payload := v.generalJWS(t)
	encrypter, err := gojose.NewEncrypter(gojose.A256CBC_HS512,
		gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: bank().raw.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := encrypter.Encrypt(inner)
	if err != nil {
		t.Fatal(err)
	}
	m, err := jose.Open([]byte(sealed.FullSerialize()), []*jose.PrivateKey{bank().key}, keys, jose.OpenOptions{AcceptFlattened: true})
	if err != nil {
		return err
	}
	if payload != nil && !bytes.Equal(m.Payload, payload) {
		t.Errorf("%s: opened another payload", v.name())
	}
	return nil
}

// publicKeys reads the group's keys through the module.
func (v *vector) publicKeys() ([]*jose.PublicKey, error) {
	if len(v.public) > 0 {
		set, err := jose.ParsePublicKeys(v.public)
		if err != nil {
			return nil, err
		}
		return set.Verifying(), nil
	}
	if set, err := jose.ParsePublicKeys(v.private); err == nil {
		return set.Verifying(), nil
	}
	private, err := jose.ParsePrivateKeys(v.private)
	if err != nil {
		return nil, err
	}
	var keys []*jose.PublicKey
	for _, k := range private {
		keys = append(keys, k.Public())
	}
	return keys, nil
}

// generalJWS converts a compact JWS to the general form, part by part and
// without looking into the parts. One that has not three parts stays as it is.
func (v *vector) generalJWS(t *testing.T) (message, payload []byte) {
	t.Helper()
	compact, ok := v.JWS.(string)
	if !ok {
		message, err := json.Marshal(v.JWS)
		if err != nil {
			t.Fatal(err)
		}
		return message, nil
	}
	part := strings.Split(compact, ".")
	if len(part) != 3 {
		return []byte(compact), nil
	}
	message, err := json.Marshal(map[string]any{
		"payload":    part[1],
		"signatures": []any{map[string]string{"protected": part[0], "signature": part[2]}},
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err = base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		payload = nil
	}
	return message, payload
}

// usesRS256 reads the alg out of the case, loosely.
func (v *vector) usesRS256() bool {
	compact, ok := v.JWS.(string)
	if !ok {
		text, _ := json.Marshal(v.JWS)
		return bytes.Contains(text, []byte("eyJhbGciOiJSUzI1Ni"))
	}
	return headerOf(compact)["alg"] == "RS256"
}

func headerOf(compact string) map[string]any {
	first, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return nil
	}
	var h map[string]any
	_ = json.Unmarshal(raw, &h)
	return h
}

// TestWycheproofJWE opens each encryption of the vectors as a compact JWE.
func TestWycheproofJWE(t *testing.T) {
	t.Parallel()
	opened := 0
	for _, file := range []string{"json_web_encryption", "json_web_crypto"} {
		for _, v := range vectors(t, file) {
			if v.JWE == nil {
				continue
			}
			keys, err := jose.ParsePrivateKeys(v.private)
			compact, ok := v.JWE.(string)
			if !ok {
				v.refusesObject(t)
				continue
			}
			h := headerOf(compact)
			applies := h["alg"] == "RSA-OAEP-256" && h["enc"] == "A256CBC-HS512"
			var plain []byte
			if err == nil {
				plain, err = jose.OpenCompact(compact, keys...)
			}
			v.outcome(t, applies, err)
			if err != nil {
				continue
			}
			opened++
			if want, err := hex.DecodeString(v.PT); err != nil || !bytes.Equal(plain, want) {
				t.Errorf("%s: opened another plaintext", v.name())
			}
		}
	}
	// RSA-OAEP-256 with A256CBC-HS512 is in the vectors once.
	if opened != 1 {
		t.Errorf("%d encryptions were accepted, want 1", opened)
	}
}

// refusesObject is for the cases in the JSON serialization. None is in our
// algorithms, so none gets as far as a key.
func (v *vector) refusesObject(t *testing.T) {
	t.Helper()
	message, err := json.Marshal(v.JWE)
	if err != nil {
		t.Fatal(err)
	}
	_, err = jose.Open(message, []*jose.PrivateKey{bank().key}, nil, jose.OpenOptions{AcceptFlattened: true})
	switch jose.ReasonOf(err) {
	case "", jose.ReasonKey, jose.ReasonDecryption, jose.ReasonNotSigned:
		t.Errorf("%s: %v (%s), want a refusal before any key is used: %s", v.name(), err, jose.ReasonOf(err), message)
	}
}
