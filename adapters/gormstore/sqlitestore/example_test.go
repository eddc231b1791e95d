package sqlitestore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/storage"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gatewright")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := sqlitestore.Open(ctx, filepath.Join(dir, "gatewright.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close(ctx)

	until := time.Now().Add(time.Hour)
	fmt.Println(store.Claim(ctx, "jti", []byte("message 1"), until))
	fmt.Println(store.Claim(ctx, "jti", []byte("message 1"), until) == storage.ErrSeen)
	// Output:
	// <nil>
	// true
}
