package authz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// Headers are the names of the headers in which clients name themselves.
type Headers struct {
	ClientID     string
	ClientSecret string
}

// check refuses names that no request could carry (RFC 9110 section 5.1), and one
// name for both.
func (h Headers) check() error {
	if h.ClientID == "" || h.ClientSecret == "" {
		return fieldError("Headers", "names one header and not the other")
	}
	for field, name := range map[string]string{"ClientID": h.ClientID, "ClientSecret": h.ClientSecret} {
		if strings.ContainsFunc(name, func(c rune) bool {
			return c <= ' ' || c > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
		}) {
			return fieldError("Headers."+field, "is no header name: use letters, digits and hyphens")
		}
	}
	if strings.EqualFold(h.ClientID, h.ClientSecret) {
		return fieldError("Headers", "names one header twice: id and secret need one each")
	}
	return nil
}

// perimeter is what a client passes before its token is looked at: the controls
// of a bank, in their one order. Which of them are on is the profile's.
type perimeter struct {
	in      *Installation
	profile *Profile
	headers Headers
	address *clientip.Resolver
	mtls    *mtls.Verifier
	message *jose.Server
	lists   listCache
}

// newPerimeter builds the controls that the profile demands; nil if it demands
// none. An error names the field that is missing or wrong.
func newPerimeter(in *Installation) (*perimeter, error) {
	p, cfg := &in.cfg.Profile, &in.cfg
	if p.BoundAccounts && (cfg.MayActFor == nil || cfg.OwnsAccount == nil) {
		if cfg.MayActFor == nil {
			return nil, fieldError("MayActFor", "is required: the profile binds accounts, and the host alone knows who may act for whom")
		}
		return nil, fieldError("OwnsAccount", "is required: the profile binds accounts, and the host alone knows whose they are")
	}
	if !p.TLSRequired && !p.ClientHeaders && !p.AddressList && !p.MutualTLS && !p.SealedMessages {
		return nil, nil
	}
	if cfg.Headers == (Headers{}) {
		cfg.Headers = Headers{ClientID: "X-IBM-Client-Id", ClientSecret: "X-IBM-Client-Secret"}
	}
	if err := cfg.Headers.check(); err != nil {
		return nil, err
	}
	b := &perimeter{in: in, profile: p, headers: cfg.Headers, address: cfg.ClientIP}
	if err := b.addresses(cfg); err != nil {
		return nil, err
	}
	if err := b.certificates(cfg); err != nil {
		return nil, err
	}
	return b, b.messages(cfg)
}

func (b *perimeter) addresses(cfg *Config) error {
	if !b.profile.AddressList {
		return nil
	}
	if cfg.ClientIP == nil {
		return fieldError("ClientIP", "is required: the profile has address lists. Use clientip.Direct(), or clientip.FromHeader with your trusted proxies")
	}
	b.lists.options = cfg.Addresses
	return nil
}

func (b *perimeter) certificates(cfg *Config) error {
	if !b.profile.MutualTLS {
		if b.profile.SealedMessages {
			return fieldError("Profile.MutualTLS", "is off, and sealed messages are encrypted to the certificate that was presented")
		}
		return nil
	}
	if cfg.ClientCertificates == nil {
		return fieldError("ClientCertificates", "is required: the profile has mutual TLS. &mtls.Config{} judges the certificates of connections that end here")
	}
	settings := *cfg.ClientCertificates
	if b.profile.SealedMessages {
		settings.Rules.RSAOnly = true
	}
	if settings.Rules.Now == nil {
		settings.Rules.Now = cfg.Now
	}
	verifier, err := mtls.New(b.in.certificateOwner, settings)
	if err != nil {
		return fmt.Errorf("authz: Config.ClientCertificates: %w", err)
	}
	b.mtls = verifier
	return nil
}

func (b *perimeter) messages(cfg *Config) error {
	if !b.profile.SealedMessages {
		return nil
	}
	if cfg.Message == nil {
		return fieldError("Message", "is required: the profile has sealed messages. Use jose.Bank with the bank's keys")
	}
	settings := *cfg.Message
	settings.Spend = b.spend
	if settings.Now == nil {
		settings.Now = cfg.Now
	}
	if settings.Logger == nil {
		settings.Logger = cfg.Logger
	}
	server, err := jose.NewServer(settings)
	if err != nil {
		return fmt.Errorf("authz: Config.Message: %w", err)
	}
	b.message = server
	return nil
}

// ClientCertificates returns what builds the tls.Config of a listener at which
// clients present certificates; nil where the profile has no mutual TLS.
func (in *Installation) ClientCertificates() *mtls.Verifier {
	if in.perimeter == nil {
		return nil
	}
	return in.perimeter.mtls
}

// certificateOwner is the registry that certificates are judged by.
func (in *Installation) certificateOwner(ctx context.Context, presented mtls.Presented) (string, error) {
	owner, err := in.cfg.Store.KeyOwner(ctx, in.cfg.Profile.Environment, mtls.PublicKeyHash(presented.Certificate))
	if errors.Is(err, storage.ErrNotFound) {
		return "", mtls.ErrNotRegistered
	}
	if err != nil {
		return "", err
	}
	client, err := in.clients.Get(ctx, owner)
	if errors.Is(err, storage.ErrNotFound) {
		return "", mtls.ErrNotRegistered
	}
	if err != nil {
		return "", err
	}
	for i := range client.Certificates {
		if c := &client.Certificates[i]; c.Thumbprint == presented.Thumbprint {
			if !c.RevokedAt.IsZero() {
				return "", mtls.ErrRevoked
			}
			return client.ID, nil
		}
	}
	return "", mtls.ErrNotRegistered
}

// spend claims a message id for a client: one insert decides, on every instance.
func (b *perimeter) spend(ctx context.Context, client, msgID string, until time.Time) error {
	err := b.in.cfg.Store.Claim(ctx, "message:"+client, []byte(msgID), until)
	if errors.Is(err, storage.ErrSeen) {
		return jose.ErrReplayed
	}
	return err
}

// listCache keeps compiled address lists, by client and version of its record.
type listCache struct {
	options allowlist.Options
	mu      sync.Mutex
	lists   map[string]compiledList
}

type compiledList struct {
	version uint64
	list    *allowlist.List
}

const maxLists = 100_000

// messageIDWindow is how long a message id stays used.
const messageIDWindow = 24 * time.Hour

func (l *listCache) of(c *storage.Client) (*allowlist.List, error) {
	l.mu.Lock()
	hit, ok := l.lists[c.ID]
	l.mu.Unlock()
	if ok && hit.version == c.Version {
		return hit.list, nil
	}
	list, err := allowlist.Compile(c.Prefixes, l.options)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists == nil || len(l.lists) >= maxLists {
		l.lists = map[string]compiledList{}
	}
	l.lists[c.ID] = compiledList{c.Version, list}
	return list, nil
}

// clientAddress is the address that a request came from: the resolver's word
// where there is one, else the peer's.
func (b *perimeter) clientAddress(r *http.Request) (netip.Addr, error) {
	if b.address != nil {
		return b.address.Resolve(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(host)
}

// BrowserOverTLS reports whether a request for a page that people visit came as
// the profile demands: over TLS, where it demands that, or from a proxy that is
// trusted with certificates or with addresses.
func (in *Installation) BrowserOverTLS(r *http.Request) bool {
	b := in.perimeter
	if b == nil || !b.profile.TLSRequired || r.TLS != nil {
		return true
	}
	return b.mtls != nil && b.mtls.FromProxy(r) || b.address != nil && b.address.FromProxy(r)
}
