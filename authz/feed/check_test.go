package feed_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	member := storage.MemberKey("org", "user")
	for _, tc := range []struct {
		name   string
		change storage.Change
		want   error
	}{
		{"grant ended", storage.Change{Kind: storage.GrantChange, ID: string(grant[:]), Ended: true}, feed.ErrEnded},
		{"grant moved on", storage.Change{Kind: storage.GrantChange, ID: string(grant[:]), MinGeneration: 4}, feed.ErrSuperseded},
		{"client suspended", storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Suspended}, feed.ErrSuspended},
		{"client revoked", storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Revoked}, feed.ErrRevoked},
		{"client ended", storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Active, Ended: true}, feed.ErrEnded},
		{"client in a status of later", storage.Change{Kind: storage.ClientChange, ID: "client", Status: 9}, feed.ErrSuspended},
		{"client's tokens ended", storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Active, Epoch: 6}, feed.ErrEpoch},
		{"organization suspended", storage.Change{Kind: storage.OrganizationChange, ID: "org", Status: storage.Suspended}, feed.ErrSuspended},
		{"organization revoked", storage.Change{Kind: storage.OrganizationChange, ID: "org", Status: storage.Revoked}, feed.ErrRevoked},
		{"organization's tokens ended", storage.Change{Kind: storage.OrganizationChange, ID: "org", Status: storage.Active, Epoch: 6}, feed.ErrEpoch},
		{"member suspended", storage.Change{Kind: storage.MemberChange, ID: member, Status: storage.Suspended}, feed.ErrSuspended},
		{"member revoked", storage.Change{Kind: storage.MemberChange, ID: member, Epoch: 5, Status: storage.Revoked}, feed.ErrRevoked},
		{"member's tokens ended", storage.Change{Kind: storage.MemberChange, ID: member, Status: storage.Active, Epoch: 6}, feed.ErrEpoch},

		{"grant at this generation", storage.Change{Kind: storage.GrantChange, ID: string(grant[:]), MinGeneration: 3}, nil},
		{"client changed", storage.Change{Kind: storage.ClientChange, ID: "client", Status: storage.Active, Version: 9, Epoch: 5}, nil},
		{"another grant", storage.Change{Kind: storage.GrantChange, ID: string(make([]byte, 16)), Ended: true}, nil},
		{"another client", storage.Change{Kind: storage.ClientChange, ID: "clien", Status: storage.Revoked}, nil},
		{"another organization", storage.Change{Kind: storage.OrganizationChange, ID: "client", Status: storage.Revoked}, nil},
		{"another's member", storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("orgu", "ser"), Status: storage.Revoked}, nil},
		{"member of another", storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("org2", "user"), Status: storage.Revoked}, nil},
		{"key", storage.Change{Kind: storage.KeyChange, ID: "client", Status: storage.Revoked, Ended: true}, nil},
	} {
		for how, c := range map[string]feed.Config{"by the feed": {}, "by the store": {Strict: true}} {
			t.Run(tc.name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					store := newFakeStore()
					c := c
					c.Store = store
					f := start(t, c)
					if err := f.Check(t.Context(), ticket()); err != nil {
						t.Fatalf("before: %v", err)
					}
					change := tc.change
					change.Until = soon()
					store.commit(change)
					time.Sleep(interval + time.Millisecond)
					if err := f.Check(t.Context(), ticket()); !errors.Is(err, tc.want) {
						t.Errorf("Check = %v, want %v", err, tc.want)
					}
					if _, lookups := store.count(); !c.Strict && lookups != 0 {
						t.Errorf("%d reads of the store", lookups)
					}
				})
			})
		}
	}
}

// A suspension may be lifted; it must not hide a reason that is final.
func TestFinalReasonsComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		f.Apply(suspended(2))
		f.Apply(storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("org", "user"), Epoch: 5, Status: storage.Revoked, Until: soon()})
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrRevoked) {
			t.Errorf("Check = %v, want ErrRevoked", err)
		}
		f.Apply(ended(grant, "client"))
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
			t.Errorf("Check = %v, want ErrEnded", err)
		}
	})
}

// Tokens without a person or without an organization depend on less.
func TestChecksOnlyWhatATokenDependsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		f.Apply(
			storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("org", ""), Status: storage.Revoked, Until: soon()},
			storage.Change{Kind: storage.OrganizationChange, ID: "", Status: storage.Revoked, Until: soon()})
		for _, tk := range []*feed.Ticket{
			{Grant: grant, Client: "client", Organization: "org"}, {Grant: grant, Client: "client"},
		} {
			if err := f.Check(t.Context(), tk); err != nil {
				t.Errorf("Check(%+v) = %v", tk, err)
			}
		}
	})
}

func TestSuspendResumeRevoke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		step := func(c storage.Change, want error) {
			t.Helper()
			store.commit(c)
			time.Sleep(interval + time.Millisecond)
			if err := f.Check(t.Context(), ticket()); !errors.Is(err, want) {
				t.Fatalf("Check = %v, want %v", err, want)
			}
		}
		step(suspended(2), feed.ErrSuspended)
		step(active(3), nil) // resume: the same token lives again
		step(suspended(4), feed.ErrSuspended)
		step(suspended(3), feed.ErrSuspended) // an older state that comes late
		step(active(5), nil)
		revoked := active(6)
		revoked.Status = storage.Revoked
		step(revoked, feed.ErrRevoked)
		step(active(5), feed.ErrRevoked) // never again
		ends := active(7)
		ends.Epoch = 6
		store.commit(ends)
		time.Sleep(interval + time.Millisecond)
		later := ticket()
		later.ClientEpoch = 6
		if err := f.Check(t.Context(), later); err != nil {
			t.Errorf("a token of the new epoch: %v", err)
		}
	})
}

