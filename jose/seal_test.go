package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
)

// TestWeakKeys: RSA-1024 and strange exponents never become keys of ours.
func TestWeakKeys(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPrivateKey("k", small); err == nil {
		t.Error("an RSA-1024 private key was accepted")
	}
	if _, err := NewPublicKey("k", &small.PublicKey); err == nil {
		t.Error("an RSA-1024 public key was accepted")
	}
	good := clientKey().Public().RSA()
	for _, e := range []int{1, 2, 3, 17, 65536, 65538, 1 << 31} {
		if _, err := NewPublicKey("k", &rsa.PublicKey{N: good.N, E: e}); err == nil {
			t.Errorf("exponent %d was accepted", e)
		}
	}
	for _, k := range []*rsa.PublicKey{nil, {}, {E: 65537}} {
		if _, err := NewPublicKey("k", k); err == nil {
			t.Error("an empty key was accepted")
		}
	}
	if _, err := NewPublicKey(strings.Repeat("k", maxKeyID+1), good); err == nil {
		t.Error("an endless kid was accepted")
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	from, to := clientKey(), bankDecryption().Public()
	for name, seal := range map[string]func() ([]byte, error){
		"no signer":       func() ([]byte, error) { return Seal(nil, nil, nil, to, SealOptions{}) },
		"no recipient":    func() ([]byte, error) { return Seal(nil, nil, from, nil, SealOptions{}) },
		"signer decrypts": func() ([]byte, error) { return Seal(nil, nil, from.WithUse(UseEncryption), to, SealOptions{}) },
		"recipient signs": func() ([]byte, error) { return Seal(nil, nil, from, to.WithUse(UseSignature), SealOptions{}) },
		"nested content": func() ([]byte, error) {
			return Seal(nil, nil, from, to, SealOptions{ContentType: "application/jose+json"})
		},
		"claims not UTF-8": func() ([]byte, error) { return Seal(nil, nil, from, to, SealOptions{Claims: &Claims{ID: "\xff"}}) },
		"claims too long": func() ([]byte, error) {
			return Seal(nil, nil, from, to, SealOptions{Claims: &Claims{URL: strings.Repeat("u", maxHeaderBytes)}})
		},
	} {
		if out, err := seal(); err == nil || out != nil {
			t.Errorf("%s: sealed", name)
		}
	}
}
