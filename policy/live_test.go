package policy

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func openLive(t testing.TB, s Store, c SyncConfig) *Live {
	t.Helper()
	l, err := Open(t.Context(), Config{Model: DefaultModel(), Rules: DefaultRules()}, s, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var (
	tellerOpens = []string{"p", "role:teller", "acme", "till:*", "open", "allow"}
	tellerStops = []string{"p", "role:teller", "acme", "till:9", "open", "deny"}
	opensTill   = Question{Organization: "acme", Subject: "key:1", Roles: []string{"teller"}, Object: "till:9", Action: "open"}
)

func TestFollowersHearInTimeAndFailClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a, b := openLive(t, store, SyncConfig{}), openLive(t, store, SyncConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go a.Run(ctx)
		go b.Run(ctx)
		if _, err := a.Apply(ctx, Change{Organization: "acme", Add: [][]string{tellerOpens}}); err != nil {
			t.Fatal(err)
		}
		ask := func(l *Live) (Decision, error) { return l.Engine().Decide(ctx, opensTill) }
		if d, err := ask(a); !d.Allowed {
			t.Errorf("on the instance that took it: %+v %v", d, err)
		}
		time.Sleep(250 * time.Millisecond)
		if d, err := ask(b); !d.Allowed {
			t.Errorf("on the other after 250 ms: %+v %v", d, err)
		}
		store.severed.Store(true)
		time.Sleep(600 * time.Millisecond)
		if d, err := ask(b); !d.Allowed {
			t.Errorf("within the lease: %+v %v", d, err)
		}
		time.Sleep(400 * time.Millisecond)
		d, err := ask(b)
		if d.Allowed || d.Reason != ReasonStale || !errors.Is(err, ErrStale) {
			t.Errorf("past the lease: %+v %v", d, err)
		}
		if _, err := b.Engine().KnownRoles(ctx, "acme"); !errors.Is(err, ErrStale) {
			t.Errorf("KnownRoles past the lease: %v", err)
		}
		store.severed.Store(false)
		time.Sleep(250 * time.Millisecond)
		if d, err := ask(b); !d.Allowed {
			t.Errorf("after the store came back: %+v %v", d, err)
		}
	})
}

// TestStoredRulesThatDoNotCompile: the organization keeps its former rules for
// as long as the lease and is denied then; others go on; mending it is enough.
func TestStoredRulesThatDoNotCompile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		store.force("acme", tellerOpens)
		store.force("globex", []string{"p", "role:teller", "globex", "till:*", "open", "allow"})
		var told []error
		l := openLive(t, store, SyncConfig{OnError: func(err error) { told = append(told, err) }})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go l.Run(ctx)
		other := opensTill
		other.Organization = "globex"
		expect := func(when string, q Question, want string) {
			t.Helper()
			if d, _ := l.Engine().Decide(ctx, q); d.Reason != want {
				t.Errorf("%s: %+v, want %s", when, d, want)
			}
		}
		expect("at first", opensTill, ReasonAllowed)
		store.force("acme", []string{"p", "role:teller", "acme", "till:*", "open", "Deny"})
		time.Sleep(300 * time.Millisecond)
		expect("broken, within the lease", opensTill, ReasonAllowed)
		time.Sleep(900 * time.Millisecond)
		expect("broken, past the lease", opensTill, ReasonStale)
		expect("another organization", other, ReasonAllowed)
		var bad *SetError
		if len(told) == 0 || !errors.As(told[0], &bad) || bad.Organization != "acme" {
			t.Errorf("told: %v", told)
		}
		store.force("acme", tellerOpens, tellerStops)
		time.Sleep(300 * time.Millisecond)
		expect("mended", opensTill, ReasonExplicitDeny)
		store.force("*", []string{"p", "role:teller", "*", "till"})
		time.Sleep(1200 * time.Millisecond)
		expect("broken for everyone", other, ReasonStale)
		store.force("*")
		time.Sleep(300 * time.Millisecond)
		expect("mended for everyone", other, ReasonAllowed)
	})
}

