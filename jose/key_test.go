package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"testing"
	"time"
)

var testNow = time.Unix(1_700_000_000, 0)

func TestNewPrivateKeyRefuses(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := rawKey(clientKey())
	torn := &rsa.PrivateKey{PublicKey: good.PublicKey, D: new(big.Int).Add(good.D, big.NewInt(2)), Primes: good.Primes}
	three := &rsa.PrivateKey{PublicKey: good.PublicKey, D: good.D, Primes: []*big.Int{good.Primes[0], good.Primes[1], big.NewInt(3)}}
	for name, key := range map[string]crypto.Signer{
		"nothing":      nil,
		"nil key":      (*rsa.PrivateKey)(nil),
		"ECDSA":        ec,
		"inconsistent": torn,
		"three primes": three,
	} {
		if k, err := NewPrivateKey("", key); err == nil {
			t.Errorf("%s: %v", name, k)
		}
	}
	if _, err := PublicKeyFromCertificate("", nil); err == nil {
		t.Error("no certificate passed for one")
	}
	if _, err := PublicKeyFromCertificate("", &x509.Certificate{PublicKey: &ec.PublicKey}); err == nil {
		t.Error("an ECDSA certificate was accepted")
	}
	if _, err := PublicKeyFromCertificate("", &x509.Certificate{PublicKey: &rsa.PublicKey{N: big.NewInt(15), E: 65537}}); err == nil {
		t.Error("a tiny key was accepted")
	}
	for _, keys := range [][]*PublicKey{nil, {nil}} {
		if _, err := NewPublicKeys(keys...); err == nil {
			t.Error("a set of nothing was accepted")
		}
	}
	if _, err := MarshalJWKS(nil); err == nil {
		t.Error("a nil key was written")
	}
}

// TestROCA: a modulus of that generator is a power of 65537 modulo each of the
// primes; one of crypto/rsa is not.
func TestROCA(t *testing.T) {
	t.Parallel()
	weak := new(big.Int).Exp(big.NewInt(65537), big.NewInt(130), nil)
	if !isROCA(weak) {
		t.Error("not seen")
	}
	if _, err := NewPublicKey("", &rsa.PublicKey{N: weak, E: 65537}); err == nil {
		t.Error("accepted")
	}
	for _, k := range testKeys() {
		if isROCA(k.Public().RSA().N) {
			t.Errorf("%v is taken for one", k)
		}
	}
}

// hsm is a key that lives elsewhere.
type hsm struct {
	*rsa.PrivateKey
	down error
}

func (h *hsm) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if h.down != nil {
		return nil, h.down
	}
	return h.PrivateKey.Sign(r, digest, o)
}

func (h *hsm) Decrypt(r io.Reader, text []byte, o crypto.DecrypterOpts) ([]byte, error) {
	if h.down != nil {
		return nil, h.down
	}
	return h.PrivateKey.Decrypt(r, text, o)
}

func TestHSM(t *testing.T) {
	t.Parallel()
	device := &hsm{PrivateKey: rawKey(nextKey())}
	key, err := NewPrivateKey("hsm", device)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := Seal(nil, []byte(`{}`), key, key.Public(), SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*Message, error) {
		return Open(sealed, []*PrivateKey{key}, []*PublicKey{key.Public()}, OpenOptions{})
	}
	if m, err := open(); err != nil || !bytes.Equal(m.Payload, []byte(`{}`)) {
		t.Fatal(err)
	}
	device.down = errors.New("device removed")
	if _, err := Seal(nil, []byte(`{}`), key, key.Public(), SealOptions{}); !errors.Is(err, device.down) {
		t.Errorf("sealing: %v", err)
	}
	if _, err := open(); ReasonOf(err) != ReasonDecryption || !errors.Is(err, device.down) {
		t.Errorf("opening: %v", err)
	}
	// A key that only signs never decrypts.
	signOnly, err := NewPrivateKey("hsm", struct{ crypto.Signer }{device})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(sealed, []*PrivateKey{signOnly}, []*PublicKey{key.Public()}, OpenOptions{}); ReasonOf(err) != ReasonDecryption {
		t.Errorf("a sign-only key: %v", err)
	}
}

// TestSealingFails: the client gets an empty 500 and nothing of the response.
func TestSealingFails(t *testing.T) {
	t.Parallel()
	device := &hsm{PrivateKey: rawKey(nextKey())}
	key, err := NewPrivateKey("hsm", device)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := NewKeyring(Keys{Signing: []*PrivateKey{key}, Decryption: []*PrivateKey{bankDecryption()}})
	if err != nil {
		t.Fatal(err)
	}
	b := newBank(t, Compatible, func(c *ServerConfig) { c.Keys = ring }, nil)
	device.down = errors.New("device removed")
	_, _, rec := send(t, b, "GET", "/v1/x", "", nil)
	if rec.Code != 500 || rec.Body.Len() != 0 || b.calls != 1 {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
}
