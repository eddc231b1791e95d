package memory_test

import (
	"testing"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"github.com/gatewright/gatewright/storage/storagetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Store { return memory.New() })
}

func BenchmarkStore(b *testing.B) {
	storagetest.Benchmark(b, func(*testing.B) storage.Store { return memory.New() })
}
