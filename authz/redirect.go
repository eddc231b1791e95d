package authz

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// CheckRedirectURI returns nil for a redirect URI that a client may be
// registered with: absolute, without fragment, user information and control
// characters, and either https, http on a loopback address literal (RFC 8252
// section 7.3), or a private-use scheme that is a reversed domain name (section
// 7.1). The error says what to write instead.
func CheckRedirectURI(uri string) error {
	if strings.ContainsAny(uri, "#\\") || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("authz: a redirect URI is printable ASCII without space, fragment and backslash")
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.User != nil {
		return errors.New("authz: a redirect URI is absolute and names no user")
	}
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && isLoopbackLiteral(u.Hostname()):
		return nil
	case u.Scheme != "https" && u.Scheme != "http" && strings.Contains(u.Scheme, "."):
		return nil
	}
	return errors.New("authz: a redirect URI is https with a host, http on a loopback address such as 127.0.0.1, or a scheme that is a reversed domain name")
}

func isLoopbackLiteral(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() && !a.Is4In6() && a.Zone() == ""
}
