package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// scenario is one kind of request.
type scenario struct {
	name    string
	variant variant
	// without names the servers that have no such thing.
	without []string
	// prepare does what has to be there first, and returns one operation for each
	// worker.
	prepare func(*load) ([]operation, error)
}

func (s scenario) served(server string) bool { return !slices.Contains(s.without, server) }

// operation sends one request and checks the answer. It returns errExhausted
// when there is nothing left to send.
type operation func(*connection) error

var errExhausted = errors.New("nothing left to send")

// load is what scenarios work with: a server and the workers' connections.
type load struct {
	offer       offer
	connections []*connection
	duration    time.Duration
	// after, if set, checks what the operations have brought about.
	after func() error
}

const (
	tokenPath      = "/oauth2/token"
	introspectPath = "/oauth2/introspect"
	revokePath     = "/oauth2/revoke"
	accountsPath   = "/v1/accounts"
)

var scenarios = []scenario{
	{name: "client_credentials", prepare: prepareIssue(false)},
	{name: "client_credentials+refresh", variant: refreshing, without: []string{fositeGORM}, prepare: prepareIssue(true)},
	{name: "reference tokens", variant: references, prepare: prepareIssue(false)},
	{name: "introspection", prepare: prepareIntrospection},
	{name: "guarded request", prepare: prepareGuarded},
	{name: "refresh", variant: refreshing, prepare: prepareRefresh},
	{name: "revoke", prepare: prepareRevoke},
}

