// Package throttle slows down the guessing of secrets. It counts failures only,
// so that honest load is never refused: a caller asks whether a key is over its
// limit before it does something costly, and reports what failed.
package throttle

import (
	"errors"
	"sync"
	"time"
)

// Config sets a throttle. Limit and Window are required.
type Config struct {
	// Limit is how many failures within Window a key may have.
	Limit  int
	Window time.Duration
	// Keys bounds how many keys are remembered, 100,000 by default. When that
	// many have failed within one window, the oldest are forgotten first.
	Keys int
	Now  func() time.Time
}

// Throttle counts failures by key, in this process. It is safe for concurrent
// use. The zero Throttle is not usable: see [New].
type Throttle struct {
	cfg Config
	mu  sync.Mutex
	// Two generations of counters: the current window and the one before. A key
	// counts what it has in both, weighted by how much of the previous window
	// the sliding one still covers.
	current, previous map[string]int
	began             time.Time
}

// New returns a throttle, or an error that names the field.
func New(cfg Config) (*Throttle, error) {
	if cfg.Limit <= 0 {
		return nil, errors.New("throttle: Config.Limit must be positive")
	}
	if cfg.Window <= 0 {
		return nil, errors.New("throttle: Config.Window must be positive")
	}
	if cfg.Keys <= 0 {
		cfg.Keys = 100_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Throttle{cfg: cfg, current: map[string]int{}, previous: map[string]int{}, began: cfg.Now()}, nil
}

// Over reports whether any of the keys has failed too often, and how long to
// wait before trying again.
func (t *Throttle) Over(keys ...string) (wait time.Duration, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.turn()
	for _, k := range keys {
		if t.count(k, now) >= t.cfg.Limit {
			return t.began.Add(t.cfg.Window).Sub(now), true
		}
	}
	return 0, false
}

// Failed counts a failure for every key.
func (t *Throttle) Failed(keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	for _, k := range keys {
		if len(t.current) >= t.cfg.Keys {
			t.previous, t.current = t.current, map[string]int{}
		}
		t.current[k]++
	}
}

// turn begins a new window when the current one is over.
func (t *Throttle) turn() time.Time {
	now := t.cfg.Now()
	switch since := now.Sub(t.began); {
	case since >= 2*t.cfg.Window || since < 0:
		t.previous, t.current, t.began = map[string]int{}, map[string]int{}, now
	case since >= t.cfg.Window:
		t.previous, t.current, t.began = t.current, map[string]int{}, t.began.Add(t.cfg.Window)
	}
	return now
}

func (t *Throttle) count(key string, now time.Time) int {
	left := t.cfg.Window - now.Sub(t.began)
	return t.current[key] + int(int64(t.previous[key])*int64(left)/int64(t.cfg.Window))
}
