package keyring

import (
	"context"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Defaults of [Config].
const (
	DefaultLease            = 900 * time.Millisecond
	DefaultSigningLead      = 10 * time.Minute
	DefaultMaxTokenLifetime = 3 * 366 * 24 * time.Hour
)

// skew is how far clocks of instances may be apart.
const skew = 5 * time.Minute

// Config is what a [Ring] needs. Roots, Issuer, Environment and Store are
// required.
type Config struct {
	// Roots are the host's root secrets. The first wraps new keys; the others
	// only unwrap, until [Ring.Rewrap] has moved every key to the first.
	Roots []Root
	// Issuer and Environment enter every derived key.
	Issuer      string
	Environment string
	// Store keeps the wrapped data keys.
	Store storage.Keys
	// Lease is how long another instance may go on without reading the keys
	// again. A key stays announced for two of them before it is used.
	// Default 900 ms.
	Lease time.Duration
	// SigningLead is how long the public half of a signing key is published
	// before it signs, for verifiers that cache the set. Default 10 minutes,
	// never less than two leases.
	SigningLead time.Duration
	// MaxTokenLifetime is the installation's ceiling: nothing sealed or signed
	// with a key is good for longer. It says when keys of Tokens and Signing
	// retire. Default 3 years.
	MaxTokenLifetime time.Duration
	// Now is the clock; default [time.Now].
	Now func() time.Time
	// Actor is who the audit trail names for what the ring does by itself;
	// default "host".
	Actor string
}

// filled validates c and returns a copy with the defaults in it.
func (c Config) filled() (Config, error) {
	if len(c.Roots) == 0 {
		return c, &ConfigError{"Roots", "at least one root secret is required"}
	}
	seen := map[string]bool{}
	for i, r := range c.Roots {
		field := "Roots[" + strconv.Itoa(i) + "]"
		switch {
		case r.ID == "":
			return c, &ConfigError{field + ".ID", "is required"}
		case len(r.Secret) < minRoot:
			return c, &ConfigError{field + ".Secret", "at least 32 bytes are required"}
		case seen[r.ID]:
			return c, &ConfigError{field + ".ID", "another root has this id"}
		}
		seen[r.ID] = true
	}
	switch {
	case c.Issuer == "":
		return c, &ConfigError{"Issuer", "is required"}
	case c.Environment == "":
		return c, &ConfigError{"Environment", "is required"}
	case c.Store == nil:
		return c, &ConfigError{"Store", "is required"}
	case c.Lease < 0:
		return c, &ConfigError{"Lease", "must not be negative"}
	case c.SigningLead < 0:
		return c, &ConfigError{"SigningLead", "must not be negative"}
	case c.MaxTokenLifetime < 0:
		return c, &ConfigError{"MaxTokenLifetime", "must not be negative"}
	}
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	if c.SigningLead == 0 {
		c.SigningLead = DefaultSigningLead
	}
	c.SigningLead = max(c.SigningLead, 2*c.Lease)
	if c.MaxTokenLifetime == 0 {
		c.MaxTokenLifetime = DefaultMaxTokenLifetime
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Actor == "" {
		c.Actor = "host"
	}
	return c, nil
}

// Open validates the configuration, loads the data keys, and makes the first
// ones where there are none. Any number of instances may open an empty store at
// once; they end up with the same keys. A wrong field is a [*ConfigError]; a key
// that does not unwrap is an error too.
func Open(ctx context.Context, c Config) (*Ring, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	r := &Ring{
		cfg:      c,
		wrappers: make(map[string]*wrapper, len(c.Roots)),
		first:    c.Roots[0].ID,
		imported: newSlots(),
	}
	for _, root := range c.Roots {
		r.wrappers[root.ID] = newWrapper(root)
	}
	r.cfg.Roots = nil // the secrets are not needed any more
	if err := r.bootstrap(ctx); err != nil {
		return nil, err
	}
	return r, nil
}
