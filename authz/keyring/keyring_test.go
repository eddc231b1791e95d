package keyring_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// clock is a wall clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// keys counts and, if told so, fails what a ring asks of its store.
type keys struct {
	storage.Keys
	mu    sync.Mutex
	lists int
	fail  error
}

func (k *keys) ListKeys(ctx context.Context) ([]storage.Key, error) {
	k.mu.Lock()
	k.lists++
	err := k.fail
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return k.Keys.ListKeys(ctx)
}

func (k *keys) set(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func (k *keys) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lists
}

// fixed are the parts of a ring that a test shares between several.
type fixed struct {
	store storage.Keys
	clock *clock
	roots []keyring.Root
}

func newFixed() *fixed {
	return &fixed{store: memory.New(), clock: newClock(), roots: []keyring.Root{keyring.NewRoot()}}
}

func (f *fixed) config() keyring.Config {
	return keyring.Config{
		Roots: f.roots, Issuer: "https://as.example", Environment: "production",
		Store: f.store, Now: f.clock.Now, MaxTokenLifetime: time.Hour, SigningLead: time.Minute,
	}
}

func (f *fixed) open(t testing.TB) *keyring.Ring {
	t.Helper()
	return openWith(t, f.config())
}

func openWith(t testing.TB, c keyring.Config) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// states lists the keys of a purpose in the store, by id.
func (f *fixed) states(t testing.TB, p keyring.Purpose) (states []storage.KeyState) {
	t.Helper()
	list, err := f.store.ListKeys(t.Context())
	ok(t, err)
	for _, k := range list {
		if k.Purpose == string(p) {
			states = append(states, k.State)
		}
	}
	return states
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field string
		spoil func(*keyring.Config)
	}{
		{"Roots", func(c *keyring.Config) { c.Roots = nil }},
		{"Roots[0].ID", func(c *keyring.Config) { c.Roots = []keyring.Root{{Secret: make([]byte, 32)}} }},
		{"Roots[0].Secret", func(c *keyring.Config) { c.Roots = []keyring.Root{{ID: "a", Secret: make([]byte, 31)}} }},
		{"Roots[1].Secret", func(c *keyring.Config) { c.Roots = append(c.Roots[:1:1], keyring.Root{ID: "b"}) }},
		{"Roots[1].ID", func(c *keyring.Config) { c.Roots = append(c.Roots[:1:1], c.Roots[0]) }},
		{"Issuer", func(c *keyring.Config) { c.Issuer = "" }},
		{"Environment", func(c *keyring.Config) { c.Environment = "" }},
		{"Store", func(c *keyring.Config) { c.Store = nil }},
		{"Lease", func(c *keyring.Config) { c.Lease = -1 }},
		{"SigningLead", func(c *keyring.Config) { c.SigningLead = -1 }},
		{"MaxTokenLifetime", func(c *keyring.Config) { c.MaxTokenLifetime = -1 }},
	} {
		t.Run(tc.field, func(t *testing.T) {
			t.Parallel()
			c := newFixed().config()
			tc.spoil(&c)
			r, err := keyring.Open(t.Context(), c)
			var ce *keyring.ConfigError
			if r != nil || !errors.As(err, &ce) || ce.Field != tc.field {
				t.Errorf("Open = %v, %v, want an error that names %s", r, err, tc.field)
			}
		})
	}
}

func TestOpenStoreDown(t *testing.T) {
	t.Parallel()
	f := newFixed()
	f.store = &keys{Keys: f.store, fail: storage.ErrUnavailable}
	if _, err := keyring.Open(t.Context(), f.config()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Open = %v, want storage.ErrUnavailable", err)
	}
}

// Without a rule for who is first, each instance would make keys of its own.
func TestOpenRacing(t *testing.T) {
	t.Parallel()
	f := newFixed()
	rings := make([]*keyring.Ring, 16)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			r, err := keyring.Open(context.Background(), f.config())
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	list, err := f.store.ListKeys(t.Context())
	ok(t, err)
	if len(list) != 3 {
		t.Errorf("%d keys were made, want one for each of three purposes", len(list))
	}
	for _, r := range rings {
		sealed := r.Seal(keyring.AccessToken, nil, []byte("x"), nil)
		for _, other := range rings {
			if _, err := other.Open(keyring.AccessToken, nil, sealed, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	f := newFixed()
	sealed := f.open(t).Seal(keyring.Record, nil, []byte("kept"), []byte("row"))
	got, err := f.open(t).Open(keyring.Record, nil, sealed, []byte("row"))
	if err != nil || string(got) != "kept" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
}

func TestStoredKeysAreWrapped(t *testing.T) {
	t.Parallel()
	f := newFixed()
	f.open(t)
	list, err := f.store.ListKeys(t.Context())
	ok(t, err)
	for i, k := range list {
		if len(k.Wrapped) != 24+32+16 || k.Root != f.roots[0].ID {
			t.Errorf("key %d: %d bytes under root %q", k.ID, len(k.Wrapped), k.Root)
		}
		// A row under another id does not open.
		moved := list[(i+1)%len(list)]
		other := memory.New()
		k.Wrapped = moved.Wrapped
		_, err := other.PutKey(t.Context(), k, storage.Event{})
		ok(t, err)
		c := f.config()
		c.Store = other
		if _, err := keyring.Open(t.Context(), c); !errors.Is(err, keyring.ErrTampered) {
			t.Errorf("key %d with another key's bytes: %v, want ErrTampered", k.ID, err)
		}
	}
}

func TestUnknownRoot(t *testing.T) {
	t.Parallel()
	f := newFixed()
	f.open(t)
	f.roots = []keyring.Root{keyring.NewRoot()}
	if _, err := keyring.Open(t.Context(), f.config()); !errors.Is(err, keyring.ErrUnknownRoot) {
		t.Errorf("Open = %v, want ErrUnknownRoot", err)
	}
	// The name of the root does not make it the right one.
	list, err := f.store.ListKeys(t.Context())
	ok(t, err)
	f.roots[0].ID = list[0].Root
	if _, err := keyring.Open(t.Context(), f.config()); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("Open = %v, want ErrTampered", err)
	}
}
