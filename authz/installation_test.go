package authz_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// stuck is a store that stops answering and does not mind contexts, as a driver
// that waits for a dead connection does.
type stuck struct {
	storage.Store
	hangs atomic.Bool
	wait  chan struct{}
}

func (s *stuck) Stamp(ctx context.Context, limit int) (int, error) {
	if s.hangs.Load() {
		<-s.wait
	}
	return s.Store.Stamp(ctx, limit)
}

func TestCloseKeepsToItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuck{Store: memory.New(), wait: make(chan struct{})}
		in, err := authz.Open(t.Context(), authz.Config{Issuer: "https://as.example", Store: store, Keys: []keyring.Root{keyring.NewRoot()},
			Policy: defaultPolicy(t), Profile: authz.Merchant()})
		if err != nil {
			t.Fatal(err)
		}
		store.hangs.Store(true)
		time.Sleep(time.Second) // something hangs by now

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := in.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want the deadline", err)
		}
		if after := time.Since(began); after != 3*time.Second {
			t.Errorf("Close returned after %v", after)
		}
		close(store.wait)
		if err := in.Close(t.Context()); err != nil {
			t.Errorf("Close, once the store answers again: %v", err)
		}
	}) // which waits for every goroutine
}
