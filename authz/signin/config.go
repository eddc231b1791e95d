package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// Config says what the pages need. Users is required; everything else has a
// default that works.
type Config struct {
	// Users are the host's accounts.
	Users Users

	// Title heads the login page and is in the title of every page; "Sign in" by
	// default.
	Title string
	// UsernameLabel says what people type as their name; "Email or user name" by
	// default.
	UsernameLabel string
	// ScopeText says in the person's words what a scope permits, for instance
	// "See your transactions". The scope itself is shown where it is nil or
	// returns nothing.
	ScopeText func(scope string) string

	// SessionFor is how long a login lasts, from the login on: 8 hours by
	// default, 30 days at most. It ends with the browser, too.
	SessionFor time.Duration
	// Attempts limits guessing.
	Attempts Attempts
	// ClientAddress finds the address that a request came from. By default it is
	// the peer of the connection, which is right only without a proxy in front;
	// with one, use the Resolver of package authz/clientip.
	ClientAddress func(*http.Request) (netip.Addr, error)
}

// Attempts limits how often a login may fail. Zero members take the default.
//
// A failure counts for an account, for an address, and for both together; above
// any limit further attempts are refused with 429, the right password too, because
// finding out would cost a password hash. Account is meant to stay far above
// AccountAddress, or one stranger at one address could lock a person out
// everywhere; a browser that the person used before has a limit of its own.
// Address is meant to stay far above what the people behind one address mistype
// together.
type Attempts struct {
	// Account is how many failures an account may have within Window, from all
	// addresses together; 50 by default.
	Account int
	// AccountAddress is how many of them may come from one address: 10 by default,
	// or Account where that is less.
	AccountAddress int
	// Address is how many an address may have, over all accounts; 200 by default
	// and never below Account.
	Address int
	// Window is 15 minutes by default.
	Window time.Duration
}

const maxSession = 30 * 24 * time.Hour

// New checks the configuration; an error names the field. The pages work once
// they are handed to issuer.New as Config.SignIn; one Pages serves one server.
func New(cfg Config) (*Pages, error) {
	if cfg.Users == nil {
		return nil, errors.New("signin: Config.Users is required: the host's accounts")
	}
	if cfg.Title == "" {
		cfg.Title = "Sign in"
	}
	if cfg.UsernameLabel == "" {
		cfg.UsernameLabel = "Email or user name"
	}
	if cfg.SessionFor == 0 {
		cfg.SessionFor = 8 * time.Hour
	}
	if cfg.SessionFor < time.Minute || cfg.SessionFor > maxSession {
		return nil, fmt.Errorf("signin: Config.SessionFor is %v: it must be between 1 minute and 30 days", cfg.SessionFor)
	}
	if err := cfg.Attempts.fill(); err != nil {
		return nil, err
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = peer
	}
	p := &Pages{cfg: cfg}
	p.lookup, _ = cfg.Users.(Lookup)
	p.own = p.ownPages()
	return p, nil
}

func (a *Attempts) fill() error {
	if a.Account == 0 {
		a.Account = max(50, a.AccountAddress)
	}
	if a.AccountAddress == 0 {
		a.AccountAddress = min(10, a.Account)
	}
	if a.Address == 0 {
		a.Address = max(200, a.Account)
	}
	if a.Window == 0 {
		a.Window = 15 * time.Minute
	}
	switch {
	case a.Account < 0:
		return errors.New("signin: Config.Attempts.Account is negative")
	case a.AccountAddress < 0 || a.AccountAddress > a.Account:
		return errors.New("signin: Config.Attempts.AccountAddress must be from 1 to Config.Attempts.Account")
	case a.Address < a.Account:
		return errors.New("signin: Config.Attempts.Address is below Config.Attempts.Account: people behind one address would lock each other out")
	case a.Window < time.Second || a.Window > 24*time.Hour:
		return fmt.Errorf("signin: Config.Attempts.Window is %v: it must be between 1 second and 24 hours", a.Window)
	}
	return nil
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, errors.New("signin: the connection has no address: set Config.ClientAddress")
	}
	return ap.Addr(), nil
}
