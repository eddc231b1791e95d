package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// TestFollowMissesNothing has writers whose transactions overlap, take their time
// and are sometimes rolled back. A follower of a plain sequence ("id > the last
// one seen") misses rows: numbers are given before the commit and become visible
// out of order. The follower of the change feed sees every one.
func TestFollowMissesNothing(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s := newStore(t, db, gormstore.Options{})
			ctx := t.Context()
			now := time.Now()
			column := "id BIGSERIAL PRIMARY KEY"
			if d.name == "MySQL" {
				column = "id BIGINT AUTO_INCREMENT PRIMARY KEY"
			}
			must(t, db.Exec("CREATE TABLE naive ("+column+", grant_id VARCHAR(32) NOT NULL)").Error)

			var mu sync.Mutex
			committed := make(map[string]bool)
			var writers sync.WaitGroup
			for range 8 {
				writers.Go(func() {
					for range 40 {
						id := storage.NewID(time.Now())
						undone := errors.New("undone")
						err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
							if err := tx.Exec("INSERT INTO naive (grant_id) VALUES (?)", id.String()).Error; err != nil {
								return err
							}
							if _, err := s.WithTx(tx).EndGrant(ctx, storage.End{
								ID: id, At: now, Reason: "test", Until: now.Add(time.Hour),
								Virtual: &storage.Grant{Client: "client", ExpiresAt: now.Add(time.Hour)},
							}); err != nil {
								return err
							}
							time.Sleep(rand.N(20 * time.Millisecond))
							if rand.N(5) == 0 {
								return undone
							}
							return nil
						}, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
						switch {
						case err == nil:
							mu.Lock()
							committed[id.String()] = true
							mu.Unlock()
						case !errors.Is(err, undone):
							t.Error(err)
						}
					}
				})
			}

			finished, stop := context.WithCancel(ctx)
			var followers sync.WaitGroup
			naive, followed := make(map[string]bool), make(map[string]bool)
			follow := func(poll func() error) {
				followers.Go(func() {
					for last := false; !last; time.Sleep(2 * time.Millisecond) {
						last = finished.Err() != nil // once more after the last commit
						if err := poll(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			var seen int64
			follow(func() error {
				var rows []struct {
					ID      int64
					GrantID string
				}
				err := db.WithContext(ctx).Raw("SELECT id, grant_id FROM naive WHERE id > ? ORDER BY id", seen).Scan(&rows).Error
				for _, r := range rows {
					seen, naive[r.GrantID] = r.ID, true
				}
				return err
			})
			var cursor uint64
			follow(func() error {
				if _, err := s.Stamp(ctx, 1000); err != nil {
					return err
				}
				batch, err := s.ChangesSince(ctx, cursor, now, 1000)
				for _, c := range batch.Changes {
					if c.Seq != 0 { // what a cursor moves over, and nothing else
						followed[storage.ID([]byte(c.ID)).String()] = true
					}
				}
				cursor = batch.Next
				return err
			})
			writers.Wait()
			stop()
			followers.Wait()

			missed := func(by map[string]bool) (n int) {
				for id := range committed {
					if !by[id] {
						n++
					}
				}
				return n
			}
			t.Logf("of %d committed changes the plain sequence missed %d, the feed %d", len(committed), missed(naive), missed(followed))
			if missed(followed) != 0 {
				t.Errorf("the feed missed %d changes", missed(followed))
			}
			if missed(naive) == 0 {
				t.Error("the plain sequence missed nothing: this test does not show what it is for")
			}
			if len(followed) != len(committed) {
				t.Errorf("the feed has %d changes of %d that were committed", len(followed), len(committed))
			}
		})
	}
}

// TestJoin commits administrative commands with the host's own data, or neither.
func TestJoin(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s := newStore(t, db, gormstore.Options{})
			ctx := t.Context()
			must(t, db.Exec("CREATE TABLE host (name VARCHAR(100) PRIMARY KEY)").Error)
			undone := errors.New("undone")
			onboard := func(name string, fail bool) error {
				return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
					if err := tx.Exec("INSERT INTO host VALUES (?)", name).Error; err != nil {
						return err
					}
					in := s.WithTx(tx)
					if err := in.CreateOrganization(ctx, storage.Organization{ID: name, Status: storage.Active}, storage.Event{ID: storage.NewID(time.Now()), Organization: name}); err != nil {
						return err
					}
					if err := in.CreateClient(ctx, storage.Client{ID: name + "-key", Organization: name, Status: storage.Active, Roles: []string{"admin"}}, storage.Event{}); err != nil {
						return err
					}
					// A command that is refused leaves nothing behind, and the
					// transaction goes on.
					if err := in.CreateOrganization(ctx, storage.Organization{ID: name, Status: storage.Active}, storage.Event{}); !errors.Is(err, storage.ErrExists) {
						return errors.Join(errors.New("an organization was made twice"), err)
					}
					change, err := in.ApplyRules(ctx, storage.RuleChange{Organization: name, Add: [][]string{{"p", "admin", name, "*", "*", "allow"}}}, storage.Event{})
					if err != nil || change.Version != 1 {
						return errors.Join(errors.New("no rules were applied"), err)
					}
					if _, err := in.ApplyRules(ctx, storage.RuleChange{Organization: name, Revision: 1, Remove: [][]string{{"p", "nobody"}}}, storage.Event{}); !errors.Is(err, storage.ErrNotFound) {
						return errors.Join(errors.New("a missing rule was removed"), err)
					}
					if _, err := s.Client(ctx, name+"-key"); !errors.Is(err, storage.ErrNotFound) {
						return errors.Join(errors.New("others see it before the commit"), err)
					}
					if _, err := in.Client(ctx, name+"-key"); err != nil {
						return err
					}
					if fail {
						return undone
					}
					return nil
				})
			}
			must(t, onboard("kept", false))
			if err := onboard("dropped", true); !errors.Is(err, undone) {
				t.Fatal(err)
			}
			for name, want := range map[string]bool{"kept": true, "dropped": false} {
				var rows int64
				must(t, db.Table("host").Where("name = ?", name).Count(&rows).Error)
				_, err := s.Client(ctx, name+"-key")
				rules, rulesErr := s.LoadRules(ctx, name)
				must(t, rulesErr)
				events, eventsErr := s.Events(ctx, storage.EventFilter{Organization: name})
				must(t, eventsErr)
				changes, changesErr := s.LookupChanges(ctx, []storage.ChangeKey{{Kind: storage.RulesChange, ID: name}})
				must(t, changesErr)
				for what, is := range map[string]bool{
					"the host's row": rows == 1, "the client": err == nil, "the rules": len(rules.Rows) == 1,
					"the event": len(events) == 1, "the change": len(changes) == 1,
				} {
					if is != want {
						t.Errorf("%s of %s: there %v, want %v", what, name, is, want)
					}
				}
			}
		})
	}
}
