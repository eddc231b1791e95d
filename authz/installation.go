package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/audit"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/throttle"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// Config opens an [Installation]. Issuer, Profile, Store, Keys and Policy are
// required: an empty one refuses to open, naming the field.
type Config struct {
	// Issuer is the URL that names the authorization server (RFC 8414 section 2):
	// https, no query, no fragment. Plain http is accepted for loopback only.
	Issuer string
	// Profile says how the deployment behaves.
	Profile Profile
	// Store keeps everything.
	Store storage.Store
	// Keys are the root secrets; the first one is used, the others still open
	// what was made under them.
	Keys []keyring.Root
	// Policy decides on permissions.
	Policy Authority

	// Realm enters every derived key, so that copied root keys carry nothing into
	// another installation. It is the Issuer unless set; set it for one
	// installation that is reached under several URLs.
	Realm string
	// Headers are those in which clients name themselves, where the profile has
	// them do so; the zero value is X-IBM-Client-Id and X-IBM-Client-Secret.
	Headers Headers
	// ClientIP finds the address of a request: [clientip.Direct], or FromHeader
	// with the trusted proxies. Required where the profile has address lists, and
	// for rules with conditions on the caller's address.
	ClientIP *clientip.Resolver
	// Addresses permits private and loopback ranges in clients' address lists.
	Addresses allowlist.Options
	// ClientCertificates says how certificates are judged and whether a proxy
	// passes them on. Required where the profile has mutual TLS.
	ClientCertificates *mtls.Config
	// Message is how messages are sealed, for instance jose.Bank(keys). Required
	// where the profile has sealed messages. Spend is filled in.
	Message *jose.ServerConfig
	// MayActFor and OwnsAccount are the host's word on who may act for whom.
	// Required where the profile binds accounts.
	MayActFor   MayActFor
	OwnsAccount OwnsAccount
	// Metadata says which scopes of client_credentials demand which ids.
	Metadata Requires
	// Products are what clients subscribe to; none is no such limit.
	Products Products

	// Logger defaults to discarding.
	Logger *slog.Logger
	// Now defaults to [time.Now].
	Now func() time.Time
	// CacheSize bounds each record cache, 100,000 entries by default.
	CacheSize int
	// WrongSecrets is how many wrong secrets a client id may show from one
	// address within a minute before they are answered with 429; 20 by default.
	// A right secret is never refused for it.
	WrongSecrets int
}

