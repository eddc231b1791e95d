package admin_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// flaky is a store whose administrative commands can be taken away, before they
// do anything or after their commit.
type flaky struct {
	storage.Store
	away, lost, odd atomic.Bool
	conflicts       atomic.Int32 // how many updates are to meet another change
}

func (f *flaky) before() error {
	switch {
	case f.away.Load():
		return fmt.Errorf("%w: connection refused", storage.ErrUnavailable)
	case f.odd.Load():
		return errors.New("disk on fire")
	}
	return nil
}

func (f *flaky) after(err error) error {
	if err == nil && f.lost.Load() {
		return fmt.Errorf("%w: connection reset", storage.ErrUnavailable)
	}
	return err
}

func (f *flaky) CreateClient(ctx context.Context, c storage.Client, e storage.Event) error {
	if err := f.before(); err != nil {
		return err
	}
	return f.after(f.Store.CreateClient(ctx, c, e))
}

func (f *flaky) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	if err := f.before(); err != nil {
		return storage.Change{}, err
	}
	if f.conflicts.Add(-1) >= 0 {
		return storage.Change{}, storage.ErrConflict
	}
	change, err := f.Store.UpdateClient(ctx, c, q, until, e)
	return change, f.after(err)
}

func (f *flaky) ListClients(ctx context.Context, organization string, p storage.Page) ([]storage.Client, error) {
	if err := f.before(); err != nil {
		return nil, err
	}
	return f.Store.ListClients(ctx, organization, p)
}

func (f *flaky) Events(ctx context.Context, filter storage.EventFilter) ([]storage.Event, error) {
	if err := f.before(); err != nil {
		return nil, err
	}
	return f.Store.Events(ctx, filter)
}

func TestStoreDown(t *testing.T) {
	t.Parallel()
	f := &flaky{Store: memory.New()}
	w := newWorld(t, f)
	id := w.create("admin", `{"roles":["viewer"]}`)
	bearer := w.bearer("admin")
	requests := []struct{ method, path, body string }{
		{"GET", "", ""}, {"POST", "", `{"roles":["viewer"]}`}, {"PATCH", "/" + id, `{"name":"x"}`}, {"POST", "/" + id + "/suspend", ""},
		{"POST", "/" + id + "/rotate", ""}, {"POST", "/" + id + "/revoke", ""}, {"POST", "/" + id + "/end_tokens", ""},
	}
	clients, members, events := w.snapshot()
	for name, taken := range map[string]*atomic.Bool{"away": &f.away, "an error nobody foresaw": &f.odd} {
		taken.Store(true)
		for _, r := range requests {
			a := w.call(bearer, r.method, "/v1/keys"+r.path, r.body)
			w.want(a, 503, "")
			if a.header.Get("Retry-After") == "" || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %s %s: %v %s", name, r.method, r.path, a.header, a.body)
			}
		}
		w.want(w.call(bearer, "GET", "/v1/audit", ""), 503, "")
		taken.Store(false)
	}
	w.wantUnchanged(clients, members, events)
	w.want(w.as(id, "GET", "/v1/transactions", ""), 200, "")
}

// TestLostAnswer: a change that was committed, but whose answer was lost, is
// whole: with its event, and in effect once the feed brings it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f := &flaky{Store: memory.New()}
	w := newWorld(t, f)
	id := w.create("admin", `{"roles":["viewer"]}`)
	live, bearer := w.bearer(id), w.bearer("admin")
	f.lost.Store(true)
	w.want(w.call(bearer, "POST", "/v1/keys/"+id+"/suspend", ""), 503, "temporarily_unavailable")
	f.lost.Store(false)
	if c := w.client(id); c.Status != storage.Suspended || len(w.events(storage.EventFilter{Target: "key:" + id, Type: "key.suspended"})) != 1 {
		t.Errorf("half a change: %v", c.Status)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		if a := w.call(live, "GET", "/v1/transactions", ""); a.status == 401 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the suspension never came: %d %s", a.status, a.body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestConflictsAreDecidedAnewWithinBounds(t *testing.T) {
	t.Parallel()
	f := &flaky{Store: memory.New()}
	w := newWorld(t, f)
	id := w.keyWith("viewer")
	f.conflicts.Store(3)
	if _, err := w.service.SuspendKey(t.Context(), host, id, admin.Options{}); err != nil {
		t.Errorf("three conflicts: %v", err)
	}
	f.conflicts.Store(1)
	version := w.client(id).Version
	if _, err := w.service.ResumeKey(t.Context(), host, id, admin.Options{IfVersion: version}); !errors.Is(err, admin.ErrConflict) {
		t.Errorf("a conflict with a version named: %v", err)
	}
	f.conflicts.Store(1000)
	if _, err := w.service.ResumeKey(t.Context(), host, id, admin.Options{}); !errors.Is(err, admin.ErrConflict) {
		t.Errorf("conflicts without end: %v", err)
	}
	if left := f.conflicts.Load(); left < 900 {
		t.Errorf("tried %d times", 1000-left)
	}
}
