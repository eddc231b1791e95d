package signin_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage/memory"
)

// accounts are the host's own, in whatever way it keeps them.
type accounts struct{ hashes map[string]string }

func (a accounts) Authenticate(_ context.Context, username, password string) (signin.User, error) {
	hash, known := a.hashes[username] // empty for a name that nobody has
	ok, _ := signin.VerifyPassword(hash, password)
	switch {
	case !known:
		return signin.User{}, signin.ErrUnknownUser
	case !ok:
		return signin.User{}, signin.ErrWrongPassword
	}
	return signin.User{Subject: "user-1", Name: "Ada"}, nil
}

// A host with accounts of its own gets login and consent pages for them.
func ExampleNew() {
	hash, err := signin.HashPassword("correct horse battery staple")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := signin.New(signin.Config{
		Users:     accounts{map[string]string{"ada": hash}},
		ScopeText: func(scope string) string { return map[string]string{"account:read": "See your accounts"}[scope] },
	})
	if err != nil {
		log.Fatal(err)
	}
	decider, err := policy.Default()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server, err := issuer.New(ctx, issuer.Config{
		Issuer: "https://as.example.com", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
		Policy: decider, Profile: authz.Merchant(), SignIn: pages,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close(ctx) }()

	// Where people see whom they gave access, and sign out.
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest("GET", "https://as.example.com/oauth2/session/", nil))
	fmt.Println(answer.Code, strings.Contains(answer.Body.String(), `name="password"`))
	// Output: 200 true
}

// Behind a proxy, the address that guesses count for is in a header, which is to
// be believed only from that proxy.
func ExampleConfig_clientAddress() {
	users, err := signin.NewStaticUsers()
	if err != nil {
		log.Fatal(err)
	}
	resolver := clientip.Direct() // or clientip.FromHeader(clientip.XForwardedFor, trustedProxies)
	_, err = signin.New(signin.Config{Users: users, ClientAddress: resolver.Resolve})
	fmt.Println(err)
	// Output: <nil>
}

// An incomplete configuration says what is missing.
func ExampleNew_refused() {
	_, err := signin.New(signin.Config{})
	fmt.Println(err)
	// Output: signin: Config.Users is required: the host's accounts
}

func ExampleNewStaticUsers() {
	hash, err := signin.HashPassword("correct horse battery staple") // made beforehand, and kept in a file
	if err != nil {
		log.Fatal(err)
	}
	users, err := signin.NewStaticUsers(signin.Account{Username: "ada@example.com", PasswordHash: hash, User: signin.User{Subject: "user-1", Name: "Ada"}})
	if err != nil {
		log.Fatal(err)
	}
	user, err := users.Authenticate(context.Background(), "Ada@Example.com", "correct horse battery staple")
	fmt.Println(user.Subject, err)
	_, err = users.Authenticate(context.Background(), "ada@example.com", "Tr0ub4dor&3")
	fmt.Println(errors.Is(err, signin.ErrWrongPassword))
	// Output:
	// user-1 <nil>
	// true
}

func ExampleHashPassword() {
	hash, err := signin.HashPassword("correct horse battery staple")
	if err != nil {
		log.Fatal(err)
	}
	ok, rehash := signin.VerifyPassword(hash, "correct horse battery staple")
	fmt.Println(ok, rehash)
	ok, _ = signin.VerifyPassword(hash, "another")
	fmt.Println(ok)
	// Output:
	// true false
	// false
}

var _ http.Handler = (*signin.Pages)(nil)
