package feed

import (
	"hash/maphash"
	"log/slog"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Defaults of [Config].
const (
	DefaultInterval             = 200 * time.Millisecond
	DefaultLease                = 900 * time.Millisecond
	DefaultReloadEvery          = time.Minute
	DefaultMaxEntries           = 1 << 20
	DefaultMaxPerClient         = 1 << 16
	DefaultMaxConcurrentLookups = 16
)

const (
	pageSize  = 4096
	stampSize = 1024
	// slowTimeout bounds reads that no lease hangs on: pages of a full load, and
	// records for a cache.
	slowTimeout = 5 * time.Second
)

// Config is what a [Feed] needs. Store is required; zero takes the default
// elsewhere.
type Config struct {
	// Store is read from its primary.
	Store storage.Changes
	// Interval is the time between polls, and between rounds of stamping.
	// Default 200 ms.
	Interval time.Duration
	// Lease is how long what is known counts, from the start of the last good
	// poll; at least two intervals. Default 900 ms.
	Lease time.Duration
	// ReloadEvery is the time between full loads, which also forget what no token
	// can depend on any more. Default one minute.
	ReloadEvery time.Duration
	// MaxEntries bounds what is kept, at about 100 bytes each and twice that
	// during a full load; beyond it, everything is checked against the store
	// until a full load finds room. Default 1,048,576.
	MaxEntries int
	// MaxPerClient bounds the grants of one client in it; beyond, the tokens of
	// this client are checked against the store. Default 65,536.
	MaxPerClient int
	// MaxConcurrentLookups bounds the reads of the store by checks, and by each
	// of what caches load. Default 16.
	MaxConcurrentLookups int
	// Strict asks the store at every check.
	Strict bool
	// Now is the wall clock; default [time.Now].
	Now func() time.Time
	// Logger hears of lost and regained connections; default none.
	Logger *slog.Logger
	// OnChange is called for each change that is news, own ones included. It may
	// come twice for one change and from several goroutines at once, and must not
	// block.
	OnChange func(storage.Change)
}

// ConfigError says which field of [Config] is wrong, and why.
type ConfigError struct {
	Field  string
	Reason string
}

// Error implements error.
func (e *ConfigError) Error() string { return "feed: Config." + e.Field + ": " + e.Reason }

// New validates the configuration. The feed does nothing until [Feed.Run].
func New(c Config) (*Feed, error) {
	if c.Store == nil {
		return nil, &ConfigError{"Store", "is required"}
	}
	for _, d := range []struct {
		field    string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Interval", &c.Interval, DefaultInterval},
		{"Lease", &c.Lease, DefaultLease},
		{"ReloadEvery", &c.ReloadEvery, DefaultReloadEvery},
	} {
		if *d.value < 0 {
			return nil, &ConfigError{d.field, "must not be negative"}
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.Lease < 2*c.Interval {
		return nil, &ConfigError{"Lease", "must be at least two intervals"}
	}
	for _, n := range []struct {
		field    string
		value    *int
		fallback int
	}{
		{"MaxEntries", &c.MaxEntries, DefaultMaxEntries},
		{"MaxPerClient", &c.MaxPerClient, DefaultMaxPerClient},
		{"MaxConcurrentLookups", &c.MaxConcurrentLookups, DefaultMaxConcurrentLookups},
	} {
		if *n.value < 0 {
			return nil, &ConfigError{n.field, "must not be negative"}
		}
		if *n.value == 0 {
			*n.value = n.fallback
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Feed{
		cfg:    c,
		seed:   maphash.MakeSeed(),
		ready:  make(chan struct{}),
		poke:   make(chan struct{}, 1),
		next:   newRound(),
		checks: make(chan struct{}, c.MaxConcurrentLookups),
		loads:  make(chan struct{}, c.MaxConcurrentLookups),
		caches: map[storage.ChangeKind][]invalidator{},
	}
	f.view.Store(newView(f.seed, f.limits()))
	return f, nil
}

func (f *Feed) limits() limits { return limits{f.cfg.MaxEntries, f.cfg.MaxPerClient} }
