package interop_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/storage"
)

// BenchmarkCommands measures the hot commands with 1, 16 and 64 callers that each
// wait for their answer.
func BenchmarkCommands(b *testing.B) {
	stores := []struct {
		name string
		open func(*testing.B) *gormstore.Store
	}{
		{"SQLite", func(b *testing.B) *gormstore.Store {
			s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		}},
	}
	for _, d := range databases {
		stores = append(stores, struct {
			name string
			open func(*testing.B) *gormstore.Store
		}{d.name, func(b *testing.B) *gormstore.Store {
			return newStore(b, d.open(b, d.make(b)), gormstore.Options{})
		}})
	}
	for _, s := range stores {
		b.Run(s.name, func(b *testing.B) {
			store := s.open(b)
			seed(b, store)
			for _, command := range commands {
				for _, callers := range []int{1, 16, 64} {
					b.Run(fmt.Sprintf("%s/c=%d", command.name, callers), func(b *testing.B) {
						run(b, callers, command.make(b, store))
					})
				}
			}
		})
	}
}

const benchClient = "bench-client"

func seed(b *testing.B, s *gormstore.Store) {
	now := time.Now()
	must(b, s.CreateOrganization(b.Context(), storage.Organization{ID: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))
	must(b, s.CreateClient(b.Context(), storage.Client{ID: benchClient, Organization: "bench-org", Status: storage.Active, CreatedAt: now}, storage.Event{}))
}

// commands make what one iteration calls.
var commands = []struct {
	name string
	make func(*testing.B, *gormstore.Store) func(i int) error
}{
	{"Put", func(b *testing.B, s *gormstore.Store) func(int) error {
		return func(int) error { return s.PutArtifact(context.Background(), reference(300)) }
	}},
	{"Read", func(b *testing.B, s *gormstore.Store) func(int) error {
		a := reference(300)
		must(b, s.PutArtifact(b.Context(), a))
		return func(int) error {
			_, err := s.Artifact(context.Background(), a.Kind, a.Key)
			return err
		}
	}},
	{"Client", func(b *testing.B, s *gormstore.Store) func(int) error {
		return func(int) error {
			_, err := s.Client(context.Background(), benchClient)
			return err
		}
	}},
	{"Claim", func(b *testing.B, s *gormstore.Store) func(int) error {
		until := time.Now().Add(time.Hour)
		return func(int) error { return s.Claim(context.Background(), "jti", random(16), until) }
	}},
	{"Rotate", func(b *testing.B, s *gormstore.Store) func(int) error {
		grants := make([]storage.Grant, b.N)
		for i := range grants {
			grants[i] = grant()
		}
		parallel(b, 64, len(grants), func(i int) error { return s.CreateGrant(context.Background(), grants[i]) })
		return func(i int) error {
			answer, err := s.Rotate(context.Background(), rotation(grants[i]))
			if err == nil && answer.Outcome != storage.Done {
				err = fmt.Errorf("a rotation was answered %v", answer.Outcome)
			}
			return err
		}
	}},
	{"RotateVirtual", func(b *testing.B, s *gormstore.Store) func(int) error {
		return func(int) error {
			g := grant()
			r := rotation(g)
			r.Virtual = &g
			answer, err := s.Rotate(context.Background(), r)
			if err == nil && answer.Outcome != storage.Done {
				err = fmt.Errorf("a rotation was answered %v", answer.Outcome)
			}
			return err
		}
	}},
	{"End", func(b *testing.B, s *gormstore.Store) func(int) error {
		return func(int) error {
			g := grant()
			_, err := s.EndGrant(context.Background(), storage.End{ID: g.ID, At: time.Now(), Reason: "revoked", Until: time.Now().Add(time.Hour), Virtual: &g})
			return err
		}
	}},
	{"Redeem", func(b *testing.B, s *gormstore.Store) func(int) error {
		codes := make([]storage.Artifact, b.N)
		for i := range codes {
			codes[i] = reference(300)
			codes[i].Kind = storage.AuthorizationCode
		}
		parallel(b, 64, len(codes), func(i int) error { return s.PutArtifact(context.Background(), codes[i]) })
		return func(i int) error {
			g := grant()
			answer, err := s.Redeem(context.Background(), storage.Redemption{Kind: codes[i].Kind, Key: codes[i].Key, Client: benchClient, At: time.Now(), Grant: &g})
			if err == nil && answer.Outcome != storage.Done {
				err = fmt.Errorf("a redemption was answered %v", answer.Outcome)
			}
			return err
		}
	}},
}

func run(b *testing.B, callers int, call func(int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	parallel(b, callers, b.N, call)
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "op/s")
}

func parallel(b *testing.B, callers, n int, call func(int) error) {
	var next atomic.Int64
	done := make(chan error, callers)
	for range callers {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					done <- nil
					return
				}
				if err := call(i); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range callers {
		must(b, <-done)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

var made atomic.Int64

func reference(size int) storage.Artifact {
	now := time.Now()
	id := storage.NewID(now)
	return storage.Artifact{
		Kind: storage.ReferenceToken, Key: append(id[:6], random(26)...), Client: benchClient, Organization: "bench-org",
		Sealed: random(size), ExpiresAt: now.Add(time.Hour),
	}
}

func grant() storage.Grant {
	now := time.Now()
	return storage.Grant{
		ID: storage.NewID(now), Client: benchClient, Organization: "bench-org", Scopes: []string{"s" + strconv.FormatInt(made.Add(1)%10, 10)},
		ConsentedAt: now, ExpiresAt: now.Add(24 * time.Hour), AccessUntil: now.Add(time.Hour), Refresh: random(32), Sealed: random(100),
	}
}

func rotation(g storage.Grant) storage.Rotation {
	now := time.Now()
	return storage.Rotation{
		ID: g.ID, Client: g.Client, Presented: g.Refresh, Next: random(32), At: now,
		AccessUntil: now.Add(time.Hour), Until: now.Add(2 * time.Hour), Skew: time.Minute,
	}
}
