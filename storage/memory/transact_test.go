package memory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

func grant(n byte) storage.Grant {
	return storage.Grant{ID: storage.ID{15: n}, Client: client}
}

// has reports whether the store has the grant.
func has(t *testing.T, s storage.Store, n byte) bool {
	t.Helper()
	_, err := s.Grant(t.Context(), grant(n).ID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestTransactionIsApart(t *testing.T) {
	t.Parallel()
	s := memory.New()
	err := s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
		if err := tx.CreateGrant(ctx, grant(1)); err != nil {
			return err
		}
		if has(t, s, 1) {
			t.Error("a reader sees what is not committed")
		}
		return nil
	})
	if err != nil || !has(t, s, 1) {
		t.Fatalf("the transaction is not committed: %v", err)
	}
}

func TestCommandsWaitForTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		within, leave := make(chan struct{}), make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() {
			err := s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
				close(within)
				<-leave
				return tx.CreateGrant(ctx, grant(1))
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-within
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		for name, wait := range map[string]func() error{
			"command":     func() error { return s.CreateGrant(ctx, grant(2)) },
			"transaction": func() error { return s.Transact(ctx, func(context.Context, storage.Store) error { return nil }) },
		} {
			err := wait()
			if !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a %s that waited for too long returns %v", name, err)
			}
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("they waited for %v, want until the deadline", waited)
		}
		close(leave)
		done.Wait()
		if !has(t, s, 1) || has(t, s, 2) {
			t.Error("the wrong grants are there")
		}
	})
}

func TestTransactionOutlivedByItsContext(t *testing.T) {
	t.Parallel()
	s := memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
		err := tx.CreateGrant(ctx, grant(1))
		cancel()
		return err
	})
	if !errors.Is(err, storage.ErrUnavailable) || has(t, s, 1) {
		t.Errorf("a transaction whose context has ended: %v, committed: %v", err, has(t, s, 1))
	}
}

func TestNestedTransactions(t *testing.T) {
	t.Parallel()
	s := memory.New()
	undo := errors.New("undo it")
	err := s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
		inner := tx.(storage.Transactor)
		first := inner.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
			return errors.Join(tx.CreateGrant(ctx, grant(1)), undo)
		})
		second := inner.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
			return tx.CreateGrant(ctx, grant(2))
		})
		if !errors.Is(first, undo) || second != nil {
			t.Errorf("the inner transactions return %v and %v", first, second)
		}
		if has(t, tx, 1) || !has(t, tx, 2) || has(t, s, 2) {
			t.Error("the wrong grants are there within the outer transaction")
		}
		return nil
	})
	if err != nil || has(t, s, 1) || !has(t, s, 2) {
		t.Errorf("the wrong grants are there after the outer transaction: %v", err)
	}
}

func TestTransactionByManyGoroutines(t *testing.T) {
	t.Parallel()
	s := memory.New()
	err := s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
		var done sync.WaitGroup
		for n := range byte(32) {
			done.Go(func() {
				if err := tx.CreateGrant(ctx, grant(n)); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range byte(32) {
		if !has(t, s, n) {
			t.Errorf("grant %d is lost", n)
		}
	}
}

func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	s := memory.New()
	for i := range 1005 {
		o := storage.Organization{ID: fmt.Sprintf("org-%04d", i), Status: storage.Active}
		if err := s.CreateOrganization(t.Context(), o, event()); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]int{-1: 100, 0: 100, 1: 1, 1000: 1000, 1001: 1000, 1 << 30: 1000} {
		list, err := s.ListOrganizations(t.Context(), storage.Page{Limit: limit})
		if err != nil || len(list) != want {
			t.Errorf("a page of %d has %d records (%v), want %d", limit, len(list), err, want)
		}
	}
}

func TestEventWithoutIDIsNone(t *testing.T) {
	t.Parallel()
	s := memory.New()
	for _, id := range []string{"a", "b"} {
		if err := s.CreateOrganization(t.Context(), storage.Organization{ID: id}, storage.Event{Type: "lost"}); err != nil {
			t.Fatal(err)
		}
	}
	if events, err := s.Events(t.Context(), storage.EventFilter{}); err != nil || len(events) != 0 {
		t.Errorf("got %d events (%v), want none", len(events), err)
	}
}
