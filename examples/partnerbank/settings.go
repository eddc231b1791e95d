package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/jose"
)

// settings are the flags of this example beside those of every example.
type settings struct {
	environment authz.Environment
	binding     jose.Binding
	// proxies end TLS for clients, and certHeader is how they pass the client's
	// certificate on.
	proxies    []netip.Prefix
	certHeader string
	// public is what clients call, where a proxy stands in front.
	public string
	// allowed are the addresses that the demo clients may call from.
	allowed []netip.Prefix
}

func newSettings() *settings {
	s := &settings{environment: authz.Production, binding: jose.Compatible}
	flag.Func("environment", "`sandbox`, uat or production (default production)", func(v string) error {
		switch s.environment = authz.Environment(v); s.environment {
		case authz.Sandbox, authz.UAT, authz.Production:
			return nil
		}
		return errors.New("want sandbox, uat or production")
	})
	flag.Func("binding", "`compatible`, the documented message profile, or strict, which binds messages to their exchange (default compatible)", func(v string) error {
		for _, s.binding = range []jose.Binding{jose.Compatible, jose.Strict} {
			if v == s.binding.String() {
				return nil
			}
		}
		return errors.New("want compatible or strict")
	})
	flag.Func("trusted-proxy", "addresses (`CIDR`) that proxies call from; repeat it, or separate them by commas. Their X-Forwarded-For counts", prefixes(&s.proxies))
	flag.Func("allow", "addresses (`CIDR`) that the demo clients may call from; repeat it, or separate them by commas (default loopback)", prefixes(&s.allowed))
	flag.StringVar(&s.certHeader, "client-cert-header", "", "the header in which the trusted proxies pass on the client's certificate, `such as` Client-Cert; plain HTTP from them is taken then")
	flag.StringVar(&s.public, "public-url", "", "the `URL` that clients call, if a proxy stands in front: scheme, host and port (default: the address listened on)")
	return s
}

// prefixes adds the values of a flag to a list.
func prefixes(to *[]netip.Prefix) func(string) error {
	return func(list string) error {
		for part := range strings.SplitSeq(list, ",") {
			part = strings.TrimSpace(part)
			if addr, err := netip.ParseAddr(part); err == nil {
				*to = append(*to, netip.PrefixFrom(addr, addr.BitLen()))
				continue
			}
			prefix, err := netip.ParsePrefix(part)
			if err != nil {
				return fmt.Errorf("want addresses such as 10.1.0.0/24: %w", err)
			}
			*to = append(*to, prefix)
		}
		return nil
	}
}

// clientAddresses is the list that every demo client gets.
func (s *settings) clientAddresses() []netip.Prefix {
	if len(s.allowed) > 0 {
		return s.allowed
	}
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// check refuses flags that would do nothing, or less than they seem to.
func (s *settings) check() error {
	switch {
	case s.sandbox() && (len(s.proxies) > 0 || s.certHeader != ""):
		return errors.New("-trusted-proxy, -client-cert-header: the sandbox looks at neither addresses nor certificates")
	case s.sandbox() && s.binding == jose.Strict:
		return errors.New("-binding strict: the sandbox seals no messages")
	case s.certHeader != "" && len(s.proxies) == 0:
		return errors.New("-client-cert-header: name the proxies that may set it, with -trusted-proxy; anybody could write it otherwise")
	case s.public == "":
		return nil
	}
	u, err := url.Parse(s.public)
	if err != nil || u.Host == "" || u.Scheme != s.scheme() || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("-public-url: want %s://host:port", s.scheme())
	}
	s.public = u.Scheme + "://" + u.Host
	return nil
}

// sandbox tells whether none of the controls is on.
func (s *settings) sandbox() bool { return s.environment == authz.Sandbox }

// proxied tells whether TLS may end at a proxy.
func (s *settings) proxied() bool { return s.certHeader != "" }

func (s *settings) scheme() string {
	if s.sandbox() {
		return "http"
	}
	return "https"
}

// base is the URL that clients call when the server listens on an address.
func (s *settings) base(address string) string {
	if s.public != "" {
		return s.public
	}
	return s.scheme() + "://" + address
}