// TestOrganizationThatDoesNotGoWithNewCommonRules: two changes that are each well
// and together make a chain of roles that is too deep. Applied one after the
// other, the second is refused; stored by two instances at once, that
// organization alone is denied.
func TestOrganizationThatDoesNotGoWithNewCommonRules(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	chain := deepChain("*", 11)
	own := make([][]string, 0, 5)
	for _, r := range chain[6:] {
		own = append(own, append(append([]string{}, r[:3]...), "acme"))
	}
	store.force("acme", append(own, tellerOpens)...)
	store.force("globex", []string{"p", "role:teller", "globex", "till:*", "open", "allow"})
	l := openLive(t, store, SyncConfig{Lease: time.Hour})
	var bad *SetError
	if _, err := l.Apply(t.Context(), Change{Organization: "*", Add: chain[:6]}); !errors.As(err, &bad) || bad.Organization != "acme" {
		t.Errorf("applied: %v", err)
	}
	store.force("*", chain[:6]...)
	if err := l.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := opensTill
	other.Organization = "globex"
	if d, err := l.Engine().Decide(t.Context(), opensTill); d.Reason != ReasonStale || err == nil {
		t.Errorf("the organization: %+v %v", d, err)
	}
	if d, err := l.Engine().Decide(t.Context(), other); !d.Allowed || err != nil {
		t.Errorf("another: %+v %v", d, err)
	}
	// The rules for every one are taken back: the organization is tried again.
	store.force("*")
	for range 400 {
		if err := l.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := l.Engine().Decide(t.Context(), opensTill); !d.Allowed || err != nil {
		t.Errorf("mended: %+v %v", d, err)
	}
}

// TestStoreThatWentBack: after a failover to an older copy, the older rules are
// in force.
func TestStoreThatWentBack(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	store.force("acme", tellerOpens)
	old := store.sets["acme"]
	store.force("acme", tellerOpens, tellerStops)
	l := openLive(t, store, SyncConfig{Lease: time.Hour})
	store.mu.Lock()
	store.sets["acme"], store.log = old, store.log[:1]
	store.mu.Unlock()
	if err := l.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, _ := l.Engine().Decide(t.Context(), opensTill); !d.Allowed {
		t.Errorf("%+v", d)
	}
}

// TestRevisionGivenTwice: a store that lost a change gave its revision to
// another one, and nothing in its news tells.
func TestRevisionGivenTwice(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	for i := range 20 {
		store.force(fmt.Sprint("org-", i), []string{"p", "role:x", fmt.Sprint("org-", i), "doc", "read", "allow"})
	}
	store.force("acme", tellerOpens)
	l := openLive(t, store, SyncConfig{Poll: time.Second, Lease: time.Hour, Reload: 5 * time.Second})
	store.mu.Lock()
	store.sets["acme"] = RuleSet{"acme", 1, [][]string{tellerOpens, tellerStops}}
	store.mu.Unlock()
	for range 6 {
		if err := l.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d, _ := l.Engine().Decide(t.Context(), opensTill); d.Reason != ReasonExplicitDeny {
		t.Errorf("%+v", d)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := Config{Model: DefaultModel(), Rules: DefaultRules()}
	severed, broken := newMemStore(), newMemStore()
	severed.severed.Store(true)
	broken.force("*", []string{"p", "role:x"})
	for name, c := range map[string]struct {
		config Config
		store  Store
		sync   SyncConfig
	}{
		"no store":               {good, nil, SyncConfig{}},
		"no model":               {Config{Rules: DefaultRules()}, newMemStore(), SyncConfig{}},
		"a lease below the poll": {good, newMemStore(), SyncConfig{Poll: time.Second, Lease: time.Second}},
		"a negative poll":        {good, newMemStore(), SyncConfig{Poll: -1}},
		"a store that is away":   {good, severed, SyncConfig{}},
		"broken common rules":    {good, broken, SyncConfig{}},
	} {
		if _, err := Open(t.Context(), c.config, c.store, c.sync); err == nil {
			t.Errorf("%s: is opened", name)
		}
	}
}
