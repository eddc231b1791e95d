package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

// On every database keys and ids are equal letter for letter, and what a client
// sends never makes the books fail.
func TestBooksOnEveryDatabase(t *testing.T) {
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		db, err := (&example.Flags{DSN: dsn, Data: t.TempDir()}).OpenHost()
		if err != nil {
			t.Fatal(err)
		}
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pool.Close() })
		if err := openBooks(db); err != nil {
			t.Fatal(err)
		}
		b := &book{db, "sandbox"}
		r := registration{accounts: []string{"1234999999567"}}
		if err := b.open(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		a := account{Number: r.accounts[0]}
		told := 0
		send := func(key, fingerprint, to string) error {
			_, _, err := b.send(t.Context(), transfer{Account: a.Number, Client: "partner", AmountMinor: 1, Beneficiary: to}, key, fingerprint,
				func(transfer, account) ([]byte, error) { told++; return []byte("{}"), nil })
			return err
		}
		for _, key := range []string{"key", "KEY", "Key", "k\u00e9y"} {
			if err := send(key, "of "+key, ""); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		if err := send("key", "another", ""); !errors.Is(err, errKeyReused) || told != 4 {
			t.Errorf("%v, %d", err, told)
		}
		known, err := b.addBeneficiary(t.Context(), beneficiary{Account: a.Number, Name: "Zo\u00eb"})
		if err != nil {
			t.Fatal(err)
		}
		if err := send("own", "own", known.ID); err != nil {
			t.Error(err)
		}
		if err := send("upper", "upper", strings.ToUpper(known.ID)); !errors.Is(err, errNoBeneficiary) {
			t.Errorf("%v", err)
		}
		for name, value := range map[string]string{"a NUL": `a\u0000b`, "a long one": strings.Repeat("x", 139), "wide": strings.Repeat("\u6f22", 46), "an emoji": "\U0001f642"} {
			w := httptest.NewRecorder()
			in := fmt.Sprintf(`{"name":"%s","iban":"%s"}`, value, value)
			b.createBeneficiary(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(in)), a)
			if w.Code != 201 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
}