func scenarioNamed(name string) (scenario, error) {
	for _, s := range scenarios {
		if s.name == name {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("%q is no scenario", name)
}

// tokens is a token answer (RFC 6749 section 5.1).
type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Refresh   string `json:"refresh_token"`
	Scope     string `json:"scope"`
}

func (l *load) requestTokens(c *connection, form string, refresh bool) (t tokens, err error) {
	status, body, err := c.post(tokenPath, l.offer.Client, form)
	if err != nil {
		return t, err
	}
	if status != 200 {
		return t, fmt.Errorf("a token request was answered %d: %s", status, body)
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, fmt.Errorf("a token answer: %w", err)
	}
	if t.Access == "" || t.Type != "bearer" && t.Type != "Bearer" || t.ExpiresIn <= 0 || (t.Refresh != "") != refresh {
		return t, fmt.Errorf("a token answer is not as it should be: type %q, expires in %d, access token: %t, refresh token: %t",
			t.Type, t.ExpiresIn, t.Access != "", t.Refresh != "")
	}
	return t, nil
}

func prepareIssue(refresh bool) func(*load) ([]operation, error) {
	return func(l *load) ([]operation, error) {
		return each(l.connections, func(*connection) (operation, error) {
			var last string
			return func(c *connection) error {
				t, err := l.requestTokens(c, issueForm, refresh)
				if err == nil && t.Access == last {
					return errors.New("an access token was issued twice")
				}
				last = t.Access
				return err
			}, nil
		})
	}
}

// distinct is how many tokens are used in turn.
const distinct = 256

func (l *load) issueSome() ([]string, error) {
	out := make([]string, distinct)
	for i := range out {
		t, err := l.requestTokens(l.connections[0], issueForm, false)
		if err != nil {
			return nil, err
		}
		out[i] = t.Access
	}
	return out, nil
}

func prepareIntrospection(l *load) ([]operation, error) {
	issued, err := l.issueSome()
	if err != nil {
		return nil, err
	}
	return each(l.connections, func(*connection) (operation, error) {
		next := 0
		return func(c *connection) error {
			next++
			return l.introspect(c, issued[next%len(issued)], true)
		}, nil
	})
}

// introspect asks about a token and checks the answer (RFC 7662 section 2.2).
func (l *load) introspect(c *connection, token string, active bool) error {
	status, body, err := c.post(introspectPath, l.offer.Resource, "token_type_hint=access_token&token="+url.QueryEscape(token))
	if err != nil {
		return err
	}
	var answer struct {
		Active bool   `json:"active"`
		Client string `json:"client_id"`
		Scope  string `json:"scope"`
		Expiry int64  `json:"exp"`
	}
	if status != 200 {
		return fmt.Errorf("introspection was answered %d: %s", status, body)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("an introspection answer: %w", err)
	}
	if answer.Active != active || active && (answer.Client != l.offer.Client.ID || answer.Scope != permission || answer.Expiry == 0) {
		return fmt.Errorf("an introspection answer is not as it should be (active: %t): %s", active, body)
	}
	return nil
}

func prepareGuarded(l *load) ([]operation, error) {
	issued, err := l.issueSome()
	if err != nil {
		return nil, err
	}
	return each(l.connections, func(*connection) (operation, error) {
		next := 0
		return func(c *connection) error {
			next++
			return l.callGuarded(c, issued[next%len(issued)])
		}, nil
	})
}

func (l *load) callGuarded(c *connection, token string) error {
	status, body, err := c.get(accountsPath, token)
	if err != nil {
		return err
	}
	var answer accounts
	if status != 200 {
		return fmt.Errorf("a guarded request was answered %d: %s", status, body)
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Client != l.offer.Client.ID {
		return fmt.Errorf("a guarded request was answered %s", body)
	}
	return nil
}

// prepareRefresh gives each worker a grant of its own, whose refresh token it
// exchanges for the next one over and over.
func prepareRefresh(l *load) ([]operation, error) {
	return each(l.connections, func(c *connection) (operation, error) {
		first, err := l.requestTokens(c, l.offer.FirstRefresh, true)
		if err != nil {
			return nil, err
		}
		refresh := first.Refresh
		return func(c *connection) error {
			t, err := l.requestTokens(c, "grant_type=refresh_token&refresh_token="+url.QueryEscape(refresh), true)
			if err == nil && t.Refresh == refresh {
				return errors.New("a refresh token was not rotated")
			}
			refresh = t.Refresh
			return err
		}, nil
	})
}

// checked is how many revoked tokens are introspected at the end.
const checked = 100

// prepareRevoke issues tokens for a while: each is revoked once.
func prepareRevoke(l *load) ([]operation, error) {
	issued, err := l.issueMany(3 * l.duration / 2)
	if err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond) // what is written behind issuing is done
	var next atomic.Int64
	l.after = func() error {
		revoked := min(int(next.Load()), len(issued))
		for i := range min(checked, revoked) {
			if err := l.introspect(l.connections[0], issued[i*revoked/min(checked, revoked)], false); err != nil {
				return fmt.Errorf("after revocation: %w", err)
			}
		}
		return nil
	}
	return each(l.connections, func(*connection) (operation, error) {
		return func(c *connection) error {
			i := next.Add(1) - 1
			if i >= int64(len(issued)) {
				return errExhausted
			}
			status, body, err := c.post(revokePath, l.offer.Client, "token_type_hint=access_token&token="+url.QueryEscape(issued[i]))
			if err == nil && status != 200 {
				err = fmt.Errorf("a revocation was answered %d: %s", status, body)
			}
			return err
		}, nil
	})
}

// issueMany has all workers issue tokens until the time is over.
func (l *load) issueMany(d time.Duration) ([]string, error) {
	var (
		mu     sync.Mutex
		issued []string
		failed error
		wait   sync.WaitGroup
	)
	until := time.Now().Add(d)
	for _, c := range l.connections {
		wait.Go(func() {
			var own []string
			var err error
			for err == nil && (len(own) == 0 || time.Now().Before(until)) {
				var t tokens
				t, err = l.requestTokens(c, issueForm, false)
				own = append(own, t.Access)
			}
			mu.Lock()
			defer mu.Unlock()
			issued, failed = append(issued, own...), errors.Join(failed, err)
		})
	}
	wait.Wait()
	return issued, failed
}

func each(connections []*connection, makeOne func(*connection) (operation, error)) ([]operation, error) {
	out := make([]operation, 0, len(connections))
	for _, c := range connections {
		op, err := makeOne(c)
		if err != nil {
			return nil, err
		}
		out = append(out, op)
	}
	return out, nil
}
