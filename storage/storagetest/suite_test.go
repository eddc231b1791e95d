package storagetest_test

import (
	"testing"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"github.com/gatewright/gatewright/storage/storagetest"
)

// TestShared runs the suite as over a database that all tests share.
func TestShared(t *testing.T) {
	t.Parallel()
	shared := memory.New()
	storagetest.Options{
		Shared: true, Rounds: 2,
		Another: func(_ *testing.T, s storage.Store) storage.Store { return s },
	}.Run(t, func(*testing.T) storage.Store { return shared })
}
