package interop_test

import (
	"os"
	"testing"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/storagetest"
)

// crashVariable tells the child process of the crash suite where its data is.
const crashVariable = "GATEWRIGHT_INTEROP_CRASH"

func TestCrash(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			place := os.Getenv(crashVariable)
			if place == "" {
				place = d.make(t)
				t.Setenv(crashVariable, place)
			}
			storagetest.RunCrash(t, storagetest.Crash{
				Place: place,
				Open: func(t *testing.T, place string) storage.Store {
					return newStore(t, d.open(t, place), gormstore.Options{})
				},
			})
		})
	}
}
