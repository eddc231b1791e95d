package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// Config is what a [Service] needs. Installation is required; everything else
// has a working default.
type Config struct {
	// Installation is the one that the server and its guards share.
	Installation *authz.Installation
	// Policy says who may manage and what roles amount to; the installation's by
	// default.
	Policy authz.Authority
	// DefaultRole is that of a key for which no role is named, "admin" by default.
	DefaultRole string
	// AdminRole is the role that an organization, once it has an active holder
	// that does not expire, never loses; "admin" by default.
	AdminRole string
	// KeyGrantTypes are those of new keys: client_credentials and refresh_token
	// by default.
	KeyGrantTypes []string
	// KeyScopes are the scopes that new keys may request, none by default. This
	// is the host's statement: a creator needs no scope to hand them on.
	KeyScopes []string
	// MaxOverlap is the longest that a rotated secret may live on, 7 days by
	// default.
	MaxOverlap time.Duration
	// MaxSecrets is how many secrets of one key may live at a time, 5 by default.
	MaxSecrets int
}

// Service manages organizations, members and keys. It is safe for concurrent
// use. The zero Service is not usable: see [New].
type Service struct {
	cfg         Config
	in          *authz.Installation
	store       storage.Store
	policy      authz.Authority
	log         *slog.Logger
	environment string
}

// New checks the configuration; an error names the field.
func New(cfg Config) (*Service, error) {
	if cfg.Installation == nil {
		return nil, errors.New("admin: Config.Installation is required: authz.Open returns one, and so does Server.Installation of the issuer")
	}
	in := cfg.Installation.Config()
	if cfg.Policy == nil {
		cfg.Policy = in.Policy
	}
	if cfg.DefaultRole == "" {
		cfg.DefaultRole = "admin"
	}
	if cfg.AdminRole == "" {
		cfg.AdminRole = "admin"
	}
	if cfg.KeyGrantTypes == nil {
		cfg.KeyGrantTypes = []string{"client_credentials", "refresh_token"}
	}
	if cfg.MaxOverlap == 0 {
		cfg.MaxOverlap = 7 * 24 * time.Hour
	}
	if cfg.MaxSecrets == 0 {
		cfg.MaxSecrets = 5
	}
	cfg.KeyGrantTypes, cfg.KeyScopes = slices.Clone(cfg.KeyGrantTypes), slices.Clone(cfg.KeyScopes)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, in: cfg.Installation, store: in.Store, policy: cfg.Policy, log: in.Logger, environment: in.Profile.Environment}, nil
}

func (cfg *Config) validate() error {
	for _, role := range []struct{ field, value string }{{"DefaultRole", cfg.DefaultRole}, {"AdminRole", cfg.AdminRole}} {
		if err := checkText("role", role.value, maxRole); err != nil || strings.HasPrefix(role.value, "role:") {
			return fmt.Errorf("admin: Config.%s %q is not the name of a role", role.field, role.value)
		}
	}
	if len(cfg.KeyGrantTypes) == 0 {
		return errors.New("admin: Config.KeyGrantTypes is empty: such keys could get no token; leave it nil for the default")
	}
	for _, list := range []struct {
		field  string
		values []string
	}{{"KeyGrantTypes", cfg.KeyGrantTypes}, {"KeyScopes", cfg.KeyScopes}} {
		for _, v := range list.values {
			if !isToken(v) {
				return fmt.Errorf("admin: Config.%s: %q is not printable ASCII without space, quote and backslash (RFC 6749 section 3.3)", list.field, v)
			}
		}
	}
	switch {
	case cfg.MaxOverlap < 0:
		return errors.New("admin: Config.MaxOverlap is negative")
	case cfg.MaxSecrets < 2 || cfg.MaxSecrets > 20:
		return errors.New("admin: Config.MaxSecrets must be between 2 and 20")
	}
	return nil
}

// now is the time of a change, as the store keeps it.
func (s *Service) now() time.Time { return s.in.Now().UTC().Truncate(time.Millisecond) }
