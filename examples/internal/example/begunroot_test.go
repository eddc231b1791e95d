package example

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// TestRootOfADatabaseWithManyAddresses: processes that reach one database by
// addresses of their own have one root secret, and other databases another.
func TestRootOfADatabaseWithManyAddresses(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	const direct, tunnel = "postgres://me@127.0.0.1:5432/name", "postgres://me@127.0.0.1:6432/name"
	at := func(dsn string) *Flags { return &Flags{Data: t.TempDir(), DSN: dsn, temporary: true} }
	store := memory.New()
	first, err := at(direct).RootOf(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, store, first.ID)
	for _, flags := range []*Flags{at(direct), at(tunnel), at(tunnel)} {
		root, err := flags.RootOf(t.Context(), store)
		if err != nil || root.Text() != first.Text() {
			t.Errorf("%s: another root secret, %v", flags.DSN, err)
		}
	}
	other, err := at(tunnel).RootOf(t.Context(), memory.New())
	if err != nil || other.ID == first.ID {
		t.Errorf("another database has the same root secret, %v", err)
	}

	// Whose root secret is not here is told so by the server, which refuses it.
	foreign := memory.New()
	begin(t, foreign, "0123456789abcdef")
	if root, err := at(direct).RootOf(t.Context(), foreign); err != nil || root.Text() != first.Text() {
		t.Errorf("%v", err)
	}
	// A file that was changed is not believed.
	begin(t, foreign, "fedcba9876543210")
	text := []byte(other.Text() + "\n")
	if err := os.WriteFile(filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "gatewright-examples", "root-fedcba9876543210.key"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if root, err := at(direct).RootOf(t.Context(), foreign); err != nil || root.Text() != first.Text() {
		t.Errorf("%v", err)
	}
}

// begin has a store hold a data key that is wrapped with a root.
func begin(t *testing.T, store storage.Store, root string) {
	t.Helper()
	list, err := store.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := storage.Key{ID: uint32(len(list) + 1), Purpose: "tokens", State: storage.InUse, Root: root, Wrapped: []byte("wrapped"), CreatedAt: time.Now(), StateAt: time.Now()}
	if _, err := store.PutKey(t.Context(), key, storage.Event{ID: storage.NewID(time.Now()), At: time.Now(), Type: "dataKey.made", Outcome: "ok", Actor: "host"}); err != nil {
		t.Fatal(err)
	}
}
