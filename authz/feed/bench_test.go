package feed_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

// warm returns a running feed that knows n ended grants, and a few other things.
func warm(tb testing.TB, n int, c feed.Config) *feed.Feed {
	tb.Helper()
	c.Store, c.MaxPerClient, c.ReloadEvery = newFakeStore(), 1<<20, time.Hour
	f, err := feed.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-done })
	if err := f.WaitReady(ctx); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		var id storage.ID
		binary.BigEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15+1)
		f.Apply(ended(id, "busy"))
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		f.Apply(storage.Change{Kind: storage.ClientChange, ID: id, Status: storage.Active, Version: 2, Until: soon()})
	}
	return f
}

func TestCheckAllocatesNothing(t *testing.T) {
	f := warm(t, 1000, feed.Config{Lease: time.Hour})
	tk := ticket()
	if n := testing.AllocsPerRun(1000, func() {
		if err := f.Check(context.Background(), tk); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, bm := range []struct {
		name string
		n    int
		tk   *feed.Ticket
	}{
		{"client/100k", 100_000, &feed.Ticket{Grant: grant, Client: "app_abcdefghijklmnopqrstuvwx", Organization: "org_abcdefgh"}},
		{"person/100k", 100_000, ticket()},
		{"client/1M", 1_000_000, &feed.Ticket{Grant: grant, Client: "app_abcdefghijklmnopqrstuvwx", Organization: "org_abcdefgh"}},
	} {
		f := warm(b, bm.n, feed.Config{Lease: time.Hour})
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			for b.Loop() {
				if err := f.Check(ctx, bm.tk); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bm.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ctx := context.Background()
				for pb.Next() {
					if err := f.Check(ctx, bm.tk); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkApply(b *testing.B) {
	f := warm(b, 0, feed.Config{Lease: time.Hour})
	c := ended(storage.ID{}, "busy")
	var id storage.ID
	i := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		i++
		binary.BigEndian.PutUint64(id[:], i%500_000)
		c.ID = string(id[:])
		f.Apply(c)
	}
}

func BenchmarkCacheGet(b *testing.B) {
	f := warm(b, 1000, feed.Config{Lease: time.Hour})
	rows := newRecords(record{"app_abcdefghijklmnopqrstuvwx", storage.Active, 1})
	c := rows.cache(f, 1000)
	b.ReportAllocs()
	ctx := context.Background()
	for b.Loop() {
		if _, err := c.Get(ctx, "app_abcdefghijklmnopqrstuvwx"); err != nil {
			b.Fatal(err)
		}
	}
}
