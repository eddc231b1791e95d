package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
)

// TestSuspensionIsSeen rotates through two instances while a third suspends the
// client: no rotation that was asked for after the suspension had returned is
// granted, and after it none uses the token up.
func TestSuspensionIsSeen(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := d.make(t)
			admin := newStore(t, d.open(t, dsn), gormstore.Options{})
			instances := []*gormstore.Store{
				newStore(t, d.open(t, dsn), gormstore.Options{}), newStore(t, d.open(t, dsn), gormstore.Options{}),
			}
			ctx := t.Context()
			now := time.Now()
			must(t, admin.CreateOrganization(ctx, storage.Organization{ID: "bench-org", Status: storage.Active}, storage.Event{}))
			must(t, admin.CreateClient(ctx, storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active}, storage.Event{}))

			suspended := make(chan struct{})
			var wait sync.WaitGroup
			for i := range 8 {
				wait.Go(func() {
					s := instances[i%2]
					g := grant()
					if err := s.CreateGrant(ctx, g); err != nil {
						t.Error(err)
						return
					}
					for {
						after := false
						select {
						case <-suspended:
							after = true
						default:
						}
						r := rotation(g)
						r.From = g.Generation
						answer, err := s.Rotate(context.Background(), r)
						if err != nil {
							t.Error(err)
							return
						}
						switch {
						case answer.Outcome == storage.Done && !after:
							g = answer.Grant
						case answer.Outcome == storage.Inactive:
							if kept, err := s.Grant(ctx, g.ID); err != nil || kept.Generation != g.Generation || !kept.EndedAt.IsZero() {
								t.Errorf("a refused rotation has changed the grant: %v", err)
							}
							return
						default:
							t.Errorf("a rotation was answered %v (suspended before it: %v)", answer.Outcome, after)
							return
						}
					}
				})
			}
			time.Sleep(200 * time.Millisecond)
			c, err := admin.Client(ctx, benchClient)
			must(t, err)
			c.Status = storage.Suspended
			_, err = admin.UpdateClient(ctx, c, storage.Quorum{}, now.Add(time.Hour), storage.Event{})
			must(t, err)
			close(suspended)
			wait.Wait()
		})
	}
}

// TestHostsIsolation rotates in a transaction of the host that has looked at the
// database before a suspension and sees it as it was. The rotation must not.
func TestHostsIsolation(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s := newStore(t, db, gormstore.Options{})
			ctx := t.Context()
			must(t, s.CreateOrganization(ctx, storage.Organization{ID: "bench-org", Status: storage.Active}, storage.Event{}))
			must(t, s.CreateClient(ctx, storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active}, storage.Event{}))
			g := grant()
			must(t, s.CreateGrant(ctx, g))

			tx := db.Begin(&sql.TxOptions{Isolation: sql.LevelRepeatableRead})
			must(t, tx.Error)
			defer tx.Rollback()
			in := s.WithTx(tx)
			old, err := in.Client(ctx, benchClient)
			must(t, err)

			next := old
			next.Status = storage.Suspended
			_, err = s.UpdateClient(ctx, next, storage.Quorum{}, time.Now().Add(time.Hour), storage.Event{})
			must(t, err)

			answer, err := in.Rotate(ctx, rotation(g))
			if err == nil && answer.Outcome != storage.Inactive || err != nil && !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("a rotation after a suspension was answered %v, %v", answer.Outcome, err)
			}
			if _, err := in.UpdateClient(ctx, old, storage.Quorum{}, time.Now().Add(time.Hour), storage.Event{}); !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("an update of an old version was answered %v", err)
			}
		})
	}
}
