package interop_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
)

// statements hears what is sent to PostgreSQL.
type statements struct {
	mu   sync.Mutex
	sent []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, data.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// TestOneTrip: what runs for every token is one statement on PostgreSQL if all is
// well, and says the same as the long way if not.
func TestOneTrip(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(postgresSchema(t))
	must(t, err)
	heard := new(statements)
	config.Tracer = heard
	pool := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = pool.Close() })
	s := newStore(t, openGorm(t, gormpostgres.New(gormpostgres.Config{Conn: pool})), gormstore.Options{Writers: 1})
	ctx, now := t.Context(), time.Now()
	must(t, s.CreateOrganization(ctx, storage.Organization{ID: "bench-org", Status: storage.Active}, storage.Event{}))
	must(t, s.CreateClient(ctx, storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active}, storage.Event{}))

	rotates := func(g storage.Grant, edit func(*storage.Rotation)) func() (storage.Outcome, error) {
		return func() (storage.Outcome, error) {
			r := rotation(g)
			if edit != nil {
				edit(&r)
			}
			answer, err := s.Rotate(ctx, r)
			return answer.Outcome, err
		}
	}
	stored, virtual, twice, dead, live := grant(), grant(), grant(), grant(), grant()
	dead.ExpiresAt = now.Add(-time.Second)
	ends := func(g storage.Grant, as *storage.Grant) func() (storage.Outcome, error) {
		return func() (storage.Outcome, error) {
			change, err := s.EndGrant(ctx, storage.End{ID: g.ID, At: now, Reason: "test", Until: now.Add(time.Hour), Virtual: as})
			if err == nil && !change.Ended {
				t.Error("the change of an end says nothing of it")
			}
			return storage.Done, err
		}
	}
	for _, g := range []storage.Grant{stored, twice, dead, live} {
		must(t, s.CreateGrant(ctx, g))
	}
	for _, test := range []struct {
		name string
		run  func() (storage.Outcome, error)
		want storage.Outcome
		one  bool
	}{
		{"Rotate", rotates(stored, nil), storage.Done, true},
		{"RotateVirtual", rotates(virtual, func(r *storage.Rotation) { r.Virtual = &virtual }), storage.Done, true},
		{"End", ends(live, nil), storage.Done, true},
		{"EndVirtual", ends(storage.Grant{ID: storage.NewID(now)}, &virtual), storage.Done, true},
		{"RotateOnce", rotates(twice, nil), storage.Done, true},
		{"RotateTwice", rotates(twice, nil), storage.Reused, false},
		{"RotateVirtualTwice", rotates(virtual, func(r *storage.Rotation) { r.Virtual = &virtual }), storage.Reused, false},
		{"RotateExpired", rotates(dead, nil), storage.Unknown, false},
		{"RotateOthers", rotates(stored, func(r *storage.Rotation) { r.Client = "other" }), storage.Unknown, false},
		{"EndAgain", ends(live, nil), storage.Done, false},
	} {
		must(t, s.Claim(ctx, "warm", []byte(test.name), now.Add(time.Hour))) // the connection is known to live
		heard.take()
		outcome, err := test.run()
		sent := heard.take()
		if err != nil || outcome != test.want {
			t.Errorf("%s: got %v, %v, want %v", test.name, outcome, err, test.want)
		}
		if one := len(sent) == 1 && strings.HasPrefix(sent[0], "WITH"); one != test.one {
			t.Errorf("%s: one statement: %v, want %v:\n%s", test.name, one, test.one, strings.Join(sent, "\n"))
		}
	}
}
