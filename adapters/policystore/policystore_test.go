package policystore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

var (
	opens = []string{"p", "role:teller", "acme", "till:*", "open", "allow"}
	stops = []string{"p", "role:teller", "acme", "till:9", "open", "deny"}
	till  = policy.Question{Organization: "acme", Subject: "key:1", Roles: []string{"teller"}, Object: "till:9", Action: "open"}
)

// stores are those that the tests run over.
func stores(t *testing.T) map[string]storage.Store {
	db, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "rules.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return map[string]storage.Store{"memory": memory.New(), "sqlite": db}
}

// open makes an instance that follows the store when a test says so. Its lease is
// long, so that a slow machine changes nothing.
func open(t *testing.T, s storage.Store) *policy.Live {
	t.Helper()
	l, err := policy.Open(t.Context(), policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules()}, policystore.New(s), policy.SyncConfig{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func reason(t *testing.T, l *policy.Live) string {
	t.Helper()
	d, err := l.Engine().Decide(t.Context(), till)
	if err != nil {
		t.Fatal(err)
	}
	return d.Reason
}

// hears holds that an instance has a change after asking for news once.
func hears(t *testing.T, l *policy.Live, want string) {
	t.Helper()
	if err := l.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := reason(t, l); got != want {
		t.Fatalf("%s after one question to the store, want %s", got, want)
	}
}

// TestOthersHearWithinASecond: an instance that runs has a change of another one
// within a second, and once the store is away denies within its lease.
func TestOthersHearWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		store := &severed{Store: memory.New()}
		a := open(t, store)
		b, err := policy.Open(ctx, policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules()}, policystore.New(store), policy.SyncConfig{})
		if err != nil {
			t.Fatal(err)
		}
		go b.Run(ctx)
		for revision, rows := range [][][]string{{opens}, {stops}} {
			if _, err := a.Apply(ctx, policy.Change{Organization: "acme", Revision: uint64(revision), Add: rows}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got, want := reason(t, b), reason(t, a); got != want || revision == 1 && got != policy.ReasonExplicitDeny {
				t.Errorf("%s after a second, the instance that changed it says %s", got, want)
			}
		}
		store.away.Store(true)
		time.Sleep(900*time.Millisecond + time.Nanosecond)
		if d, err := b.Engine().Decide(ctx, till); d.Reason != policy.ReasonStale || !errors.Is(err, policy.ErrStale) {
			t.Errorf("%+v %v, want it stale", d, err)
		}
	})
}

// severed is a store that can be made unreachable.
type severed struct {
	storage.Store
	away atomic.Bool
}

func (s *severed) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (storage.ChangeBatch, error) {
	if s.away.Load() {
		return storage.ChangeBatch{}, storage.ErrUnavailable
	}
	return s.Store.ChangesSince(ctx, cursor, now, limit)
}

func TestInstancesFollowTheStore(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, s), open(t, s)
			for i, c := range []struct {
				change policy.Change
				want   string
			}{
				{policy.Change{Organization: "acme", Add: [][]string{opens}, Actor: "user:ann"}, policy.ReasonAllowed},
				{policy.Change{Organization: "acme", Revision: 1, Add: [][]string{stops}}, policy.ReasonExplicitDeny},
				{policy.Change{Organization: "acme", Revision: 2, Remove: [][]string{stops}}, policy.ReasonAllowed},
				{policy.Change{Organization: "*", Add: [][]string{{"p", "role:teller", "*", "*", "*", "deny"}}}, policy.ReasonExplicitDeny},
			} {
				if _, err := a.Apply(t.Context(), c.change); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				if got := reason(t, a); got != c.want {
					t.Errorf("%d: %s at once, want %s", i, got, c.want)
				}
				if i == 2 { // and once the change feed has numbered them
					if _, err := s.Stamp(t.Context(), 100); err != nil {
						t.Fatal(err)
					}
				}
				hears(t, b, c.want)
			}
			history, err := b.History(t.Context(), "acme", 0, 10)
			if err != nil || len(history) != 3 || history[2].Actor != "user:ann" || history[0].Revision != 3 {
				t.Errorf("%+v %v", history, err)
			}
			if revision, err := b.Rollback(t.Context(), "acme", 0, "user:bob"); err != nil || revision != 4 {
				t.Errorf("%d %v", revision, err)
			}
			events, err := s.Events(t.Context(), storage.EventFilter{Type: "policy.changed", Limit: 10})
			if err != nil || len(events) != 5 {
				t.Errorf("%d events, %v", len(events), err)
			}
		})
	}
}

