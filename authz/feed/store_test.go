package feed_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

// fakeStore is a store of changes that can be slow, away, or go back in time.
type fakeStore struct {
	mu   sync.Mutex
	rows map[storage.ChangeKey]storage.Change
	head uint64

	fail        error         // what every call answers
	sinceDelay  time.Duration // between reading and answering
	lookupDelay time.Duration
	onSince     func(cursor uint64) // called between reading and answering

	polls, lookups, stamps int
	asking, mostAsking     int
}

func newFakeStore() *fakeStore {
	return &fakeStore{rows: map[storage.ChangeKey]storage.Change{}}
}

func (s *fakeStore) with(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *fakeStore) count() (polls, lookups int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polls, s.lookups
}

// commit makes changes visible, not numbered yet, never lowering a row.
func (s *fakeStore) commit(changes ...storage.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		k := storage.ChangeKey{Kind: c.Kind, ID: c.ID}
		if old, ok := s.rows[k]; ok {
			if old.Version > c.Version {
				c.Version, c.Status = old.Version, old.Status
			}
			c.Epoch, c.MinGeneration = max(c.Epoch, old.Epoch), max(c.MinGeneration, old.MinGeneration)
			c.Ended = c.Ended || old.Ended
		}
		c.Seq = 0
		s.rows[k] = c
	}
}

// snapshot and restore are a failover to a standby that lags behind.
func (s *fakeStore) snapshot() (rows map[storage.ChangeKey]storage.Change, head uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows = map[storage.ChangeKey]storage.Change{}
	for k, c := range s.rows {
		rows[k] = c
	}
	return rows, s.head
}

func (s *fakeStore) restore(rows map[storage.ChangeKey]storage.Change, head uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.head = rows, head
}

func (s *fakeStore) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (storage.ChangeBatch, error) {
	s.mu.Lock()
	s.polls++
	fail, delay, on := s.fail, s.sinceDelay, s.onSince
	batch := storage.ChangeBatch{Next: cursor, Head: s.head}
	var stamped, unstamped []storage.Change
	for _, c := range s.rows {
		switch {
		case !c.Until.IsZero() && !c.Until.After(now):
		case c.Seq == 0:
			unstamped = append(unstamped, c)
		case c.Seq > cursor:
			stamped = append(stamped, c)
		}
	}
	s.mu.Unlock()
	if on != nil {
		on(cursor)
	}
	if err := sleep(ctx, delay); err != nil {
		return storage.ChangeBatch{}, err
	}
	if fail != nil {
		return storage.ChangeBatch{}, fail
	}
	slices.SortFunc(stamped, func(a, b storage.Change) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(stamped) > limit {
		stamped, batch.More = stamped[:limit], true
	}
	if n := len(stamped); n > 0 {
		batch.Next = stamped[n-1].Seq
	}
	batch.Changes = append(stamped, unstamped...)
	return batch, nil
}

func (s *fakeStore) LookupChanges(ctx context.Context, keys []storage.ChangeKey) (found []storage.Change, err error) {
	s.mu.Lock()
	s.lookups++
	s.asking++
	s.mostAsking = max(s.mostAsking, s.asking)
	fail, delay := s.fail, s.lookupDelay
	for _, k := range keys {
		if c, ok := s.rows[k]; ok {
			found = append(found, c)
		}
	}
	s.mu.Unlock()
	defer s.with(func() { s.asking-- })
	if err := sleep(ctx, delay); err != nil {
		return nil, err
	}
	return found, fail
}

func (s *fakeStore) Stamp(_ context.Context, limit int) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stamps++
	if s.fail != nil {
		return 0, s.fail
	}
	for k, c := range s.rows {
		if c.Seq == 0 && n < limit {
			s.head++
			c.Seq = s.head
			s.rows[k] = c
			n++
		}
	}
	return n, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs a feed until the test ends. It is called inside a bubble, where
// time passes only while everybody waits.
func start(t *testing.T, c feed.Config) *feed.Feed {
	t.Helper()
	f, err := feed.New(c)
	if err != nil {
		t.Fatal(err)
	}
	run(t, f)
	if err := f.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func run(t *testing.T, f *feed.Feed) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Run = %v", err)
		}
	})
}

const (
	interval = feed.DefaultInterval
	lease    = feed.DefaultLease
)

var grant = storage.ID{1}

// ticket is of a token that depends on everything a token can depend on.
func ticket() *feed.Ticket {
	return &feed.Ticket{
		Grant: grant, Generation: 3, Client: "client", Organization: "org", Subject: "user",
		ClientEpoch: 5, OrganizationEpoch: 5, MemberEpoch: 5,
	}
}

func soon() time.Time { return time.Now().Add(time.Hour) }

func suspended(version uint64) storage.Change {
	return storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Suspended, Version: version, Until: soon()}
}

func active(version uint64) storage.Change {
	return storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Active, Version: version, Until: soon()}
}

func ended(id storage.ID, client string) storage.Change {
	return storage.Change{Kind: storage.GrantChange, ID: string(id[:]), Client: client, Ended: true, Until: soon()}
}
