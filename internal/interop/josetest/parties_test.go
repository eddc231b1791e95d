package josetest

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/gatewright/gatewright/jose"
)

// party is a key as this module's API and as others see it.
type party struct {
	raw *rsa.PrivateKey
	key *jose.PrivateKey
}

func newParty(kid string) func() party {
	return sync.OnceValue(func() party {
		raw, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		key, err := jose.NewPrivateKey(kid, raw)
		if err != nil {
			panic(err)
		}
		return party{raw, key}
	})
}

var (
	client = newParty("client-1")
	bank   = newParty("bank-1")
)

// samplePayload is a JSON document of records, of about n bytes.
func samplePayload(n int) []byte {
	doc := []byte(`{"transfers":[`)
	for i := 0; len(doc) < n-200; i++ {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = fmt.Appendf(doc, `{"id":"%08d","amount":"%d.00","currency":"EUR","beneficiary":{"name":"Partner %d","account":"1234xxxxxx567"},"memo":"invoice \"%d\""}`, i, i, i, i)
	}
	return append(doc, `]}`...)
}

func openFromClient(message []byte) (*jose.Message, error) {
	return jose.Open(message, []*jose.PrivateKey{bank().key}, []*jose.PublicKey{client().key.Public()},
		jose.OpenOptions{AcceptFlattened: true, MaxMessage: 8 << 20})
}

func sealToBank(payload []byte) ([]byte, error) {
	return jose.Seal(nil, payload, client().key, bank().key.Public(), jose.SealOptions{})
}
