package token_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

func ExampleCodec_SealAccess() {
	ring, err := keyring.Open(context.Background(), keyring.Config{
		Roots: []keyring.Root{keyring.NewRoot()}, Issuer: "https://api.example.com", Environment: "sandbox", Store: memory.New(),
	})
	if err != nil {
		panic(err)
	}
	codec := token.NewCodec(ring)
	issued := time.Now()
	sealed, err := codec.SealAccess(&token.Access{
		Claims: token.Claims{Grant: storage.NewID(issued), Client: "app_1", IssuedAt: issued, ExpiresAt: issued.Add(time.Hour)},
		Scopes: []string{"transfers"},
	})
	if err != nil {
		panic(err)
	}
	var a token.Access
	err = codec.OpenAccess(sealed, &a)
	fmt.Println(a.Client, a.Scopes, a.ExpiredAt(time.Now()), err)
	// What was cut short on the way is told from what was forged without a key.
	fmt.Println(codec.OpenAccess(sealed[:len(sealed)-1], &a))
	// Output:
	// app_1 [transfers] false <nil>
	// token: malformed
}
