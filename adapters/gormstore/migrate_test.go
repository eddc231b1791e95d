package gormstore

import (
	"regexp"
	"slices"
	"testing"
)

// TestMigrationsAgree: the dialects have the same steps, tables and columns, and
// going down drops what going up made.
func TestMigrationsAgree(t *testing.T) {
	t.Parallel()
	created := regexp.MustCompile(`(?m)^CREATE TABLE IF NOT EXISTS (\w+)`)
	dropped := regexp.MustCompile(`(?m)^DROP TABLE IF EXISTS (\w+)`)
	columns := regexp.MustCompile(`(?m)^    ([a-z_]+) +[A-Z]`)
	find := func(pattern *regexp.Regexp, text string) (found []string) {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		return found
	}
	want, err := migrationsOf(postgres)
	if err != nil || len(want) == 0 {
		t.Fatalf("PostgreSQL has %d migrations, %v", len(want), err)
	}
	for _, d := range []dialect{postgres, mysql, sqlite} {
		got, err := migrationsOf(d)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s has %d migrations, PostgreSQL %d", d, len(got), len(want))
		}
		for i, m := range got {
			if m.Name != want[i].Name {
				t.Errorf("%s: migration %d is %q, PostgreSQL's %q", d, m.Version, m.Name, want[i].Name)
			}
			tables := find(created, m.up)
			if !slices.Equal(tables, find(created, want[i].up)) {
				t.Errorf("%s: migration %d makes %v", d, m.Version, tables)
			}
			if got, want := find(columns, m.up), find(columns, want[i].up); !slices.Equal(got, want) {
				t.Errorf("%s: migration %d has columns\n%v, PostgreSQL\n%v", d, m.Version, got, want)
			}
			gone := find(dropped, m.down)
			slices.Sort(gone)
			slices.Sort(tables)
			if !slices.Equal(gone, tables) {
				t.Errorf("%s: migration %d drops %v", d, m.Version, gone)
			}
		}
	}
}
