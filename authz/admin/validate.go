package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/authz/token"
)

// Bounds of what is kept, in bytes or entries.
const (
	maxName     = 256
	maxRole     = 128
	maxRoles    = 32
	maxEntry    = 256
	maxEntries  = 64
	maxID       = 128
	maxSubject  = 255
	maxURI      = 2048
	minSecret   = 32
	maxPageSize = 500
)

// checkText refuses text that is empty, too long, or hard to see for what it is.
func checkText(field, s string, most int) error {
	if s == "" || len(s) > most || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.ContainsFunc(s, hidden) {
		return invalid(field, fmt.Sprintf("1 to %d bytes of text that neither begins nor ends with a space and has no control characters", most))
	}
	return nil
}

// hidden reports characters that do not show, or turn the direction of others.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c'
}

// checkName allows the empty name.
func checkName(s string) error {
	if s == "" {
		return nil
	}
	return checkText("name", s, maxName)
}

func checkRoles(roles []string) error {
	if len(roles) == 0 || len(roles) > maxRoles {
		return invalid("roles", fmt.Sprintf("a list of 1 to %d roles", maxRoles))
	}
	for i, r := range roles {
		if err := checkText("roles", r, maxRole); err != nil {
			return err
		}
		if slices.Contains(roles[:i], r) {
			return invalid("roles", "a list that has each role once")
		}
	}
	return nil
}

// checkBoundary allows nil, which is no boundary. An empty list is refused: it
// may be meant as nothing, or as no limit.
func checkBoundary(boundary []string) error {
	if boundary == nil {
		return nil
	}
	if len(boundary) == 0 || len(boundary) > maxEntries {
		return invalid("boundary", fmt.Sprintf("a list of 1 to %d permissions, or left out for none", maxEntries))
	}
	for _, b := range boundary {
		if _, ok := parsePermission(b); !ok || checkText("boundary", b, maxEntry) != nil {
			return invalid("boundary", `a list of permissions "object:action", where "*" may stand for either`)
		}
	}
	return nil
}

func (s *Service) checkScopes(scopes []string) error {
	for _, scope := range scopes {
		if !slices.Contains(s.cfg.KeyScopes, scope) {
			return invalid("scopes", "a list of scopes that keys may request here")
		}
	}
	return nil
}

// checkExpiry allows the zero time, which is never.
func checkExpiry(t, now time.Time) error {
	if !t.IsZero() && !t.After(now) {
		return invalid("expires_at", "in the future")
	}
	return nil
}

// validID reports whether s can be the id of a key or an organization: printable
// ASCII that stands in a path and in a permission as it is, and no credential of
// ours that somebody took for one.
func validID(s string) bool {
	return s != "" && token.Kind(s) == "" && len(s) <= maxID && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~@+", r))
	})
}

// validSubject reports whether s can be the subject of a member. A star would be
// a pattern to a policy, and a credential is nobody's name.
func validSubject(s string) bool {
	return token.Kind(s) == "" && checkText("subject", s, maxSubject) == nil && !strings.Contains(s, "*")
}

// isToken reports printable ASCII without space, quote and backslash (RFC 6749
// section 3.3, scope-token).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
