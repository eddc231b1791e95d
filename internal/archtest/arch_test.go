// Package archtest keeps the table of docs/architecture.md true: which room may
// depend on which. It reads what the go command says, not what files look like.
package archtest

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/gatewright/gatewright"

// rule says what a package, or all below a prefix ending in "/...", may and may
// not depend on, directly or not.
type rule struct {
	room string
	// ours lists which packages of this module it may depend on, beside itself
	// and what lies below it; "*" is all.
	ours []string
	// never lists import path prefixes of others that it must not link.
	never []string
	// stdOnly forbids everything that is neither ours nor of the standard library.
	stdOnly bool
}

var (
	oauth   = []string{"github.com/ory/fosite"}
	orm     = []string{"gorm.io/"}
	casbin  = []string{"github.com/casbin/"}
	drivers = []string{"github.com/mattn/go-sqlite3", "modernc.org/sqlite", "github.com/jackc/pgx", "github.com/go-sql-driver/mysql"}
	// Fosite links testing itself; what links fosite is held to the first only.
	tests = []string{"pgregory.net/rapid", "testing"}
)

func all(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var rules = []rule{
	{room: "storage", stdOnly: true, never: tests},
	{room: "storage/memory", ours: []string{"storage"}, stdOnly: true, never: tests},
	{room: "storage/storagetest", ours: []string{"storage"}, never: all(oauth, orm, casbin, drivers)},
	{room: "policy/...", never: all(oauth, orm, drivers, tests)},
	{room: "jose/...", never: all(oauth, orm, casbin, drivers, tests)},
	{room: "mtls", stdOnly: true, never: tests},
	{room: "internal/problem", ours: []string{"storage"}, stdOnly: true, never: tests},
	{room: "authz/clientip", stdOnly: true, never: tests},
	{room: "authz/maskedid", stdOnly: true, never: tests},
	{room: "authz/allowlist", never: all(oauth, orm, casbin, drivers, tests)},
	{room: "authz/throttle", stdOnly: true, never: tests},
	{room: "authz/keyring", ours: []string{"storage"}, never: all(oauth, orm, casbin, drivers, tests)},
	{room: "authz/token", ours: []string{"storage", "authz/keyring"}, never: all(oauth, orm, casbin, drivers, tests)},
	{room: "authz/feed", ours: []string{"storage"}, never: all(oauth, orm, casbin, drivers, tests)},
	{room: "authz/audit", ours: []string{"storage"}, stdOnly: true, never: tests},
	{room: "authz", ours: []string{"storage", "jose", "mtls", "authz/audit", "authz/feed", "authz/keyring", "authz/token", "authz/throttle", "authz/clientip", "authz/allowlist", "authz/maskedid", "internal/problem"},
		never: all(oauth, orm, casbin, drivers, tests)},
	{room: "authz/issuer/...", ours: []string{"*"}, never: all(orm, casbin, drivers, tests[:1])},
	{room: "authz/admin", ours: []string{"*"}, never: all(orm, casbin, drivers, tests[:1])},
	{room: "authz/signin", ours: []string{"*"}, never: all(orm, casbin, drivers, tests[:1])},
	{room: "client", ours: []string{"jose", "mtls", "authz/maskedid"}, never: all(oauth, orm, casbin, drivers, tests)},
	{room: "internal/strictjson", stdOnly: true, never: tests},
	{room: "adapters/policystore", ours: []string{"storage", "policy"}, never: all(oauth, orm, drivers, tests)},
	{room: "adapters/gormstore", ours: []string{"storage"}, never: all(oauth, casbin, drivers, tests)},
	{room: "adapters/gormstore/sqlitestore", ours: []string{"storage", "adapters/gormstore"}, never: all(oauth, casbin, tests)},
}

// list maps each package of the root module to everything it links.
func list(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"/...")
	cmd.Env = append(cmd.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off") // the root module alone
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) > 0 {
			deps[fields[0]] = fields[1:]
		}
	}
	return deps
}

func TestRoomsKeepToTheirImports(t *testing.T) {
	t.Parallel()
	deps := list(t)
	for _, r := range rules {
		t.Run(r.room, func(t *testing.T) {
			matched := 0
			for pkg, links := range deps {
				path, ours := strings.CutPrefix(pkg, module+"/")
				if !ours || !r.covers(path) {
					continue
				}
				matched++
				for _, dep := range links {
					if why := r.forbids(path, dep); why != "" {
						t.Errorf("%s links %s: %s", path, dep, why)
					}
				}
			}
			if matched == 0 {
				t.Errorf("no package in this room: mend the table")
			}
		})
	}
}

func (r rule) covers(path string) bool {
	prefix, below := strings.CutSuffix(r.room, "/...")
	return path == prefix || below && strings.HasPrefix(path, prefix+"/")
}

func (r rule) forbids(path, dep string) string {
	for _, never := range r.never {
		if dep == never || strings.HasSuffix(never, "/") && strings.HasPrefix(dep, never) || strings.HasPrefix(dep, never+"/") {
			return "never in this room"
		}
	}
	if other, ours := strings.CutPrefix(dep, module+"/"); ours {
		base := strings.TrimSuffix(r.room, "/...")
		if other == path || other == base || strings.HasPrefix(other, base+"/") {
			return ""
		}
		for _, may := range r.ours {
			if may == "*" || other == may {
				return ""
			}
		}
		return "not among the rooms it may use"
	}
	if r.stdOnly && strings.Contains(strings.Split(dep, "/")[0], ".") {
		return "the standard library only"
	}
	return ""
}

// Only the issuer, and what stands on it, links the OAuth server: a process that
// only guards stays small.
func TestOnlyTheIssuerLinksFosite(t *testing.T) {
	t.Parallel()
	above := []string{"authz/issuer", "authz/admin", "authz/signin", "authz/console", "authz/authztest", "authz/fositestore"}
	for pkg, links := range list(t) {
		path := strings.TrimPrefix(pkg, module+"/")
		mayLink := false
		for _, a := range above {
			mayLink = mayLink || path == a || strings.HasPrefix(path, a+"/")
		}
		for _, dep := range links {
			if !mayLink && strings.HasPrefix(dep, "github.com/ory/fosite") {
				t.Errorf("%s links %s", path, dep)
				break
			}
		}
	}
}
