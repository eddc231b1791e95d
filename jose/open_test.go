package jose

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSealOpen(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 15, 16, 17, 1000, 4096, 70000, 1 << 20} {
		payload := bytes.Repeat([]byte("a"), size)
		sealed, err := Seal([]byte("before"), payload, clientKey(), bankDecryption().Public(), SealOptions{ContentType: "application/problem+json"})
		if err != nil {
			t.Fatal(err)
		}
		sealed, ok := bytes.CutPrefix(sealed, []byte("before"))
		if !ok {
			t.Fatal("Seal did not append")
		}
		m, err := Open(sealed, []*PrivateKey{bankDecryption()}, []*PublicKey{clientKey().Public()}, OpenOptions{})
		if err != nil {
			t.Fatalf("%d bytes: %v (%s)", size, err, ReasonOf(err))
		}
		if !bytes.Equal(m.Payload, payload) || m.ContentType != "application/problem+json" ||
			!m.Sender.Equal(clientKey().Public()) || m.Claims != nil {
			t.Errorf("%d bytes: opened something else", size)
		}
	}
}

// TestSealedForm holds the envelope to the members that the bank draws.
func TestSealedForm(t *testing.T) {
	t.Parallel()
	sealed, err := Seal(nil, []byte(`{}`), clientKey(), bankDecryption().Public(), SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseJWE(sealed, false)
	if err != nil {
		t.Fatal(err)
	}
	header, _ := appendDecoded(nil, e.protected)
	if want := `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"bank-enc","typ":"JOSE+JSON","cty":"JOSE+JSON"}`; string(header) != want {
		t.Errorf("JWE header %s, want %s", header, want)
	}
	b := newBuffer(len(sealed))
	defer b.free()
	inner, err := e.decrypt(b, []*PrivateKey{bankDecryption()})
	if err != nil {
		t.Fatal(err)
	}
	g, err := parseJWS(inner, false)
	if err != nil {
		t.Fatal(err)
	}
	header, _ = appendDecoded(nil, g.protected)
	if want := `{"alg":"RS256","kid":"client-1","typ":"JOSE+JSON","cty":"json"}`; string(header) != want {
		t.Errorf("JWS header %s, want %s", header, want)
	}
	for _, name := range []string{`{"protected":"`, `","recipients":[{"encrypted_key":"`, `"}],"iv":"`, `","ciphertext":"`, `","tag":"`} {
		if !bytes.Contains(sealed, []byte(name)) {
			t.Errorf("the envelope lacks %s", name)
		}
	}
}

func TestOpenAccepts(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*forge){
		"as forged": func(*forge) {},
		"no kid": func(f *forge) {
			f.jwsHeader = `{"alg":"RS256"}`
			f.jweHeader = `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}`
		},
		"thumbprint as kid": func(f *forge) { f.jwsHeader = `{"alg":"RS256","kid":"` + clientKey().Public().Thumbprint() + `"}` },
		"white space, as PHP and .NET indent": func(f *forge) {
			f.jwsHeader = "{ \"alg\" : \"RS256\",\r\n\t\"kid\":\"client-1\" }\n"
			f.jwe = func(p jweText) string {
				return strings.NewReplacer("{", "{\n  ", ",", ",\n  ", "]", " ]").Replace(generalJWE(p, "")) + "\r\n"
			}
		},
		"escaped slashes in cty": func(f *forge) { f.jwsHeader = `{"alg":"RS256","cty":"application\/json"}` },
		"typ and cty in other case": func(f *forge) {
			f.jweHeader = `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","typ":"jose+json","cty":"application/JOSE+json"}`
		},
		"certificate thumbprint": func(f *forge) { f.jwsHeader = `{"alg":"RS256","x5t#S256":"abc","x5t":"abc"}` },
		"alg in the recipient's header": func(f *forge) {
			f.jweHeader = `{"enc":"A256CBC-HS512"}`
			f.jwe = func(p jweText) string {
				return fmt.Sprintf(`{"protected":"%s","recipients":[{"header":{"alg":"RSA-OAEP-256","kid":"bank-enc"},"encrypted_key":"%s"}],"iv":"%s","ciphertext":"%s","tag":"%s"}`, p.protected, p.key, p.iv, p.ciphertext, p.tag)
			}
		},
		"alg and kid in both headers, as jwx writes them": func(f *forge) {
			f.jwe = func(p jweText) string {
				return fmt.Sprintf(`{"protected":"%s","recipients":[{"header":{"alg":"RSA-OAEP-256","kid":"bank-enc"},"encrypted_key":"%s"}],"iv":"%s","ciphertext":"%s","tag":"%s"}`, p.protected, p.key, p.iv, p.ciphertext, p.tag)
			}
		},
		"empty unprotected headers, as drawn": func(f *forge) {
			f.jws = func(payload, header, sig string) string {
				return fmt.Sprintf(`{"payload":"%s","signatures":[{"protected":"%s","header":{},"signature":"%s"}]}`, payload, header, sig)
			}
			f.jwe = func(p jweText) string { return generalJWE(p, `,"unprotected":{}`) }
		},
		"aad": func(f *forge) {
			f.aad = b64("anything")
			f.jwe = func(p jweText) string { return generalJWE(p, `,"aad":"`+p.aad+`"`) }
		},
		"members in another order": func(f *forge) {
			f.jwe = func(p jweText) string {
				return fmt.Sprintf(`{"tag":"%s","ciphertext":"%s","iv":"%s","recipients":[{"encrypted_key":"%s"}],"protected":"%s"}`, p.tag, p.ciphertext, p.iv, p.key, p.protected)
			}
			f.jws = func(payload, header, sig string) string {
				return fmt.Sprintf(`{"signatures":[{"signature":"%s","protected":"%s"}],"payload":"%s"}`, sig, header, payload)
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := honest()
			change(f)
			m, err := openAsBank(f.sealed())
			if err != nil {
				t.Fatalf("refused: %s, %v", ReasonOf(err), errors.Unwrap(err))
			}
			if string(m.Payload) != f.payload || m.ContentType != "application/json" {
				t.Errorf("opened %q as %q", m.Payload, m.ContentType)
			}
		})
	}
}

