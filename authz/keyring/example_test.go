package keyring_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage/memory"
)

func ExampleOpen() {
	root, err := keyring.ParseRoot(keyring.NewRoot().Text()) // from the host's secret manager
	if err != nil {
		panic(err)
	}
	ring, err := keyring.Open(context.Background(), keyring.Config{
		Roots:       []keyring.Root{root},
		Issuer:      "https://api.example.com",
		Environment: "sandbox",
		Store:       memory.New(),
	})
	if err != nil {
		panic(err)
	}
	sealed := ring.Seal(keyring.Record, nil, []byte("1234999999567"), []byte("grant 7"))
	id, err := ring.Open(keyring.Record, nil, sealed, []byte("grant 7"))
	fmt.Println(string(id), err)
	_, err = ring.Open(keyring.Record, nil, sealed, []byte("grant 8"))
	fmt.Println(err)
	// Output:
	// 1234999999567 <nil>
	// keyring: not sealed by this key
}

// A root secret is changed without an interruption: the new one first and the old
// one behind it in every process, then Rewrap, then the new one alone.
func ExampleRing_Rewrap() {
	ctx := context.Background()
	store := memory.New()
	open := func(roots ...keyring.Root) (*keyring.Ring, error) {
		return keyring.Open(ctx, keyring.Config{Roots: roots, Issuer: "https://api.example.com", Environment: "live", Store: store})
	}
	old, young := keyring.NewRoot(), keyring.NewRoot()
	ring, err := open(old)
	if err != nil {
		panic(err)
	}
	sealed := ring.Seal(keyring.Cookie, nil, []byte("session"), nil)

	if ring, err = open(young, old); err != nil {
		panic(err)
	}
	if err := ring.Rewrap(ctx); err != nil {
		panic(err)
	}
	if ring, err = open(young); err != nil {
		panic(err)
	}
	text, err := ring.Open(keyring.Cookie, nil, sealed, nil)
	fmt.Println(string(text), err)
	_, err = open(old)
	fmt.Println(errors.Is(err, keyring.ErrUnknownRoot))
	// Output:
	// session <nil>
	// true
}
