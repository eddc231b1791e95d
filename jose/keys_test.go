package jose

import (
	"crypto/rsa"
	"sync"
	"testing"
)

// The keys of testdata are known to everybody. They are fixed so that what a
// fuzzer has found in one process opens in another.
var (
	bankSigning    = testKey("bank-sig")
	bankDecryption = testKey("bank-enc")
	clientKey      = testKey("client-1")
	strangerKey    = testKey("stranger-1")
	nextKey        = testKey("next")
)

var testKeys = sync.OnceValue(func() []*PrivateKey {
	keys, err := ReadPrivateKeys("testdata/private-keys-for-tests.jwks")
	if err != nil {
		panic(err)
	}
	return keys
})

func testKey(kid string) func() *PrivateKey {
	return func() *PrivateKey {
		for _, k := range testKeys() {
			if k.KeyID() == kid {
				return k
			}
		}
		panic("no test key " + kid)
	}
}

func testKeyring(t testing.TB) *Keyring {
	t.Helper()
	ring, err := NewKeyring(Keys{Signing: []*PrivateKey{bankSigning()}, Decryption: []*PrivateKey{bankDecryption()}})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// rawKey returns the private half of a test key.
func rawKey(k *PrivateKey) *rsa.PrivateKey { return k.signer.(*rsa.PrivateKey) }
