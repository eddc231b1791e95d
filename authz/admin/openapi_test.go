package admin_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/storage/memory"
)

// description reads of the OpenAPI document what the tests compare: the methods
// of every path, and the codes of refusals.
func description(t testing.TB) (paths map[string][]string, codes []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi/admin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`^  (/[^:]*):$`)
	method := regexp.MustCompile(`^    (get|post|put|patch|delete):$`)
	code := regexp.MustCompile(`^            - ([a-z0-9_]+)$`)
	paths = map[string][]string{}
	current := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if m := path.FindStringSubmatch(line); m != nil {
			current = m[1]
		} else if m := method.FindStringSubmatch(line); m != nil {
			paths[current] = append(paths[current], strings.ToUpper(m[1]))
		} else if m := code.FindStringSubmatch(line); m != nil {
			codes = append(codes, m[1])
		}
	}
	return paths, codes
}

// TestDescriptionMatchesTheRoutes: what is described is served, behind the guard,
// and nothing else is at these paths.
func TestDescriptionMatchesTheRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory.New())
	paths, codes := description(t)
	if len(paths) != 14 || len(codes) < 30 {
		t.Fatalf("read %d paths and %d codes", len(paths), len(codes))
	}
	for path, methods := range paths {
		url := strings.NewReplacer("{client_id}", "viewer", "{subject}", "ada").Replace(path)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			a := w.call("", method, url, "")
			if slices.Contains(methods, method) {
				w.want(a, 401, "token_missing")
				continue
			}
			w.want(a, 405, "method_not_allowed")
			for _, m := range methods {
				if !strings.Contains(a.header.Get("Allow"), m) {
					t.Errorf("%s: Allow is %q", path, a.header.Get("Allow"))
				}
			}
		}
	}
}
