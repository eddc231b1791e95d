package keyring_test

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"testing"

	"github.com/gatewright/gatewright/authz/keyring"
)

var sealing = []keyring.Use{
	keyring.AccessToken, keyring.RefreshToken, keyring.Opaque, keyring.ClientSecret,
	keyring.Cookie, keyring.Record, keyring.Lookup, keyring.Audit,
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	plain, aad := []byte("an account"), []byte("a row")
	for _, use := range sealing {
		sealed := r.Seal(use, []byte("head"), plain, aad)
		if !bytes.HasPrefix(sealed, []byte("head")) || len(sealed) != 4+len(plain)+keyring.Overhead {
			t.Errorf("%v: sealed %d bytes", use, len(sealed))
		}
		sealed = sealed[4:]
		if keyring.SealedKey(sealed) != r.CurrentKey(use) {
			t.Errorf("%v: sealed with key %d", use, keyring.SealedKey(sealed))
		}
		got, err := r.Open(use, []byte("head"), sealed, aad)
		if err != nil || string(got) != "head"+string(plain) {
			t.Errorf("%v: %q, %v", use, got, err)
		}
		for _, other := range sealing {
			if other == use {
				continue
			}
			if got, err := r.Open(other, nil, sealed, aad); err == nil {
				t.Errorf("sealed for %v, opened for %v: %q", use, other, got)
			}
		}
	}
	if bytes.Equal(r.Seal(keyring.Record, nil, plain, aad), r.Seal(keyring.Record, nil, plain, aad)) {
		t.Error("two seals of one plaintext are equal")
	}
}

func TestOpenRefusals(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	plain, aad := []byte("an account"), []byte("a row")
	sealed := r.Seal(keyring.Record, nil, plain, aad)
	refused := func(what string, sealed, aad []byte) {
		t.Helper()
		got, err := r.Open(keyring.Record, nil, sealed, aad)
		if got != nil || !errors.Is(err, keyring.ErrTampered) && !errors.Is(err, keyring.ErrUnknownKey) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	refused("other aad", sealed, []byte("a tow"))
	refused("no aad", sealed, nil)
	refused("extended", append(bytes.Clone(sealed), 0), aad)
	for n := range sealed {
		refused("cut short", sealed[:n], aad)
	}
	for bit := range 8 * len(sealed) {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused("flipped", flipped, aad)
	}
	unknown := bytes.Clone(sealed)
	unknown[0] = 0xff
	if _, err := r.Open(keyring.Record, nil, unknown, aad); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := r.Open(0, nil, sealed, aad); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("no use: %v", err)
	}
	if _, err := r.Open(200, nil, sealed, aad); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("no such use: %v", err)
	}
	if _, err := r.MAC(keyring.Record, 77); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("MAC under an unknown key: %v", err)
	}
}

func TestSealPanics(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	for _, use := range []keyring.Use{0, keyring.SigningKey, 100} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Seal(%d) did not panic", use)
				}
			}()
			r.Seal(use, nil, []byte("x"), nil)
		}()
	}
}

func TestOpenInPlace(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	sealed := r.Seal(keyring.Cookie, nil, []byte("a session"), nil)
	at := sealed[keyring.SealedHeader:keyring.SealedHeader]
	got, err := r.Open(keyring.Cookie, at, sealed, nil)
	if err != nil || string(got) != "a session" || &got[0] != &sealed[keyring.SealedHeader] {
		t.Errorf("in place: %q, %v", got, err)
	}
}

// The same store and the same roots in another issuer or environment: nothing
// opens, nothing compares equal, nothing verifies.
func TestCopiedKeysCarryNothing(t *testing.T) {
	t.Parallel()
	f := newFixed()
	home := f.open(t)
	abroad := map[string]*keyring.Ring{}
	c := f.config()
	c.Issuer = "https://other.example"
	abroad["issuer"] = openWith(t, c)
	c = f.config()
	c.Environment = "sandbox"
	abroad["environment"] = openWith(t, c)
	c = f.config()
	c.Issuer, c.Environment = c.Issuer+c.Environment[:1], c.Environment[1:]
	abroad["shifted boundary"] = openWith(t, c)

	kid, _ := home.Signer()
	hash := home.HashSecret("a secret")
	for name, r := range abroad {
		for _, use := range sealing {
			if r.CurrentKey(use) != home.CurrentKey(use) {
				t.Fatalf("%s: the test is void: another data key", name)
			}
			if _, err := r.Open(use, nil, home.Seal(use, nil, []byte("x"), nil), nil); !errors.Is(err, keyring.ErrTampered) {
				t.Errorf("%s: opened what was sealed for %v: %v", name, use, err)
			}
			a, errA := home.MAC(use, home.CurrentKey(use), []byte("x"))
			b, errB := r.MAC(use, r.CurrentKey(use), []byte("x"))
			if errA != nil || errB != nil || a == b {
				t.Errorf("%s: one MAC for %v", name, use)
			}
		}
		if ok, _ := r.VerifySecret("a secret", hash); ok {
			t.Errorf("%s: a client secret verifies", name)
		}
		if bytes.Equal(r.LookupKeys([]byte("x"))[0], home.LookupKeys([]byte("x"))[0]) {
			t.Errorf("%s: one lookup key", name)
		}
		if other, _ := r.Signer(); other == kid {
			t.Errorf("%s: one signing key", name)
		}
	}
}

func TestMACFrames(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	id := r.CurrentKey(keyring.Opaque)
	mac := func(parts ...string) [32]byte {
		var list [][]byte
		for _, p := range parts {
			list = append(list, []byte(p))
		}
		sum, err := r.MAC(keyring.Opaque, id, list...)
		ok(t, err)
		return sum
	}
	all := [][]string{{}, {""}, {"", ""}, {"abc"}, {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}}
	seen := map[[32]byte][]string{}
	for _, parts := range all {
		sum := mac(parts...)
		if other, dup := seen[sum]; dup {
			t.Errorf("%q and %q have one MAC", parts, other)
		}
		seen[sum] = parts
		again := mac(parts...)
		if !hmac.Equal(again[:], sum[:]) {
			t.Errorf("%q has two MACs", parts)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	r := newFixed().open(t)
	plain, aad := make([]byte, 200), []byte("aad")
	dst, out := make([]byte, 0, 512), make([]byte, 0, 512)
	sealed := r.Seal(keyring.AccessToken, nil, plain, aad)
	if n := testing.AllocsPerRun(100, func() { r.Seal(keyring.AccessToken, dst, plain, aad) }); n != 0 {
		t.Errorf("Seal: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Open(keyring.AccessToken, out, sealed, aad) }); n != 0 {
		t.Errorf("Open: %v allocations", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	r := newFixed().open(b)
	plain, aad := make([]byte, 200), []byte("aad")
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		r.Seal(keyring.AccessToken, dst, plain, aad)
	}
}

func BenchmarkOpen(b *testing.B) {
	r := newFixed().open(b)
	plain, aad := make([]byte, 200), []byte("aad")
	sealed := r.Seal(keyring.AccessToken, nil, plain, aad)
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(keyring.AccessToken, dst, sealed, aad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMAC(b *testing.B) {
	r := newFixed().open(b)
	id := r.CurrentKey(keyring.Opaque)
	value := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MAC(keyring.Opaque, id, value); err != nil {
			b.Fatal(err)
		}
	}
}
