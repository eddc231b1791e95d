package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// open makes an installation in memory, with the built-in roles.
func open(ctx context.Context) *authz.Installation {
	roles, err := policy.Default()
	if err != nil {
		log.Fatal(err)
	}
	in, err := authz.Open(ctx, authz.Config{Issuer: "https://api.example.com", Profile: authz.Merchant(),
		Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()}, Policy: roles})
	if err != nil {
		log.Fatal(err)
	}
	return in
}

// The host's own code sets up an organization; from then on its admin key manages
// the others, within its own rights.
func Example() {
	ctx := context.Background()
	in := open(ctx)
	defer func() { _ = in.Close(ctx) }()
	keys, err := admin.New(admin.Config{Installation: in})
	if err != nil {
		log.Fatal(err)
	}
	if err := keys.EnsureOrganization(ctx, "acme", "Acme Ltd"); err != nil {
		log.Fatal(err)
	}
	first, secret, err := keys.CreateKey(ctx, admin.Host().In("acme"), admin.NewKey{Name: "first"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Roles, first.Status, token.CheckSecret(secret))

	// What a guard makes of that key's token is an actor.
	actor := admin.ActorOf(&authz.Principal{Client: first.ClientID, Organization: "acme", Roles: first.Roles})
	till, _, err := keys.CreateKey(ctx, actor, admin.NewKey{Name: "till 4", Roles: []string{"viewer"}})
	if err != nil {
		log.Fatal(err)
	}
	till, err = keys.SuspendKey(ctx, actor, till.ClientID, admin.Options{})
	fmt.Println(till.Roles, till.Status, err)
	// Output:
	// [admin] active true
	// [viewer] suspended <nil>
}

// Nobody gives what they lack: an operator may not manage keys at all, and the
// last admin of an organization stays.
func ExampleRefused() {
	ctx := context.Background()
	in := open(ctx)
	defer func() { _ = in.Close(ctx) }()
	keys, err := admin.New(admin.Config{Installation: in})
	if err != nil {
		log.Fatal(err)
	}
	if err := keys.EnsureOrganization(ctx, "acme", "Acme Ltd"); err != nil {
		log.Fatal(err)
	}
	last, _, err := keys.CreateKey(ctx, admin.Host().In("acme"), admin.NewKey{})
	if err != nil {
		log.Fatal(err)
	}
	operator := admin.Person(storage.Member{Organization: "acme", Subject: "ada", Roles: []string{"operator"}, Status: storage.Active})
	_, _, err = keys.CreateKey(ctx, operator, admin.NewKey{Roles: []string{"viewer"}})
	var refused *admin.Refused
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code)
	}
	_, err = keys.RevokeKey(ctx, admin.Host(), last.ClientID, admin.Options{})
	fmt.Println(errors.Is(err, admin.ErrLastAdmin))
	// Output:
	// 403 permission_denied
	// true
}

// EnsureKey is for servers that begin with a key they already know, such as a
// demonstration: called at every start, it makes the key once.
func ExampleService_EnsureKey() {
	ctx := context.Background()
	in := open(ctx)
	defer func() { _ = in.Close(ctx) }()
	keys, err := admin.New(admin.Config{Installation: in})
	if err != nil {
		log.Fatal(err)
	}
	if err := keys.EnsureOrganization(ctx, "demo", "Demo"); err != nil {
		log.Fatal(err)
	}
	secret := token.NewSecret() // kept by the host, outside the database
	for range 2 {
		created, err := keys.EnsureKey(ctx, storage.Client{ID: "demo-viewer", Organization: "demo", Roles: []string{"viewer"}}, secret)
		fmt.Println(created, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// Mount gives an organization's admins a JSON API for their keys.
func ExampleService_Mount() {
	ctx := context.Background()
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	defer web.Close()
	roles, err := policy.Default()
	if err != nil {
		log.Fatal(err)
	}
	server, err := issuer.New(ctx, issuer.Config{Issuer: web.URL, Profile: authz.Merchant(), Store: memory.New(),
		Keys: []keyring.Root{keyring.NewRoot()}, Policy: roles})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close(ctx) }()
	keys, err := admin.New(admin.Config{Installation: server.Installation()})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/oauth2/", server)
	keys.Mount(mux, "/v1/keys", server.Guard())
	keys.MountMembers(mux, "/v1/members", server.Guard())
	keys.MountTrail(mux, "/v1/audit", server.Guard())

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/keys", strings.NewReader(`{"name":"till 4","roles":["viewer"]}`))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json") // and no token
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode, strings.Contains(string(body), `"code":"token_missing"`))
	// Output: 401 true
}
