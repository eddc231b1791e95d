package client

import (
	"log/slog"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// endpoints are the URLs that a checked configuration names.
type endpoints struct {
	base      *url.URL
	token     string
	authorize string
	signIn    string
}

// fill puts the defaults in place.
func (c *Config) fill() {
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	set(&c.ClientIDHeader, DefaultClientIDHeader)
	set(&c.ClientSecretHeader, DefaultClientSecretHeader)
	set(&c.MsgIDHeader, jose.DefaultMsgIDHeader)
	set(&c.TokenPath, "partner_auth/token")
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.ExpiryMargin == 0 {
		c.ExpiryMargin = DefaultExpiryMargin
	}
	if c.MaxTokens == 0 {
		c.MaxTokens = DefaultMaxTokens
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SignIn != nil {
		own := *c.SignIn
		own.Keys = cloneKeys(own.Keys)
		set(&own.TokenPath, "oauth/token")
		c.SignIn = &own
	}
}

func cloneKeys(keys [][]byte) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = append([]byte(nil), k...)
	}
	return out
}

// check looks at everything that needs no key, and names the field.
func (c *Config) check() (endpoints, error) {
	var e endpoints
	if !c.Environment.known() {
		return e, invalid("Environment", "must be %q, %q or %q", Sandbox, UAT, Production)
	}
	var err error
	if e.base, err = c.bankURL("BaseURL", c.BaseURL); err != nil {
		return e, err
	}
	if !visible(c.ClientID) {
		return e, invalid("ClientID", "is missing or not visible ASCII")
	}
	if !visible(c.ClientSecret) {
		return e, invalid("ClientSecret", "is missing or not visible ASCII")
	}
	if err := c.checkHeaders(); err != nil {
		return e, err
	}
	switch {
	case c.Timeout < 0:
		return e, invalid("Timeout", "is negative")
	case c.ExpiryMargin < 0:
		return e, invalid("ExpiryMargin", "is negative")
	case c.MaxTokens < 0:
		return e, invalid("MaxTokens", "is negative")
	case c.Proxy != nil && c.Proxy.Scheme != "http" && c.Proxy.Scheme != "socks5", c.Proxy != nil && c.Proxy.Host == "":
		return e, invalid("Proxy", "must be an http or socks5 URL")
	}
	if e.token, err = below(e.base, "TokenPath", c.TokenPath); err != nil {
		return e, err
	}
	if c.SignIn == nil {
		return e, nil
	}
	return e, c.checkSignIn(&e)
}

func (c *Config) checkSignIn(e *endpoints) (err error) {
	s := c.SignIn
	e.authorize = e.base.JoinPath("oauth/authorize").String()
	if s.AuthorizeURL != "" {
		u, err := c.bankURL("SignIn.AuthorizeURL", s.AuthorizeURL)
		if err != nil {
			return err
		}
		e.authorize = u.String()
	}
	if e.signIn, err = below(e.base, "SignIn.TokenPath", s.TokenPath); err != nil {
		return err
	}
	if s.Store == nil {
		return invalid("SignIn.Store", "is missing")
	}
	if len(s.Keys) == 0 || len(s.Keys) > 8 {
		return invalid("SignIn.Keys", "must be 1 to 8 keys")
	}
	for i, k := range s.Keys {
		if len(k) != 32 {
			return invalid("SignIn.Keys", "[%d] must be 32 random bytes", i)
		}
		if strings.Count(string(k), string(k[:1])) == len(k) {
			return invalid("SignIn.Keys", "[%d] is one byte repeated", i)
		}
	}
	return nil
}

// bankURL accepts https, and http on loopback in the sandbox.
func (c *Config) bankURL(field, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, invalid(field, "is missing")
	case err != nil, u.Host == "", u.Opaque != "":
		return nil, invalid(field, "is no absolute URL")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, invalid(field, "must have no user, query or fragment")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && c.Environment == Sandbox && loopback(u.Hostname()):
		return u, nil
	}
	return nil, invalid(field, "must be https (in the sandbox also http on loopback)")
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// below returns a path under the base URL.
func below(base *url.URL, field, path string) (string, error) {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "..") {
		return "", invalid(field, "must be a plain path below BaseURL")
	}
	return base.JoinPath(u.Path).String(), nil
}

// checkHeaders refuses names under which credentials would overwrite each other
// or what HTTP itself needs.
func (c *Config) checkHeaders() error {
	seen := map[string]bool{}
	for _, taken := range []string{"Authorization", "Content-Type", "Content-Length", "Content-Encoding", "Host", "Accept",
		"Connection", "Transfer-Encoding", "Proxy-Authorization", "Cookie"} {
		seen[taken] = true
	}
	for _, h := range []struct{ field, name string }{
		{"ClientIDHeader", c.ClientIDHeader}, {"ClientSecretHeader", c.ClientSecretHeader}, {"MsgIDHeader", c.MsgIDHeader},
	} {
		for _, r := range h.name {
			if r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
				return invalid(h.field, "is no header name")
			}
		}
		name := textproto.CanonicalMIMEHeaderKey(h.name)
		if seen[name] {
			return invalid(h.field, "%s is taken", name)
		}
		seen[name] = true
	}
	return nil
}

// visible accepts what can stand in a header: 1 to 512 visible ASCII characters.
func visible(s string) bool {
	if s == "" || len(s) > 512 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
