package josetest

import (
	"bytes"
	"testing"

	"github.com/gatewright/gatewright/jose"
)

// TestGoJose: what go-jose makes opens here, where flattened is accepted (it
// writes nothing else for one recipient), and the other way round.
func TestGoJose(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 300, 5000, 1 << 20} {
		payload := samplePayload(n)
		theirs, err := goJoseSeal(payload)
		if err != nil {
			t.Fatal(err)
		}
		m, err := openFromClient([]byte(theirs))
		if err != nil || !bytes.Equal(m.Payload, payload) {
			t.Errorf("theirs: %v (%s)", err, jose.ReasonOf(err))
		}
		if _, err := jose.Open([]byte(theirs), []*jose.PrivateKey{bank().key}, []*jose.PublicKey{client().key.Public()},
			jose.OpenOptions{MaxMessage: 8 << 20}); jose.ReasonOf(err) != jose.ReasonSerialization {
			t.Errorf("flattened, by default: %v", err)
		}
		ours, err := sealToBank(payload)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := goJoseOpen(string(ours)); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("ours: %v", err)
		}
	}
}