func TestOpenFlattened(t *testing.T) {
	t.Parallel()
	f := honest()
	f.jws = func(payload, header, sig string) string {
		return fmt.Sprintf(`{"payload":"%s","protected":"%s","signature":"%s"}`, payload, header, sig)
	}
	f.jwe = func(p jweText) string {
		return fmt.Sprintf(`{"protected":"%s","header":{},"encrypted_key":"%s","iv":"%s","ciphertext":"%s","tag":"%s"}`, p.protected, p.key, p.iv, p.ciphertext, p.tag)
	}
	message := []byte(f.sealed())
	with, from := []*PrivateKey{bankDecryption()}, []*PublicKey{clientKey().Public()}
	if _, err := Open(message, with, from, OpenOptions{}); ReasonOf(err) != ReasonSerialization {
		t.Errorf("flattened by default: %v, want a refusal for the serialization", err)
	}
	m, err := Open(message, with, from, OpenOptions{AcceptFlattened: true})
	if err != nil || string(m.Payload) != f.payload {
		t.Errorf("flattened where accepted: %v (%s)", err, ReasonOf(err))
	}
}

// TestOpenKeySelection: a kid selects among the given keys and nothing else.
func TestOpenKeySelection(t *testing.T) {
	t.Parallel()
	message := []byte(honest().sealed())
	noKid := honest()
	noKid.jwsHeader, noKid.jweHeader = `{"alg":"RS256"}`, `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}`
	anonymous := []byte(noKid.sealed())
	bank, client := bankDecryption(), clientKey().Public()
	tests := []struct {
		name    string
		message []byte
		with    []*PrivateKey
		from    []*PublicKey
		want    Reason
	}{
		{"overlap, named", message, []*PrivateKey{nextKey(), bank}, []*PublicKey{nextKey().Public(), client}, ""},
		{"overlap, not named", anonymous, []*PrivateKey{nextKey(), bank}, []*PublicKey{nextKey().Public(), client}, ""},
		{"signature key withdrawn", message, []*PrivateKey{bank}, []*PublicKey{nextKey().Public()}, ReasonKey},
		{"signature key withdrawn, not named", anonymous, []*PrivateKey{bank}, []*PublicKey{nextKey().Public()}, ReasonSignature},
		{"no keys of the sender", message, []*PrivateKey{bank}, nil, ReasonKey},
		{"nil key of the sender", message, []*PrivateKey{bank}, []*PublicKey{nil}, ReasonKey},
		{"decryption key withdrawn", message, []*PrivateKey{nextKey()}, []*PublicKey{client}, ReasonKey},
		{"decryption key withdrawn, not named", anonymous, []*PrivateKey{nextKey()}, []*PublicKey{client}, ReasonDecryption},
		{"no keys of the recipient", message, nil, []*PublicKey{client}, ReasonKey},
		{"sender's key is for encryption", message, []*PrivateKey{bank}, []*PublicKey{client.WithUse(UseEncryption)}, ReasonKey},
		{"recipient's key is for signing", message, []*PrivateKey{bank.WithUse(UseSignature)}, []*PublicKey{client}, ReasonKey},
		{"too many keys to try", anonymous, []*PrivateKey{bank, bank, bank, bank, bank}, []*PublicKey{client}, ReasonKey},
		{"another key under the kid", message, []*PrivateKey{bank}, []*PublicKey{renamed(t, strangerKey().Public(), "client-1")}, ReasonSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(tt.message, tt.with, tt.from, OpenOptions{})
			if ReasonOf(err) != tt.want || (tt.want == "") != (err == nil) {
				t.Errorf("got %v (%s), want %q", err, ReasonOf(err), tt.want)
			}
		})
	}
}

func renamed(t testing.TB, k *PublicKey, kid string) *PublicKey {
	t.Helper()
	out, err := NewPublicKey(kid, k.RSA())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOpenDoesNotChangeItsInput: the same bytes open twice, RS256 being
// deterministic and replay another control's business.
func TestOpenDoesNotChangeItsInput(t *testing.T) {
	t.Parallel()
	message := honest().sealed()
	before := strings.Clone(message)
	for range 2 {
		if _, err := openAsBank(message); err != nil {
			t.Fatal(err)
		}
	}
	if message != before {
		t.Error("Open changed the envelope")
	}
}
