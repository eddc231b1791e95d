package audit_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/audit"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

var keys = audit.Keys{
	Current: func() uint32 { return 1 },
	MAC: func(id uint32, parts ...[]byte) (sum [32]byte, err error) {
		if id != 1 {
			return sum, errors.New("unknown key")
		}
		h := hmac.New(sha256.New, []byte("key"))
		for _, p := range parts {
			_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
		}
		return [32]byte(h.Sum(nil)), nil
	},
}

func Example() {
	ctx := context.Background()
	store := memory.New()
	recorder, err := audit.NewRecorder(audit.Config{Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	recorder.Record(storage.Event{Type: "key.suspended", Outcome: "ok", Actor: "user:ada", Target: "key:till-7"})
	if err := recorder.Close(ctx); err != nil {
		fmt.Println(err)
	}
	chain, err := audit.NewChain(store, keys)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := chain.Seal(ctx, 100)
	fmt.Println(sealed, err)
	length, err := chain.Verify(ctx)
	fmt.Println(length, err)
	// Output:
	// 1 <nil>
	// 1 <nil>
}

// flaky fails while it is down.
type flaky struct {
	storage.Audit
	down atomic.Bool
}

func (f *flaky) AppendEvents(ctx context.Context, events []storage.Event) error {
	if f.down.Load() {
		return storage.ErrUnavailable
	}
	return f.Audit.AppendEvents(ctx, events)
}

func TestNothingIsLostWhileTheQueueHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Audit: memory.New()}
		store.down.Store(true)
		r, err := audit.NewRecorder(audit.Config{Store: store, Queue: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for range 700 {
			r.Record(storage.Event{Type: "guard.refused"})
		}
		time.Sleep(3 * time.Second)
		store.down.Store(false)
		time.Sleep(3 * time.Second)
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, store, "guard.refused"); n != 700 {
			t.Errorf("%d of 700 events", n)
		}
	})
}

func TestLossIsToldInTheTrail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Audit: memory.New()}
		store.down.Store(true)
		r, err := audit.NewRecorder(audit.Config{Store: store, Queue: 10})
		if err != nil {
			t.Fatal(err)
		}
		for range 5000 {
			r.Record(storage.Event{Type: "guard.refused"})
		}
		store.down.Store(false)
		time.Sleep(3 * time.Second)
		r.Record(storage.Event{Type: "after"})
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if count(t, store, "audit.lost") == 0 || count(t, store, "after") != 1 {
			t.Error("a loss that nobody is told of, or nothing recorded after it")
		}
		if r.Lost() != 0 {
			t.Errorf("%d losses not reported", r.Lost())
		}
		r.Record(storage.Event{Type: "too late"})
		if r.Lost() != 1 {
			t.Error("an event after Close is not counted")
		}
	})
}

func count(t *testing.T, store storage.Audit, kind string) int {
	t.Helper()
	found, err := store.Events(t.Context(), storage.EventFilter{Type: kind, Limit: 10000})
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// tampered changes what a reader of the trail sees.
type tampered struct {
	storage.Audit
	change func([]storage.Event) []storage.Event
}

func (s *tampered) Events(ctx context.Context, f storage.EventFilter) ([]storage.Event, error) {
	events, err := s.Audit.Events(ctx, f)
	if f.AfterSeq > 0 {
		return events, err
	}
	return s.change(events), err
}

func TestTamperingShows(t *testing.T) {
	t.Parallel()
	store := memory.New()
	honest, err := audit.NewChain(store, keys)
	if err != nil {
		t.Fatal(err)
	}
	var events []storage.Event
	for i := range 5 {
		at := time.UnixMilli(int64(1000 + i))
		events = append(events, storage.Event{ID: storage.NewID(at), At: at, Type: "key.revoked", Actor: "user:eve", Before: []byte(`{"status":"active"}`)})
	}
	if err := store.AppendEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{2, 10} {
		if _, err := honest.Seal(t.Context(), limit); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := honest.Verify(t.Context()); n != 5 || err != nil {
		t.Fatalf("honest: %d %v", n, err)
	}
	for name, change := range map[string]func([]storage.Event) []storage.Event{
		"another actor":   func(e []storage.Event) []storage.Event { e[1].Actor = "user:bob"; return e },
		"another time":    func(e []storage.Event) []storage.Event { e[1].At = e[1].At.Add(time.Hour); return e },
		"another content": func(e []storage.Event) []storage.Event { e[1].Before = []byte(`{}`); return e },
		"moved content":   func(e []storage.Event) []storage.Event { e[1].After, e[1].Before = e[1].Before, nil; return e },
		"removed":         func(e []storage.Event) []storage.Event { return append(e[:1:1], e[2:]...) },
		"removed first":   func(e []storage.Event) []storage.Event { return e[1:] },
		"reordered":       func(e []storage.Event) []storage.Event { e[1], e[2] = e[2], e[1]; return e },
		"renumbered": func(e []storage.Event) []storage.Event {
			e[1], e[2] = e[2], e[1]
			e[1].Seq, e[2].Seq = 2, 3
			return e
		},
		"chain cut out":  func(e []storage.Event) []storage.Event { e[1].Chain = nil; return e },
		"key of nobody":  func(e []storage.Event) []storage.Event { e[1].Chain[3] = 9; return e },
		"one bit of mac": func(e []storage.Event) []storage.Event { e[1].Chain[10] ^= 1; return e },
	} {
		chain, err := audit.NewChain(&tampered{store, change}, keys)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chain.Verify(t.Context()); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	if _, err := audit.NewRecorder(audit.Config{}); err == nil {
		t.Error("a recorder without a store")
	}
	if _, err := audit.NewChain(nil, keys); err == nil {
		t.Error("a chain without a store")
	}
	if _, err := audit.NewChain(memory.New(), audit.Keys{}); err == nil {
		t.Error("a chain without keys")
	}
}
