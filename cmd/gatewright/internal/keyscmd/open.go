package keyscmd

import (
	"cmp"
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/database"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// Flags name an installation, and an organization in it.
type Flags struct {
	database     database.Flags
	roots        command.List
	organization string
	environment  string
	issuer       string
	realm        string
	policy       string
	anyRealm     bool
	scopes       command.List
}

// Register defines the flags.
func (f *Flags) Register(set *flag.FlagSet) {
	f.database.Register(set)
	set.Var(&f.roots, "root-key", "`file` with a root secret of the installation (or GATEWRIGHT_ROOT_KEY); several times if there are several, the current one first")
	text := func(p *string, name, about string) {
		variable := "GATEWRIGHT_" + strings.ToUpper(name)
		set.StringVar(p, name, os.Getenv(variable), about+" (or "+variable+")")
	}
	text(&f.organization, "organization", "`id` of the organization that the key is in")
	text(&f.environment, "environment", "the installation's environment: live, sandbox, uat, production or what the host calls it")
	text(&f.issuer, "issuer", "`URL` of the installation's issuer")
	text(&f.realm, "realm", "the installation's realm, where it has one beside its issuer")
	set.StringVar(&f.policy, "policy", "", "`folder` with model.conf and policy.csv, where the installation has not the built-in roles")
	set.BoolVar(&f.anyRealm, "any-realm", false, "do not compare issuer, realm and environment with those that made the data keys")
}

// Actor is the host, in the organization.
func (f *Flags) Actor() admin.Actor { return admin.Host().In(f.organization).Via("", "gatewright") }

// Open opens the management of keys. Call the returned function at the end: it
// waits until what was done is in the audit trail.
func (f *Flags) Open(c *command.Call) (*admin.Service, func() error, error) {
	if file := os.Getenv("GATEWRIGHT_ROOT_KEY"); len(f.roots) == 0 && file != "" {
		f.roots = command.List{file}
	}
	for _, required := range []struct{ name, value string }{
		{"-organization", f.organization}, {"-environment", f.environment}, {"-issuer or -realm", f.issuer + f.realm}, {"-root-key", f.roots.String()},
	} {
		if required.value == "" {
			return nil, nil, command.Usage("%s is required", required.name)
		}
	}
	dsn, err := f.database.Read(c)
	if err != nil {
		return nil, nil, err
	}
	roots, err := readRoots(c, f.roots)
	if err != nil {
		return nil, nil, err
	}
	store, err := dsn.Store(c)
	if err != nil {
		return nil, nil, err
	}
	closers := []func(context.Context) error{store.Close}
	closeAll := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 10*time.Second)
		defer cancel()
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i](ctx))
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (*admin.Service, func() error, error) { return nil, nil, errors.Join(err, closeAll()) }
	if !f.anyRealm {
		if err := f.sameRealm(c, store, roots); err != nil {
			return fail(err)
		}
	}
	authority, err := f.authority(c, store)
	if err != nil {
		return fail(err)
	}
	in, err := authz.Open(c, authz.Config{
		Issuer: cmp.Or(f.issuer, "https://gatewright.invalid"), Realm: f.realm,
		Profile: f.profile(), Store: store, Keys: roots, Policy: authority,
	})
	if err != nil {
		return fail(err)
	}
	closers = append(closers, in.Close)
	service, err := admin.New(admin.Config{Installation: in, KeyScopes: f.scopes})
	if err != nil {
		return fail(err)
	}
	return service, closeAll, nil
}

// profile issues nothing: only the environment counts. Its lifetimes are the
// longest that there are, so that what this command does is remembered for as
// long as any server of the installation needs it, and no data key is retired
// that a server still uses.
func (f *Flags) profile() authz.Profile {
	return authz.Profile{
		Name: "gatewright command", Environment: f.environment,
		Access: time.Hour, MaxAccess: 7 * 24 * time.Hour, Code: time.Minute,
		RefreshAbsolute: 10 * 366 * 24 * time.Hour, RefreshIdle: 10 * 366 * 24 * time.Hour,
	}
}

func readRoots(c *command.Call, files []string) ([]keyring.Root, error) {
	var roots []keyring.Root
	for _, name := range files {
		if strings.HasPrefix(name, keyring.RootPrefix) {
			return nil, command.Usage("-root-key names a file; this is a root secret, which others have seen by now: replace it")
		}
		text, err := c.Read(name)
		if err != nil {
			return nil, err
		}
		root, err := keyring.ParseRoot(strings.TrimSpace(string(text)))
		clear(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		roots = append(roots, root)
	}
	return roots, nil
}

// authority knows the roles: those of the policy, and those that the database
// adds.
func (f *Flags) authority(ctx context.Context, store storage.Store) (authz.Authority, error) {
	base := policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules()}
	if f.policy != "" {
		var err error
		if base.Model, base.Rules, err = policy.DefaultFiles(os.DirFS(f.policy)).Read(); err != nil {
			return nil, fmt.Errorf("-policy: %w", err)
		}
	}
	live, err := policy.Open(ctx, base, policystore.New(store), policy.SyncConfig{Lease: time.Minute})
	if err != nil {
		return nil, fmt.Errorf("the rules in the database: %w", err)
	}
	return live.Engine(), nil
}

// sameRealm compares the public half of a stored signing key with what issuer
// and environment make of it, since a secret that is hashed under others would
// never be accepted.
func (f *Flags) sameRealm(ctx context.Context, store storage.Store, roots []keyring.Root) error {
	stored, err := store.ListKeys(ctx)
	if err != nil {
		return err
	}
	if len(stored) == 0 {
		return errors.New("the database has no data keys yet: start a server of the installation first")
	}
	ring, err := keyring.Open(ctx, keyring.Config{Roots: roots, Issuer: cmp.Or(f.realm, f.issuer), Environment: f.environment, Store: store,
		MaxTokenLifetime: f.profile().RefreshAbsolute})
	if err != nil {
		return err
	}
	_, key := ring.Signer()
	point, err := key.PublicKey.Bytes()
	if err != nil || key.Curve != elliptic.P256() {
		return errors.New("the signing key is of an unknown kind")
	}
	for _, k := range stored {
		var jwk struct {
			X string `json:"x"`
			Y string `json:"y"`
		}
		if len(k.Public) == 0 || json.Unmarshal(k.Public, &jwk) != nil {
			continue
		}
		enc := base64.RawURLEncoding
		if jwk.X == enc.EncodeToString(point[1:33]) && jwk.Y == enc.EncodeToString(point[33:]) {
			return nil
		}
	}
	return errors.New("-issuer, -realm and -environment are not those with which the data keys were made: keys made here would be refused there (-any-realm goes on all the same)")
}
