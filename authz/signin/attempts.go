package signin

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/gatewright/gatewright/authz/throttle"
)

// maxAtOnce is how many logins run at a time; the others wait. An address can
// outrun its limit by no more than this.
const maxAtOnce = 32

// attempts counts failed logins and lets those at one account run one after the
// other, so that each sees the failures of those before it.
type attempts struct {
	accounts, addresses *throttle.Throttle
	both                *throttle.Throttle // an account and an address together
	all                 chan struct{}

	mu    sync.Mutex
	turns map[string]*turn
}

// turn is the queue of one account.
type turn struct {
	busy    chan struct{}
	waiting int
}

func newAttempts(limits Attempts, now func() time.Time) (*attempts, error) {
	accounts, err := throttle.New(throttle.Config{Limit: limits.Account, Window: limits.Window, Now: now})
	if err != nil {
		return nil, err
	}
	addresses, err := throttle.New(throttle.Config{Limit: limits.Address, Window: limits.Window, Now: now})
	if err != nil {
		return nil, err
	}
	both, err := throttle.New(throttle.Config{Limit: limits.AccountAddress, Window: limits.Window, Now: now})
	if err != nil {
		return nil, err
	}
	return &attempts{accounts: accounts, addresses: addresses, both: both, all: make(chan struct{}, maxAtOnce), turns: map[string]*turn{}}, nil
}

// attempt is what a failure counts for.
type attempt struct {
	account string
	address string // empty where it does not count
}

// key counts for the account at the address.
func (at attempt) key() string { return at.account + " at " + at.address }

// over reports whether the attempt may not be made, and when to come back.
func (a *attempts) over(at attempt) (time.Duration, bool) {
	wait, over := a.accounts.Over(at.account)
	if w, o := a.both.Over(at.key()); o {
		wait, over = max(wait, w), true
	}
	if at.address != "" {
		if w, o := a.addresses.Over(at.address); o {
			wait, over = max(wait, w), true
		}
	}
	return wait, over
}

func (a *attempts) failed(at attempt) {
	a.accounts.Failed(at.account)
	a.both.Failed(at.key())
	if at.address != "" {
		a.addresses.Failed(at.address)
	}
}

// enter waits for the account's turn. Call leave when the attempt is over.
func (a *attempts) enter(ctx context.Context, account string) (leave func(), err error) {
	a.mu.Lock()
	t := a.turns[account]
	if t == nil {
		t = &turn{busy: make(chan struct{}, 1)}
		a.turns[account] = t
	}
	t.waiting++
	a.mu.Unlock()

	forget := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(a.turns, account)
		}
	}
	select {
	case t.busy <- struct{}{}:
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
	select {
	case a.all <- struct{}{}:
	case <-ctx.Done():
		<-t.busy
		forget()
		return nil, context.Cause(ctx)
	}
	return func() {
		<-a.all
		<-t.busy
		forget()
	}, nil
}

// accountKey counts for an account. It is a hash, so that what people mistype as
// their name, often a password, is not kept.
func accountKey(username string) string {
	sum := sha256.Sum256([]byte(foldUsername(username)))
	return "account " + string(sum[:])
}

// addressKey counts for an address; a person who has an IPv6 address has its
// whole /64.
func addressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
