package keyring_test

import (
	"context"
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
