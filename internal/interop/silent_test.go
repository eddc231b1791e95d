package interop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
)

// TestSilentDatabase: a database that neither answers nor refuses is unavailable
// after a while, also to callers who would wait for ever, and found again.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			l := relayed(t, d.make(t))
			s := newStore(t, d.open(t, l.dsn), gormstore.Options{Timeout: 300 * time.Millisecond})
			ctx, now := t.Context(), time.Now()
			must(t, s.CreateOrganization(ctx, storage.Organization{ID: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))
			must(t, s.CreateClient(ctx, storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))
			g := grant()
			commands := map[string]func(context.Context) error{
				"Ping":        s.Ping,
				"Client":      func(ctx context.Context) error { _, err := s.Client(ctx, benchClient); return err },
				"ListClients": func(ctx context.Context) error { _, err := s.ListClients(ctx, "bench-org", storage.Page{}); return err },
				"CreateGrant": func(ctx context.Context) error { return s.CreateGrant(ctx, g) },
				"CreateOrganization": func(ctx context.Context) error {
					return s.CreateOrganization(ctx, storage.Organization{ID: "late", Status: storage.Active, CreatedAt: now}, storage.Event{})
				},
			}
			l.set(false, true)
			for name, command := range commands {
				began := time.Now()
				if err := command(ctx); !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("%s: %v", name, err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s took %v", name, took)
				}
			}
			l.set(true, false) // what was held is lost
			l.set(false, false)
			if err := s.Ping(ctx); err != nil {
				t.Errorf("mended: %v", err)
			}
			if _, err := s.Organization(ctx, "late"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("a command that was answered with an error: %v", err)
			}
		})
	}
}
