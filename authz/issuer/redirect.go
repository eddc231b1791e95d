package issuer

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/authz"
)

// matchRedirectURI finds the redirect URI of an authorization request. The
// comparison is by characters (RFC 9700 section 2.1), but for the port of an
// http loopback URI, which a native app chooses when it starts (RFC 8252 section
// 7.3). Without one in the request, the client's only one is taken.
func matchRedirectURI(sent string, registered []string) (string, bool) {
	if sent == "" {
		if len(registered) != 1 || authz.CheckRedirectURI(registered[0]) != nil {
			return "", false
		}
		return registered[0], true
	}
	if authz.CheckRedirectURI(sent) != nil {
		return "", false
	}
	for _, r := range registered {
		if r == sent || sameLoopback(sent, r) {
			return sent, true
		}
	}
	return "", false
}

// sameLoopback compares two http URIs on the same loopback literal, port aside.
// The one that was sent has passed [authz.CheckRedirectURI], which accepts http
// on such literals only.
func sameLoopback(sent, registered string) bool {
	a, errA := url.Parse(sent)
	b, errB := url.Parse(registered)
	if errA != nil || errB != nil || a.Scheme != "http" || b.Scheme != "http" || a.Hostname() != b.Hostname() {
		return false
	}
	return validPort(a) && withoutPort(sent, a) == withoutPort(registered, b)
}

// validPort accepts none, and ports that a program can listen on, in the one
// spelling that they have.
func validPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && n > 0 && u.Port()[0] != '0'
}

// withoutPort cuts the port out of the text, so that everything else is still
// compared by characters.
func withoutPort(s string, u *url.URL) string {
	if port := u.Port(); port != "" {
		return strings.Replace(s, u.Host, strings.TrimSuffix(u.Host, ":"+port), 1)
	}
	return s
}

// redirectBack adds parameters to a redirect URI, whose own query stays.
func redirectBack(to string, params url.Values) string {
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return to + separator + params.Encode()
}
