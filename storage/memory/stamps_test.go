package memory

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// TestStampsAreBounded: what changes again and again does not pile up.
func TestStampsAreBounded(t *testing.T) {
	t.Parallel()
	s := New()
	now := time.Now()
	const keys = 10
	for round := range uint64(500) {
		for i := range keys {
			s.state.putChange(storage.Change{Kind: storage.ClientChange, ID: fmt.Sprint(i), Version: round + 1})
		}
		n, err := s.Stamp(t.Context(), 100)
		if err != nil || n != keys {
			t.Fatalf("stamped %d changes (%v), want %d", n, err, keys)
		}
		if len(s.state.stamps) > 64+2*keys {
			t.Fatalf("%d numbers are kept for %d changes", len(s.state.stamps), keys)
		}
		batch, err := s.ChangesSince(t.Context(), round*keys, now, 100)
		if err != nil || len(batch.Changes) != keys || batch.Head != (round+1)*keys || batch.Next != batch.Head {
			t.Fatalf("round %d: got %d changes up to %d of %d (%v)", round, len(batch.Changes), batch.Next, batch.Head, err)
		}
	}
	batch, err := s.ChangesSince(t.Context(), 0, now, 100)
	if err != nil || len(batch.Changes) != keys {
		t.Errorf("got %d changes from the beginning (%v), want %d", len(batch.Changes), err, keys)
	}
}
