package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"github.com/go-sql-driver/mysql"
)

// killers end all connections of a database, given the name of its data source.
var killers = map[string]func(*testing.T, string) int{
	"PostgreSQL": func(t *testing.T, dsn string) int {
		at, err := url.Parse(dsn)
		must(t, err)
		db, err := sql.Open("pgx", os.Getenv(postgresVariable))
		must(t, err)
		defer db.Close()
		var n int
		must(t, db.QueryRow("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1",
			at.Query().Get("application_name")).Scan(&n))
		return n
	},
	"MySQL": func(t *testing.T, dsn string) int {
		config, err := mysql.ParseDSN(dsn)
		must(t, err)
		db, err := sql.Open("mysql", os.Getenv(mysqlVariable))
		must(t, err)
		defer db.Close()
		rows, err := db.Query("SELECT id FROM information_schema.processlist WHERE db = ?", config.DBName)
		must(t, err)
		var ids []int64
		for rows.Next() {
			var id int64
			must(t, rows.Scan(&id))
			ids = append(ids, id)
		}
		must(t, rows.Close())
		for _, id := range ids {
			_, _ = db.Exec("KILL ?", id) // it may have gone by itself
		}
		return len(ids)
	},
}

// TestConnectionsCut cuts all connections under load. Commands that fail say
// that the store was unavailable, those that were answered are in the database,
// and it goes on by itself.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := d.make(t)
			s := newStore(t, d.open(t, dsn), gormstore.Options{})
			ctx := t.Context()
			now := time.Now()
			must(t, s.CreateOrganization(ctx, storage.Organization{ID: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))
			must(t, s.CreateClient(ctx, storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))

			var mu sync.Mutex
			var ended []storage.ID
			failures := 0
			attempt := func(err error) bool {
				if err == nil {
					return true
				}
				if !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("a cut connection was answered %v", err)
				}
				mu.Lock()
				failures++
				mu.Unlock()
				return false
			}
			stop := make(chan struct{})
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						g := grant()
						if !attempt(s.CreateGrant(ctx, g)) {
							continue
						}
						answer, err := s.Rotate(ctx, rotation(g))
						if !attempt(err) {
							continue
						}
						if answer.Outcome != storage.Done {
							t.Errorf("a first rotation was answered %v", answer.Outcome)
						}
						if _, err = s.EndGrant(ctx, storage.End{ID: g.ID, At: time.Now(), Reason: "test", Until: now.Add(time.Hour)}); !attempt(err) {
							continue
						}
						mu.Lock()
						ended = append(ended, g.ID)
						mu.Unlock()
						_, err = s.ChangesSince(ctx, 0, now, 100)
						attempt(err)
					}
				})
			}
			cut := 0
			for range 5 {
				time.Sleep(100 * time.Millisecond)
				cut += killers[d.name](t, dsn)
			}
			time.Sleep(100 * time.Millisecond)
			close(stop)
			wait.Wait()
			if cut == 0 {
				t.Error("no connection was cut")
			}
			t.Logf("%d connections cut, %d commands unavailable, %d grants ended", cut, failures, len(ended))

			// An idle store whose connections have died meanwhile answers at once.
			time.Sleep(1100 * time.Millisecond)
			killers[d.name](t, dsn)
			must(t, s.Claim(ctx, "after", []byte("1"), now.Add(time.Hour)))
			must(t, s.PutArtifact(ctx, reference(10)))
			if _, err := s.ChangesSince(ctx, 0, now, 100); err != nil {
				t.Errorf("the feed has not recovered: %v", err)
			}
			must(t, s.Ping(ctx))
			for _, id := range ended {
				g, err := s.Grant(ctx, id)
				if err != nil || g.EndedAt.IsZero() || g.Generation != 1 {
					t.Fatalf("an acknowledged end is lost: %+v, %v", g, err)
				}
			}
		})
	}
}

