package jose

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vectorsDir is where the cases of RFC 7520 lie, as JSON files.
func vectorsDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GATEWRIGHT_TEST_VECTORS")
	if dir == "" {
		t.Skip("GATEWRIGHT_TEST_VECTORS is not set")
	}
	return filepath.Join(dir, "rfc7520")
}

// rfcCase is what the JWS and the JWE cases have in common.
type rfcCase struct {
	Title  string
	Input  json.RawMessage
	Output struct {
		Compact string
		JSON    json.RawMessage
		Flat    json.RawMessage `json:"json_flat"`
	}
}

func readCase(t *testing.T, path string) *rfcCase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c rfcCase
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &c
}

// forms are the case's JSON serializations.
func (c *rfcCase) forms() []string {
	var out []string
	for _, raw := range []json.RawMessage{c.Output.JSON, c.Output.Flat} {
		if len(raw) > 0 {
			out = append(out, string(raw))
		}
	}
	return out
}

// TestRFC7520Signature is section 4.1, the one signature of the RFC that is in
// our algorithm, in both JSON forms, through the encryption.
func TestRFC7520Signature(t *testing.T) {
	t.Parallel()
	dir := vectorsDir(t)
	set, err := ReadPublicKeys(filepath.Join(dir, "jwk", "3_3.rsa_public_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := readCase(t, filepath.Join(dir, "jws", "4_1.rsa_v15_signature.json"))
	var input struct{ Payload string }
	if err := json.Unmarshal(c.Input, &input); err != nil || input.Payload == "" {
		t.Fatalf("no payload: %v", err)
	}
	forms := c.forms()
	if len(forms) != 2 {
		t.Fatalf("%d forms, want general and flattened", len(forms))
	}
	for _, form := range forms {
		f := honest()
		f.content = &form
		m, err := Open([]byte(f.sealed()), []*PrivateKey{bankDecryption()}, set.Verifying(), OpenOptions{AcceptFlattened: true})
		if err != nil || string(m.Payload) != input.Payload || m.Sender.KeyID() != "bilbo.baggins@hobbiton.example" {
			t.Errorf("%v (%s): %s", err, ReasonOf(err), form)
		}
	}
	// And our own signature over the same input is the RFC's, bit for bit.
	key, err := ReadPrivateKeys(filepath.Join(dir, "jwk", "3_4.rsa_private_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(c.Output.Compact, ".")
	own := honest()
	own.signer, own.payload, own.jwsHeader = key[0], input.Payload, string(mustDecode(t, part[0]))
	g, err := parseJWS([]byte(own.signed()), false)
	if err != nil || string(g.signature) != part[2] {
		t.Errorf("another signature: %v", err)
	}
}

func mustDecode(t *testing.T, s string) []byte {
	t.Helper()
	out, err := appendDecoded(nil, []byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRFC7520Refused: every other case of the RFC is in another algorithm, or
// in more than one, and is refused before a key is used.
func TestRFC7520Refused(t *testing.T) {
	t.Parallel()
	dir := vectorsDir(t)
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		kind := filepath.Base(filepath.Dir(path))
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" || kind != "jws" && kind != "jwe" && kind != "rfc7797" {
			return err
		}
		if strings.HasPrefix(d.Name(), "4_1.") {
			return nil
		}
		c := readCase(t, path)
		for _, form := range c.forms() {
			seen++
			var err error
			if kind == "jwe" {
				_, err = Open([]byte(form), []*PrivateKey{bankDecryption()}, nil, OpenOptions{AcceptFlattened: true})
			} else {
				f := honest()
				f.content = &form
				_, err = Open([]byte(f.sealed()), []*PrivateKey{bankDecryption()}, []*PublicKey{clientKey().Public()}, OpenOptions{AcceptFlattened: true})
			}
			switch reason := ReasonOf(err); reason {
			case "", ReasonKey, ReasonSignature, ReasonDecryption:
				t.Errorf("%s: %v (%s): %s", d.Name(), err, reason, form)
			}
		}
		if kind == "jwe" && c.Output.Compact != "" {
			seen++
			if _, err := OpenCompact(c.Output.Compact, bankDecryption()); ReasonOf(err) != ReasonAlgorithm && ReasonOf(err) != ReasonHeader {
				t.Errorf("%s, compact: %v (%s)", d.Name(), err, ReasonOf(err))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 30 {
		t.Errorf("only %d messages seen", seen)
	}
}

// TestRFC7520Keys: the RFC's RSA keys are read, the others refused.
func TestRFC7520Keys(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(vectorsDir(t), "jwk")
	private, err := ReadPrivateKeys(filepath.Join(dir, "3_4.rsa_private_key.json"))
	if err != nil || len(private) != 1 || private[0].Public().Use() != UseSignature {
		t.Errorf("private: %v", err)
	}
	public, err := ReadPublicKeys(filepath.Join(dir, "3_3.rsa_public_key.json"))
	if err != nil || len(public.Verifying()) != 1 || len(public.Encrypting()) != 0 || !public.Verifying()[0].Equal(private[0].Public()) {
		t.Errorf("public: %v", err)
	}
	for _, name := range []string{"3_1.ec_public_key.json", "3_2.ec_private_key.json", "3_5.symmetric_key_mac_computation.json", "3_6.symmetric_key_encryption.json"} {
		if _, err := ReadPublicKeys(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s: read as public", name)
		}
		if _, err := ReadPrivateKeys(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s: read as private", name)
		}
	}
}
