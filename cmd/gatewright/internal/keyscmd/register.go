package keyscmd

import (
	"errors"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
)

// register registers an app of a bank's.
func register(c *command.Call) error {
	var f Flags
	f.Register(c.Flags)
	var n admin.NewApp
	var uris, products, addresses command.List
	var expires command.Duration
	var ranges allowlist.Options
	c.Flags.StringVar(&n.Name, "name", "", "what people call the app")
	c.Flags.StringVar(&n.Type, "type", "", "fintech (customers sign in), partner or internal")
	c.Flags.Var(&uris, "redirect-uri", "a `URI` that customers may be sent back to; may be given several times")
	c.Flags.Var(&products, "product", "an API `product` that the app may use; may be given several times")
	c.Flags.Var(&f.scopes, "scope", "a `scope` that the app may request; may be given several times")
	c.Flags.Var(&addresses, "address", "an address or `range` (203.0.113.0/24) that the app may call from; may be given several times")
	c.Flags.BoolVar(&ranges.AllowPrivate, "allow-private", false, "take ranges of private networks, as the installation must be set to")
	c.Flags.BoolVar(&ranges.AllowLoopback, "allow-loopback", false, "take loopback addresses, as the installation must be set to")
	c.Flags.Var(&expires, "expires", "end the app after `days` (90d) or hours (12h)")
	file := c.Flags.String("secret-file", "", "write the secret into this new `file` instead of telling it")
	if err := c.None(); err != nil {
		return err
	}
	list, err := allowlist.Parse(addresses, ranges)
	if err != nil {
		return command.Usage("-address: %v", err)
	}
	n.RedirectURIs, n.Subscriptions, n.Scopes, n.Addresses = uris, products, f.scopes, list.Prefixes()
	if expires > 0 {
		n.ExpiresAt = time.Now().Add(time.Duration(expires))
	}
	return with(c, &f, func(s *admin.Service) error {
		keep, err := reserve(*file)
		if err != nil {
			return err
		}
		app, secret, err := s.RegisterApp(c, f.Actor(), n)
		if err != nil {
			return errors.Join(plain(err), keep.drop())
		}
		return tell(c, app, secret, keep)
	})
}