// TestNoAnswer holds the rows that a command needs. It is given up at the
// caller's deadline, commands that find the queue full are refused at once, and
// all is well when the rows are free again.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s := newStore(t, db, gormstore.Options{Writers: 1, Queue: 4, Batch: 2, Timeout: 2 * time.Second})
			g := grant()
			must(t, s.CreateGrant(t.Context(), g))
			end := storage.End{ID: g.ID, At: time.Now(), Reason: "test", Until: time.Now().Add(time.Hour)}

			tx := db.Begin()
			must(t, tx.Error)
			must(t, tx.Exec("UPDATE gw_grant SET end_reason = end_reason WHERE id = ?", g.ID[:]).Error)
			must(t, tx.Exec("UPDATE gw_grant SET idle_at = 1 WHERE id = ?", g.ID[:]).Error)

			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := s.EndGrant(ctx, end)
			if !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, storage.ErrBusy) {
				t.Errorf("a command without an answer was told %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v to give up", took)
			}

			var wait sync.WaitGroup
			busy := make(chan error, 20)
			for range 20 {
				wait.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
					defer cancel()
					began := time.Now()
					err := s.Claim(ctx, "x", random(8), time.Now().Add(time.Hour))
					if errors.Is(err, storage.ErrBusy) && time.Since(began) < 200*time.Millisecond {
						busy <- err
					}
				})
			}
			wait.Wait()
			if n := len(busy); n < 10 {
				t.Errorf("%d of 20 commands were refused at a full queue of 4", n)
			}
			must(t, tx.Rollback().Error)
			deadline := time.Now().Add(10 * time.Second)
			for {
				if _, err = s.EndGrant(t.Context(), end); err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("it has not recovered: %v", err)
				}
			}
		})
	}
}

// TestOneRowHeld holds one row that a command of a batch needs. The others of the
// batch do not wait for it to the end.
func TestOneRowHeld(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s := newStore(t, db, gormstore.Options{Writers: 1})
			held, free := grant(), grant()
			must(t, s.CreateGrant(t.Context(), held))
			must(t, s.CreateGrant(t.Context(), free))
			tx := db.Begin()
			must(t, tx.Error)
			defer tx.Rollback()
			must(t, tx.Exec("UPDATE gw_grant SET idle_at = 1 WHERE id = ?", held.ID[:]).Error)

			end := func(id storage.ID) error {
				_, err := s.EndGrant(t.Context(), storage.End{ID: id, At: time.Now(), Reason: "test", Until: time.Now().Add(time.Hour)})
				return err
			}
			var wait sync.WaitGroup
			wait.Go(func() {
				if err := end(held.ID); !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("a command whose row is held was answered %v", err)
				}
			})
			for i := range 20 {
				wait.Go(func() {
					if err := s.Claim(t.Context(), "x", []byte{byte(i)}, time.Now().Add(time.Hour)); err != nil {
						t.Errorf("a command beside it: %v", err)
					}
				})
			}
			wait.Go(func() {
				if err := end(free.ID); err != nil {
					t.Errorf("the end of another grant: %v", err)
				}
			})
			wait.Wait()
		})
	}
}

// TestClose drains what was taken and refuses what comes after.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			s, err := gormstore.New(t.Context(), db, gormstore.Options{Migrate: true})
			must(t, err)
			var mu sync.Mutex
			var acknowledged []storage.ID
			var wait sync.WaitGroup
			for range 16 {
				wait.Go(func() {
					for {
						g := grant()
						err := s.CreateGrant(context.Background(), g)
						if err != nil {
							if !errors.Is(err, storage.ErrUnavailable) {
								t.Errorf("a closed store says %v", err)
							}
							return
						}
						mu.Lock()
						acknowledged = append(acknowledged, g.ID)
						mu.Unlock()
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
			must(t, s.Close(t.Context()))
			wait.Wait()
			must(t, s.Close(t.Context())) // again
			for what, err := range map[string]error{
				"Ping":  s.Ping(t.Context()),
				"Touch": s.Touch(t.Context(), []storage.LastUse{{Client: "x", At: time.Now()}}),
				"Grant": func() error { _, err := s.Grant(t.Context(), storage.ID{1}); return err }(),
				"ChangesSince": func() error {
					_, err := s.ChangesSince(t.Context(), 0, time.Now(), 10)
					return err
				}(),
				"ListKeys": func() error { _, err := s.ListKeys(t.Context()); return err }(),
			} {
				if !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("%s of a closed store: %v", what, err)
				}
			}
			pool, err := db.DB()
			must(t, err)
			if n := pool.Stats().InUse; n != 0 {
				t.Errorf("%d connections are still in use", n)
			}
			again := newStore(t, db, gormstore.Options{})
			for _, id := range acknowledged {
				if _, err := again.Grant(t.Context(), id); err != nil {
					t.Fatalf("an acknowledged grant: %v", err)
				}
			}
		})
	}
}