// A member that was revoked can be made one again, with a higher epoch. A token of
// that membership is refused by who has not heard of it, but not for good.
func TestMemberAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		member := func(version, epoch uint64, status storage.Status) storage.Change {
			return storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("org", "user"), Version: version, Epoch: epoch, Status: status, Until: soon()}
		}
		old, fresh := ticket(), ticket()
		old.MemberEpoch, fresh.MemberEpoch = 4, 5
		want := func(before, after error) {
			t.Helper()
			if err := f.Check(t.Context(), old); !errors.Is(err, before) {
				t.Errorf("of before: Check = %v, want %v", err, before)
			}
			if err := f.Check(t.Context(), fresh); !errors.Is(err, after) {
				t.Errorf("of after: Check = %v, want %v", err, after)
			}
		}
		store.commit(member(2, 4, storage.Revoked))
		time.Sleep(interval + time.Millisecond)
		want(feed.ErrRevoked, feed.ErrSuspended)
		store.with(func() { store.fail = errDown })
		time.Sleep(lease)
		want(feed.ErrRevoked, feed.ErrStale)
		store.with(func() { store.fail = nil })
		store.commit(member(3, 5, storage.Active))
		time.Sleep(interval + time.Millisecond)
		want(feed.ErrEpoch, nil)
	})
}

func TestOwnChangesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		f.Apply(suspended(2))
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended", err)
		}
		if f.Version(storage.ClientChange, "client") != 2 || f.Version(storage.ClientChange, "other") != 0 {
			t.Error("Version does not know")
		}
		f.Apply(storage.Change{Kind: storage.MemberChange, ID: storage.MemberKey("a", "b"), Version: 7})
		f.Apply(storage.Change{Kind: storage.RulesChange, ID: "*", Version: 8})
		f.Apply(storage.Change{Kind: storage.GrantChange, ID: string(grant[:]), Version: 9, Until: soon()})
		f.Apply(storage.Change{Kind: storage.GrantChange, ID: "no grant", Version: 9, Until: soon()})
		for k, want := range map[storage.ChangeKey]uint64{
			{Kind: storage.MemberChange, ID: storage.MemberKey("a", "b")}: 7,
			{Kind: storage.MemberChange, ID: storage.MemberKey("a", "c")}: 0,
			{Kind: storage.RulesChange, ID: "*"}:                          8,
			{Kind: storage.GrantChange, ID: string(grant[:])}:             9,
			{Kind: storage.GrantChange, ID: "no grant"}:                   0,
		} {
			if got := f.Version(k.Kind, k.ID); got != want {
				t.Errorf("Version(%d, %q) = %d, want %d", k.Kind, k.ID, got, want)
			}
		}
	})
}

func TestStrict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, Strict: true})
		store.commit(suspended(2)) // not polled yet
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended at once", err)
		}
		store.with(func() { store.fail = errors.New("connection refused") })
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Check = %v, want ErrStale within the lease too", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{feed.ErrEnded, 401, "invalid_token"}, {feed.ErrSuperseded, 401, "invalid_token"}, {feed.ErrSuspended, 401, "invalid_token"},
		{feed.ErrRevoked, 401, "invalid_token"}, {feed.ErrEpoch, 401, "invalid_token"}, {feed.ErrStale, 503, "temporarily_unavailable"},
	} {
		var r interface{ Refusal() (int, string) }
		if !errors.As(tc.err, &r) {
			t.Fatalf("%v does not say how it is refused", tc.err)
		}
		if status, code := r.Refusal(); status != tc.status || code != tc.code {
			t.Errorf("%v: %d %s", tc.err, status, code)
		}
		if got := errors.Is(tc.err, storage.ErrUnavailable); got != (tc.status == 503) {
			t.Errorf("%v: unavailable is %v", tc.err, got)
		}
		for _, other := range []error{feed.ErrEnded, feed.ErrSuspended, feed.ErrStale} {
			if tc.err != other && errors.Is(tc.err, other) {
				t.Errorf("%v is %v", tc.err, other)
			}
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field string
		c     feed.Config
	}{
		{"Store", feed.Config{}},
		{"Interval", feed.Config{Store: newFakeStore(), Interval: -1}},
		{"Lease", feed.Config{Store: newFakeStore(), Lease: -1}},
		{"Lease", feed.Config{Store: newFakeStore(), Interval: time.Second, Lease: 2*time.Second - 1}},
		{"ReloadEvery", feed.Config{Store: newFakeStore(), ReloadEvery: -1}},
		{"MaxEntries", feed.Config{Store: newFakeStore(), MaxEntries: -1}},
		{"MaxPerClient", feed.Config{Store: newFakeStore(), MaxPerClient: -1}},
		{"MaxConcurrentLookups", feed.Config{Store: newFakeStore(), MaxConcurrentLookups: -1}},
	} {
		f, err := feed.New(tc.c)
		var ce *feed.ConfigError
		if f != nil || !errors.As(err, &ce) || ce.Field != tc.field {
			t.Errorf("New = %v, %v, want an error that names %s", f, err, tc.field)
		}
	}
}
