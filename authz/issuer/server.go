package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer/internal/grants"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/throttle"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// Config is what a server needs. Issuer, Store, Keys, Policy and Profile are
// required, as in [authz.Config]; without SignIn there is no authorization
// endpoint.
type Config struct {
	// Issuer is the URL that names this server; its endpoints lie at the same host,
	// below Prefix, whatever path the URL has.
	Issuer string
	// Store keeps everything. It stays the host's to close.
	Store storage.Store
	// Keys are the root secrets, the one in use first.
	Keys []keyring.Root
	// Policy decides on permissions: nothing decides by default.
	Policy authz.Authority
	// Profile says how the deployment behaves, for instance [authz.Merchant].
	Profile authz.Profile

	// Realm enters every derived key; it is the Issuer unless the installation is
	// reached under several URLs.
	Realm string
	// SignIn logs people in and asks for their consent.
	SignIn SignIn
	// Headers, ClientIP, Addresses, ClientCertificates, Message, MayActFor,
	// OwnsAccount, Metadata and Products are the bank's controls, as in
	// [authz.Config]; which of them are required is the profile's to say.
	Headers            authz.Headers
	ClientIP           *clientip.Resolver
	Addresses          allowlist.Options
	ClientCertificates *mtls.Config
	Message            *jose.ServerConfig
	MayActFor          authz.MayActFor
	OwnsAccount        authz.OwnsAccount
	Metadata           authz.Requires
	Products           authz.Products
	// Prefix is the path below which the endpoints lie, "/oauth2" by default.
	Prefix string
	// WrongSecrets is how many wrong secrets a client id may show from one
	// address within a minute before they are answered with 429; 20 by default.
	// A right secret is never refused for it.
	WrongSecrets int
	// Logger defaults to discarding; Now defaults to [time.Now].
	Logger *slog.Logger
	Now    func() time.Time
}

// Server is the authorization server. It is safe for concurrent use. Make it with
// [New]; the zero Server is not usable.
type Server struct {
	cfg    Config
	in     *authz.Installation
	grants *grants.Grants
	mux    *http.ServeMux

	account      *jose.AccountOpener // nil where customers name no account
	accountTries *throttle.Throttle
}

// New checks the configuration, loads the keys and starts following the store;
// an error names the field that is missing or wrong. Close the server at the end.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "/oauth2"
	}
	if !strings.HasPrefix(cfg.Prefix, "/") || cfg.Prefix == "/" || path.Clean(cfg.Prefix) != cfg.Prefix || strings.ContainsAny(cfg.Prefix, "{}? #%") {
		return nil, fmt.Errorf("issuer: Config.Prefix %q: it begins with a slash, does not end with one, and is a plain path", cfg.Prefix)
	}
	in, err := authz.Open(ctx, authz.Config{Issuer: cfg.Issuer, Store: cfg.Store, Keys: cfg.Keys, Policy: cfg.Policy,
		Headers: cfg.Headers, ClientIP: cfg.ClientIP, Addresses: cfg.Addresses, ClientCertificates: cfg.ClientCertificates, Message: cfg.Message,
		MayActFor: cfg.MayActFor, OwnsAccount: cfg.OwnsAccount, Metadata: cfg.Metadata, Products: cfg.Products,
		Profile: cfg.Profile, Realm: cfg.Realm, WrongSecrets: cfg.WrongSecrets, Logger: cfg.Logger, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	cfg.Logger, cfg.Now = in.Config().Logger, in.Config().Now
	s := &Server{cfg: cfg, in: in, grants: grants.New(in)}
	if err := s.openAccounts(); err != nil {
		return nil, errors.Join(err, in.Close(ctx))
	}
	if attached, ok := cfg.SignIn.(Attacher); ok {
		if err := attached.Attach(in); err != nil {
			return nil, errors.Join(fmt.Errorf("issuer: Config.SignIn: %w", err), in.Close(ctx))
		}
	}
	if attached, ok := cfg.SignIn.(ConsentAttacher); ok {
		attached.AttachConsents(s)
	}
	s.routes()
	return s, nil
}

// routes mounts every endpoint that the configuration turns on.
func (s *Server) routes() {
	s.mux = http.NewServeMux()
	p := s.cfg.Prefix
	s.mux.Handle(p+"/token", s.Token(TokenOptions{}))
	s.mux.Handle(p+"/revoke", s.Revocation(RevocationOptions{}))
	s.mux.Handle(p+"/introspect", s.Introspection())
	s.mux.Handle(p+"/jwks", s.JWKS())
	s.mux.Handle(MetadataPath(s.cfg.Issuer), s.Metadata())
	if s.cfg.SignIn != nil {
		s.mux.Handle(p+"/authorize", s.Authorization())
		if pages, ok := s.cfg.SignIn.(http.Handler); ok {
			s.mux.Handle(p+"/session/", http.StripPrefix(p+"/session", pages))
		}
	}
}

// ServeHTTP serves every endpoint below Prefix, and the metadata at its
// well-known path (RFC 8414 section 3).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Guard returns a guard for the host's own routes.
func (s *Server) Guard() *authz.Guard { return s.in.Guard() }

// Installation returns what this server shares with guards and administration.
func (s *Server) Installation() *authz.Installation { return s.in }

// Close stops the background work, within the context's time. Serve no request
// after it.
func (s *Server) Close(ctx context.Context) error { return s.in.Close(ctx) }

// endpoint returns the URL of an endpoint below the issuer.
func (s *Server) endpoint(name string) string {
	u, err := url.Parse(s.cfg.Issuer) // checked by New
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + s.cfg.Prefix + "/" + name
}