func TestConflictsAreTold(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			p := policystore.New(s)
			if _, err := p.ApplyRules(t.Context(), policy.Change{Organization: "acme", Add: [][]string{opens}}); err != nil {
				t.Fatal(err)
			}
			_, err := p.ApplyRules(t.Context(), policy.Change{Organization: "acme", Add: [][]string{stops}})
			var conflict *policy.ConflictError
			if !errors.As(err, &conflict) || conflict.Have != 1 || !errors.Is(err, policy.ErrConflict) {
				t.Errorf("%v", err)
			}
			for _, c := range []policy.Change{
				{Organization: "acme", Revision: 1, Add: [][]string{opens}},
				{Organization: "acme", Revision: 1, Remove: [][]string{stops}},
			} {
				if _, err := p.ApplyRules(t.Context(), c); err == nil {
					t.Errorf("%+v is applied", c)
				}
			}
		})
	}
}

// TestTransaction: a change joins a transaction, counts when it is committed,
// and leaves nothing when it is not.
func TestTransaction(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			transactor, ok := s.(storage.Transactor)
			if !ok {
				t.Fatal("the store has no transactions")
			}
			l := open(t, s)
			failed := errors.New("the rest of the transaction failed")
			for _, fail := range []error{failed, nil} {
				p, err := l.Prepare(t.Context(), policy.Change{Organization: "acme", Add: [][]string{opens}})
				if err != nil {
					t.Fatal(err)
				}
				err = transactor.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
					_, err := p.Store(policystore.InTransaction(ctx, tx))
					return errors.Join(err, fail)
				})
				if !errors.Is(err, fail) && fail != nil || fail == nil && err != nil {
					t.Fatal(err)
				}
				if got := reason(t, l); got != policy.ReasonNoMatchingRule {
					t.Errorf("before it is put in force: %s", got)
				}
				set, err := l.Rules(t.Context(), "acme")
				if err != nil || (set.Revision == 1) != (fail == nil) {
					t.Errorf("%+v %v", set, err)
				}
				if fail == nil {
					if err := p.Enforce(); err != nil {
						t.Fatal(err)
					}
					if got := reason(t, l); got != policy.ReasonAllowed {
						t.Errorf("in force: %s", got)
					}
				}
			}
		})
	}
}

func ExampleNew() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	live, err := policy.Open(ctx, policy.Config{
		Model: policy.DefaultModel(),
		Rules: policy.DefaultRules(), // part of the program; the store adds to them
	}, policystore.New(memory.New()), policy.SyncConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go live.Run(ctx)

	revision, err := live.Apply(ctx, policy.Change{
		Organization: "acme",
		Add:          [][]string{{"p", "role:teller", "acme", "till:*", "open", "allow"}},
		Actor:        "user:ann",
	})
	fmt.Println(revision, err)
	// Output: 1 <nil>
}

func TestContract(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		policytest.CheckStore(t, func() (a, b policy.Store) {
			s := memory.New()
			return policystore.New(s), policystore.New(s)
		})
	})
	t.Run("sqlite", func(t *testing.T) {
		policytest.CheckStore(t, func() (a, b policy.Store) {
			s := stores(t)["sqlite"]
			return policystore.New(s), policystore.New(s)
		})
	})
}