// Installation is what both halves share: keys, tokens, the change feed, caches
// of records, and the audit trail, over one store. It is safe for concurrent
// use. Several installations, in as many processes, may share a store. Make it
// with [Open]; the zero Installation is not usable.
type Installation struct {
	cfg      Config
	ring     *keyring.Ring
	codec    *token.Codec
	feed     *feed.Feed
	recorder *audit.Recorder
	chain    *audit.Chain

	clients       *feed.Cache[storage.Client]
	members       *feed.Cache[storage.Member]
	organizations *feed.Cache[storage.Organization]
	uses          *lastUses
	guesses       *throttle.Throttle
	perimeter     *perimeter // nil where clients come in with a token alone
	attributes    map[string]any

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// skew is how far the clocks of two instances may be apart.
const skew = 5 * time.Minute

// Open checks the configuration, loads the keys and starts following the store.
// It returns when the installation is ready to serve. Close it.
func Open(ctx context.Context, cfg Config) (*Installation, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	ring, err := keyring.Open(ctx, keyring.Config{Roots: cfg.Keys, Issuer: cfg.Realm, Environment: cfg.Profile.Environment,
		Store: cfg.Store, Now: cfg.Now, Actor: "host", MaxTokenLifetime: cfg.Profile.RefreshAbsolute + skew})
	if err != nil {
		return nil, fmt.Errorf("authz: Config.Keys: %w", err)
	}
	in := &Installation{cfg: cfg, ring: ring, codec: token.NewCodec(ring),
		attributes: map[string]any{attributeEnvironment: cfg.Profile.Environment}}
	if in.guesses, err = throttle.New(throttle.Config{Limit: cfg.WrongSecrets, Window: time.Minute, Now: cfg.Now}); err != nil {
		return nil, fmt.Errorf("authz: Config.WrongSecrets: %w", err)
	}
	in.codec.MaxLifetime = cfg.Profile.MaxAccess
	in.feed, err = feed.New(feed.Config{Store: cfg.Store, Now: cfg.Now, Logger: cfg.Logger, Strict: cfg.Profile.Strict, OnChange: in.onChange})
	if err != nil {
		return nil, err
	}
	if in.chain, err = audit.NewChain(cfg.Store, auditKeys(ring)); err != nil {
		return nil, err
	}
	if in.recorder, err = audit.NewRecorder(audit.Config{Store: cfg.Store, Now: cfg.Now, Logger: cfg.Logger}); err != nil {
		return nil, err
	}
	in.clients = feed.NewCache(in.feed, storage.ClientChange, cfg.CacheSize, cfg.Store.Client, func(c storage.Client) uint64 { return c.Version })
	in.organizations = feed.NewCache(in.feed, storage.OrganizationChange, cfg.CacheSize, cfg.Store.Organization, func(o storage.Organization) uint64 { return o.Version })
	in.members = feed.NewCache(in.feed, storage.MemberChange, cfg.CacheSize, in.loadMember, func(m storage.Member) uint64 { return m.Version })
	in.uses = newLastUses(cfg.Store, cfg.Logger)
	if in.perimeter, err = newPerimeter(in); err != nil {
		return nil, errors.Join(err, in.recorder.Close(ctx))
	}

	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	in.cancel = cancel
	in.run(background)
	if err := in.feed.WaitReady(ctx); err != nil {
		_ = in.Close(ctx)
		return nil, fmt.Errorf("authz: Config.Store: the change feed did not become ready: %w", err)
	}
	return in, nil
}

func (cfg *Config) validate() error {
	if cfg.Store == nil {
		return errors.New("authz: Config.Store is required")
	}
	if len(cfg.Keys) == 0 {
		return errors.New("authz: Config.Keys is required: make a root secret with keyring.NewRoot and keep it outside the database")
	}
	if cfg.Policy == nil {
		return errors.New("authz: Config.Policy is required: nothing decides by default; policy.Default() has the built-in roles")
	}
	if err := checkIssuer(cfg.Issuer); err != nil {
		return err
	}
	if err := cfg.Profile.validate(); err != nil {
		return err
	}
	if err := cfg.Products.validate(); err != nil {
		return err
	}
	if err := cfg.Metadata.validate(); err != nil {
		return err
	}
	if cfg.ClientIP != nil {
		if err := cfg.ClientIP.Validate(); err != nil {
			return fmt.Errorf("authz: Config.ClientIP: %w", err)
		}
	}
	if cfg.Realm == "" {
		cfg.Realm = cfg.Issuer
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CacheSize <= 0 {
		cfg.CacheSize = 100_000
	}
	if cfg.WrongSecrets == 0 {
		cfg.WrongSecrets = 20
	}
	return nil
}

// fieldError names the field of [Config] that is missing or wrong.
func fieldError(field, what string) error {
	return fmt.Errorf("authz: Config.%s %s", field, what)
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return errors.New("authz: Config.Issuer is required: the https URL of this authorization server")
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.ForceQuery:
		return fmt.Errorf("authz: Config.Issuer %q is not an absolute URL without query, fragment and user", issuer)
	case strings.ContainsAny(u.Path, "{} \t"):
		return fmt.Errorf("authz: Config.Issuer %q: its path has a brace or a space", issuer)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("authz: Config.Issuer %q: use https (http is for loopback addresses only)", issuer)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close stops the background work and writes what waits for the audit trail,
// within the context's time: an error says what was not done by then. The store
// stays open: it is the host's, to be closed after. Close may be called again.
func (in *Installation) Close(ctx context.Context) error {
	in.cancel()
	stopped := make(chan struct{})
	go func() {
		in.done.Wait()
		close(stopped)
	}()
	var late error
	select {
	case <-stopped:
	case <-ctx.Done():
		late = fmt.Errorf("authz: background work is still under way: %w", context.Cause(ctx))
	}
	if late == nil {
		if err := in.uses.flush(ctx); err != nil {
			in.cfg.Logger.Warn("last uses were not written", "cause", err)
		}
	}
	if err := in.recorder.Close(ctx); err != nil {
		return errors.Join(late, fmt.Errorf("authz: the audit trail is not written to its end: %w", err))
	}
	return late
}

// Guard returns a guard that verifies tokens in this process.
func (in *Installation) Guard() *Guard {
	return &Guard{in: in, verifier: in.Verifier(), policy: in.cfg.Policy, audit: in.recorder, resolver: in.cfg.ClientIP, log: in.cfg.Logger}
}

// Config returns the configuration with its defaults filled in.
func (in *Installation) Config() Config { return in.cfg }

// Store returns the store.
func (in *Installation) Store() storage.Store { return in.cfg.Store }

// Keyring returns the keys.
func (in *Installation) Keyring() *keyring.Ring { return in.ring }

// Tokens returns the codec that seals and opens tokens.
func (in *Installation) Tokens() *token.Codec { return in.codec }

// Feed returns the change feed.
func (in *Installation) Feed() *feed.Feed { return in.feed }

// Trail returns the sealed audit chain.
func (in *Installation) Trail() *audit.Chain { return in.chain }

// Record puts an event into the audit trail without blocking.
func (in *Installation) Record(e storage.Event) { in.recorder.Record(e) }

// Now returns the installation's time.
func (in *Installation) Now() time.Time { return in.cfg.Now() }

// Until returns how long a change made now must be remembered: until the last
// access token that it concerns is over, however the clocks of instances differ.
func (in *Installation) Until() time.Time {
	return in.cfg.Now().Add(in.cfg.Profile.MaxAccess + skew)
}

// Skew is how far apart clocks may be.
func (in *Installation) Skew() time.Duration { return skew }

// Client reads a client through the cache; what it returns is not older than
// any change this instance knows of.
func (in *Installation) Client(ctx context.Context, id string) (storage.Client, error) {
	return in.clients.Get(ctx, id)
}

// SharedClient is [Installation.Client] without a copy: do not change what it
// returns.
func (in *Installation) SharedClient(ctx context.Context, id string) (*storage.Client, error) {
	return in.clients.Shared(ctx, id)
}

// Organization reads an organization through the cache.
func (in *Installation) Organization(ctx context.Context, id string) (storage.Organization, error) {
	return in.organizations.Get(ctx, id)
}

// Member reads a membership through the cache.
func (in *Installation) Member(ctx context.Context, organization, subject string) (storage.Member, error) {
	return in.members.Get(ctx, storage.MemberKey(organization, subject))
}

// Used notes that a client acted just now; it is written later and coarsely.
func (in *Installation) Used(client string) { in.uses.note(client, in.cfg.Now()) }

// Healthy reports whether the installation can decide right now: the store
// answers, within a second, and the feed is within its lease.
func (in *Installation) Healthy(ctx context.Context) error {
	if err := in.feed.Healthy(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return in.cfg.Store.Ping(ctx)
}

func auditKeys(ring *keyring.Ring) audit.Keys {
	return audit.Keys{
		Current: func() uint32 { return ring.CurrentKey(keyring.Audit) },
		MAC: func(keyID uint32, parts ...[]byte) ([32]byte, error) {
			return ring.MAC(keyring.Audit, keyID, parts...)
		},
	}
}

// Retry reports whether opening a credential that failed with an unknown key is
// worth another try, because the key was made by another instance a moment ago.
// An error means that nobody knows right now.
func (in *Installation) Retry(ctx context.Context, credential string, failure error) (bool, error) {
	if !errors.Is(failure, keyring.ErrUnknownKey) {
		return false, nil
	}
	id, ok := token.KeyID(credential)
	if !ok {
		return false, nil
	}
	return in.ring.Learn(ctx, id)
}

// SealRecord encrypts what the store keeps: bound ids, session data. The binding
// (the record's own key) must be given again to open it.
func (in *Installation) SealRecord(plain, binding []byte) []byte {
	return in.ring.Seal(keyring.Record, nil, plain, binding)
}

// OpenRecord decrypts what [Installation.SealRecord] made, on whichever
// instance.
func (in *Installation) OpenRecord(ctx context.Context, sealed, binding []byte) ([]byte, error) {
	plain, err := in.ring.Open(keyring.Record, nil, sealed, binding)
	if !errors.Is(err, keyring.ErrUnknownKey) {
		return plain, err
	}
	known, failure := in.ring.Learn(ctx, keyring.SealedKey(sealed))
	if failure != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrUnavailable, failure)
	}
	if known {
		return in.ring.Open(keyring.Record, nil, sealed, binding)
	}
	return nil, err
}
