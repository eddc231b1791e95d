package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Benchmark measures the commands that are hot, from 16 goroutines per processor
// (stores that share a commit need company) and, as "Alone", from one. The store
// must be empty, or nearly so; open closes it when the benchmark ends.
func Benchmark(b *testing.B, open func(b *testing.B) storage.Store) {
	for _, m := range []struct {
		name string
		// worker returns what one goroutine does again and again.
		worker func(*load) func() error
	}{
		{"ReadClient", (*load).readClient},
		{"ReadGrant", (*load).readGrant},
		{"ChangesSince", (*load).changesSince},
		{"CreateGrant", (*load).createGrant},
		{"PutArtifact", (*load).putArtifact},
		{"PutAndRedeem", (*load).putAndRedeem},
		{"Rotate", (*load).rotate},
		{"RotateVirtual", (*load).rotateVirtual},
		{"EndVirtual", (*load).endVirtual},
		{"Claim", (*load).claim},
		{"AppendEvents", (*load).appendEvents},
	} {
		b.Run(m.name, func(b *testing.B) {
			l := newLoad(b, open(b))
			b.Run("Alone", func(b *testing.B) {
				work := m.worker(l.in(b))
				b.ReportAllocs()
				for b.Loop() {
					if err := work(); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("Together", func(b *testing.B) {
				l := l.in(b)
				b.SetParallelism(16)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					work := m.worker(l)
					for pb.Next() {
						if err := work(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		})
	}
}

// load makes the records that a benchmark writes.
type load struct {
	*testing.B
	store  storage.Store
	ctx    context.Context
	now    time.Time
	client storage.Client
	serial *atomic.Uint64
	tag    string
}

func newLoad(b *testing.B, s storage.Store) *load {
	b.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	l := &load{store: s, now: now, serial: new(atomic.Uint64), tag: unique()}
	o := storage.Organization{ID: "org-" + l.tag, Status: storage.Active}
	l.client = storage.Client{
		ID: "key-" + l.tag, Organization: o.ID, Environment: "production", Name: "benchmark", Status: storage.Active,
		Secrets: []storage.Secret{{ID: "1", Hash: "hs256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", CreatedAt: now}},
		Roles:   []string{"admin"}, GrantTypes: []string{"client_credentials", "refresh_token"},
		Scopes: []string{"accounts", "payments"}, RedirectURIs: []string{"https://app.example.com/callback"},
		CreatedAt: now, UpdatedAt: now,
	}
	if err := s.CreateOrganization(b.Context(), o, l.event()); err != nil {
		b.Fatal(err)
	}
	if err := s.CreateClient(b.Context(), l.client, l.event()); err != nil {
		b.Fatal(err)
	}
	return l
}

// in returns the load for a part of the benchmark.
func (l *load) in(b *testing.B) *load {
	inner := *l
	inner.B, inner.ctx = b, b.Context()
	return &inner
}

func (l *load) event() storage.Event {
	now := time.Now()
	return storage.Event{ID: storage.NewID(now), At: now, Type: "benchmark", Outcome: "ok", Actor: "host"}
}

// key returns 32 bytes that nobody else has.
func (l *load) key() []byte {
	return fmt.Appendf(make([]byte, 0, 32), "%s%020d", l.tag, l.serial.Add(1))
}

func (l *load) grant(generation uint32) storage.Grant {
	return storage.Grant{
		ID: storage.NewID(time.Now()), Client: l.client.ID, Organization: l.client.Organization,
		Scopes: []string{"accounts"}, Sealed: make([]byte, 128), ConsentedAt: l.now,
		ExpiresAt: l.now.Add(90 * day), IdleAt: l.now.Add(30 * day), AccessUntil: l.now.Add(hour),
		Generation: generation, Refresh: l.key(),
	}
}

func (l *load) rotation(g storage.Grant) storage.Rotation {
	return storage.Rotation{
		ID: g.ID, Client: g.Client, From: g.Generation, Presented: g.Refresh, Next: l.key(), At: l.now,
		IdleAt: g.IdleAt, AccessUntil: g.AccessUntil, Until: l.now.Add(hour), Skew: 5 * minute,
	}
}

func (l *load) artifact() storage.Artifact {
	return storage.Artifact{
		Kind: storage.AuthorizationCode, Key: l.key(), Client: l.client.ID, Organization: l.client.Organization,
		Sealed: make([]byte, 256), ExpiresAt: l.now.Add(hour),
	}
}

func (l *load) readClient() func() error {
	return func() error {
		_, err := l.store.Client(l.ctx, l.client.ID)
		return err
	}
}

func (l *load) readGrant() func() error {
	g := l.grant(1)
	if err := l.store.CreateGrant(l.ctx, g); err != nil {
		l.Error(err)
	}
	return func() error {
		_, err := l.store.Grant(l.ctx, g.ID)
		return err
	}
}

// changesSince is the poll of an instance that has nothing new to hear.
func (l *load) changesSince() func() error {
	return func() error {
		_, err := l.store.ChangesSince(l.ctx, 0, l.now, 1000)
		return err
	}
}

func (l *load) createGrant() func() error {
	return func() error { return l.store.CreateGrant(l.ctx, l.grant(1)) }
}

func (l *load) putArtifact() func() error {
	return func() error { return l.store.PutArtifact(l.ctx, l.artifact()) }
}

func (l *load) putAndRedeem() func() error {
	return func() error {
		a := l.artifact()
		if err := l.store.PutArtifact(l.ctx, a); err != nil {
			return err
		}
		g := l.grant(1)
		r, err := l.store.Redeem(l.ctx, storage.Redemption{
			Kind: a.Kind, Key: a.Key, Client: a.Client, At: l.now, Grant: &g, Until: l.now.Add(hour),
		})
		return outcome(r.Outcome, err)
	}
}

// rotate exchanges the refresh tokens of one grant, one after another.
func (l *load) rotate() func() error {
	g := l.grant(1)
	if err := l.store.CreateGrant(l.ctx, g); err != nil {
		l.Error(err)
	}
	return func() error {
		r, err := l.store.Rotate(l.ctx, l.rotation(g))
		g = r.Grant
		return outcome(r.Outcome, err)
	}
}

func (l *load) rotateVirtual() func() error {
	return func() error {
		g := l.grant(0)
		r := l.rotation(g)
		r.Virtual = &g
		answer, err := l.store.Rotate(l.ctx, r)
		return outcome(answer.Outcome, err)
	}
}

func (l *load) endVirtual() func() error {
	return func() error {
		g := l.grant(0)
		_, err := l.store.EndGrant(l.ctx, storage.End{
			ID: g.ID, Client: g.Client, At: l.now, Reason: "revoked", Until: l.now.Add(hour), Virtual: &g,
		})
		return err
	}
}

func (l *load) claim() func() error {
	return func() error { return l.store.Claim(l.ctx, "benchmark", l.key(), l.now.Add(hour)) }
}

func (l *load) appendEvents() func() error {
	return func() error { return l.store.AppendEvents(l.ctx, []storage.Event{l.event()}) }
}
