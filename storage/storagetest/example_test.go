package storagetest_test

import (
	"os"
	"testing"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"github.com/gatewright/gatewright/storage/storagetest"
)

// An implementation proves itself with one call in a test of its own.
func ExampleRun() {
	_ = func(t *testing.T) { // TestStore
		storagetest.Run(t, func(*testing.T) storage.Store { return memory.New() })
	}
}

// Stores over one database server, which all tests share.
func ExampleOptions_Run() {
	connect := func(*testing.T) storage.Store { return memory.New() } // to a real server
	_ = func(t *testing.T) {                                          // TestServer
		storagetest.Options{
			Shared:  true,
			Another: func(t *testing.T, _ storage.Store) storage.Store { return connect(t) },
		}.Run(t, connect)
	}
}

// A store that lasts is killed while it writes. The test that does it stands
// alone, because the child process runs it too.
func ExampleRunCrash() {
	open := func(t *testing.T, place string) storage.Store {
		return openJournal(t, place, os.Getenv(faultVariable))
	}
	_ = func(t *testing.T) { // TestKill
		storagetest.RunCrash(t, storagetest.Crash{Open: open, Place: t.TempDir()})
	}
}

func ExampleBenchmark() {
	_ = func(b *testing.B) { // BenchmarkStore
		storagetest.Benchmark(b, func(*testing.B) storage.Store { return memory.New() })
	}
}
