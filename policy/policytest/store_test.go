package policytest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

func openDir(t *testing.T) (a, b policy.Store) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"model.conf": policy.DefaultModel().Text(), "policy.csv": "# none\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stores [2]policy.Store
	for i := range stores {
		s, err := policy.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		stores[i] = s
	}
	return stores[0], stores[1]
}

func TestDirStore(t *testing.T) {
	t.Parallel()
	policytest.CheckStore(t, func() (a, b policy.Store) { return openDir(t) })
}

// forgetful forgets what it was told, and accepts everything.
type forgetful struct{ policy.Store }

func (forgetful) ApplyRules(_ context.Context, c policy.Change) (uint64, error) {
	return c.Revision + 1, nil
}

// TestCheckStoreFails holds that the suite finds a store that does nothing.
func TestCheckStoreFails(t *testing.T) {
	t.Parallel()
	r := &recorder{T: t}
	policytest.CheckStore(r, func() (a, b policy.Store) {
		a, _ = openDir(t)
		return forgetful{a}, forgetful{a}
	})
	if len(r.told) < 4 {
		t.Errorf("found only %q", r.told)
	}
}
