package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/storage"
)

// TestEverythingIsListed: an account that was opened can be found, however many
// there are, and nobody else's with it.
func TestEverythingIsListed(t *testing.T) {
	t.Parallel()
	db, err := (&example.Flags{Data: t.TempDir()}).OpenHost()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closePool(db) })
	books, err := openLedger(db)
	if err != nil {
		t.Fatal(err)
	}
	const many = pageSize + 1
	begin := time.Now()
	var made []account
	for i := range many + 1 {
		a := account{ID: storage.NewID(begin.Add(time.Duration(i) * time.Millisecond)).String(), Organization: "demo", Name: strconv.Itoa(i)}
		if i == many {
			a.Organization = "other"
		}
		made = append(made, a)
	}
	if err := db.CreateInBatches(made, 1000).Error; err != nil {
		t.Fatal(err)
	}
	var names []string
	after, pages := "", 0
	for {
		found, next, err := books.accounts(t.Context(), "demo", after)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found {
			names = append(names, a.Name)
		}
		if pages++; next == nil || pages > 2 {
			break
		}
		after = *next
	}
	if len(names) != many || pages != 2 {
		t.Fatalf("%d accounts on %d pages, want %d on 2", len(names), pages, many)
	}
	for i, name := range names {
		if name != strconv.Itoa(i) {
			t.Fatalf("account %d is %s", i, name)
		}
	}
}
