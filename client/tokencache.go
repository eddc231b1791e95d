package client

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// accessToken is a token and until when it is to be used.
type accessToken struct {
	value    string
	useUntil time.Time
}

// fetchFunc gets a new token; refused is one that is no longer good, or "".
type fetchFunc func(ctx context.Context, refused string) (accessToken, error)

// tokenCache keeps tokens in memory, the least recently used of which give way,
// and lets one request at a time fetch each. Safe for concurrent use.
type tokenCache struct {
	max     int
	timeout time.Duration
	now     func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element // of *tokenEntry
	recent  list.List                // the most recently used in front
}

type tokenEntry struct {
	key    string
	token  accessToken
	flight *flight // nil unless somebody fetches
}

// errFlight is what waiters get if a fetch ends without a result (it panicked).
var errFlight = errors.New("client: the token request ended without a result")

// flight is one fetch that any number of callers wait for.
type flight struct {
	done  chan struct{}
	token accessToken
	err   error
}

func newTokenCache(max int, timeout time.Duration, now func() time.Time) *tokenCache {
	return &tokenCache{max: max, timeout: timeout, now: now, entries: map[string]*list.Element{}}
}

// get returns the token under key, fetching it if there is none that may be
// used, or if the one there is the refused one.
func (c *tokenCache) get(ctx context.Context, key, refused string, fetch fetchFunc) (string, error) {
	for attempt := 0; ; attempt++ {
		token, f := c.look(ctx, key, refused, fetch)
		if f == nil {
			return token, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", &Error{Op: "token", Code: CodeUnreachable, Err: context.Cause(ctx)}
		}
		if f.err != nil {
			return "", f.err
		}
		// A fetch that began before this token was refused may have found it.
		if f.token.value != refused || attempt > 0 {
			return f.token.value, nil
		}
	}
}

// look returns a token, or the flight that will bring one.
func (c *tokenCache) look(ctx context.Context, key, refused string, fetch fetchFunc) (string, *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(key)
	if e.token.value != "" && e.token.value != refused && c.now().Before(e.token.useUntil) {
		return e.token.value, nil
	}
	if e.flight == nil {
		e.flight = &flight{done: make(chan struct{}), err: errFlight}
		go c.fly(context.WithoutCancel(ctx), e, e.flight, refused, fetch)
	}
	return "", e.flight
}

// fly fetches for everybody who waits; the first caller's going away ends
// nothing.
func (c *tokenCache) fly(ctx context.Context, e *tokenEntry, f *flight, refused string, fetch fetchFunc) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.flight = nil
		if f.err == nil {
			e.token = f.token
		}
		c.shrink()
		close(f.done)
	}()
	f.token, f.err = fetch(ctx, refused)
}

// put replaces the token under key.
func (c *tokenCache) put(key string, t accessToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entry(key).token = t
	c.shrink()
}

// drop forgets a token, unless another has taken its place.
func (c *tokenCache) drop(key, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.entries[key]; el != nil {
		if e := el.Value.(*tokenEntry); e.token.value == token || token == "" {
			e.token = accessToken{}
		}
	}
}

// entry returns the entry of a key, in front of the others.
func (c *tokenCache) entry(key string) *tokenEntry {
	if el := c.entries[key]; el != nil {
		c.recent.MoveToFront(el)
		return el.Value.(*tokenEntry)
	}
	e := &tokenEntry{key: key}
	c.entries[key] = c.recent.PushFront(e)
	return e
}

// shrink drops entries from the end, but none that is being fetched.
func (c *tokenCache) shrink() {
	for el := c.recent.Back(); el != nil && c.recent.Len() > c.max; {
		before := el.Prev()
		if e := el.Value.(*tokenEntry); e.flight == nil {
			c.recent.Remove(el)
			delete(c.entries, e.key)
		}
		el = before
	}
}
