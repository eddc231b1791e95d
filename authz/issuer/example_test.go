package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// A host mounts the server, guards a route, and makes a key.
func ExampleNew() {
	ctx := context.Background()
	policies, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := issuer.New(ctx, issuer.Config{
		Issuer: "https://api.example.com", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
		Policy: policies, Profile: authz.Merchant(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close(ctx) }()
	guard := server.Guard()
	mux := http.NewServeMux()
	mux.Handle("/oauth2/", server)
	mux.Handle("GET /v1/transactions", guard.Require(authz.Permission("transaction:read"))(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintln(w, "transactions of", authz.FromContext(r.Context()).Organization)
		})))
	mux.Handle("POST /v1/transfers", guard.Require(authz.Permission("transfer:initiate"))(http.NotFoundHandler()))
	web := httptest.NewServer(mux)
	defer web.Close()

	keys, err := admin.New(admin.Config{Installation: server.Installation()})
	if err != nil {
		fmt.Println(err)
		return
	}
	secret := token.NewSecret()
	if err := keys.EnsureOrganization(ctx, "acme", "Acme"); err != nil {
		fmt.Println(err)
	}
	if _, err := keys.EnsureKey(ctx, storage.Client{ID: "till-7", Organization: "acme", Name: "Till 7", Roles: []string{"viewer"}}, secret); err != nil {
		fmt.Println(err)
	}

	// The key's program.
	resp, err := http.PostForm(web.URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"till-7"}, "client_secret": {secret}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		fmt.Println(err)
	}
	call := func(method, path string) {
		req, err := http.NewRequest(method, web.URL+path, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+answer.AccessToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		fmt.Println(resp.StatusCode, strings.TrimSpace(string(body)))
	}
	call("GET", "/v1/transactions")
	call("POST", "/v1/transfers")
	// Output:
	// 200 transactions of acme
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"detail":"This key or person may not do transfer:initiate. Ask an administrator of the organization for a role that may.","code":"permission_denied"}
}

// The merchant spellings of token endpoints, which take JSON.
func ExampleServer_Token() {
	server, closeServer := exampleServer()
	defer closeServer()
	mux := http.NewServeMux()
	mux.Handle("POST /v1/auth/token/issue", server.Token(issuer.TokenOptions{JSONOnly: true}))
	mux.Handle("POST /v1/auth/token/refresh", server.Token(issuer.TokenOptions{JSONOnly: true, GrantTypes: []string{"refresh_token"}}))
	mux.Handle("POST /v1/auth/token/revoke", server.Revocation(issuer.RevocationOptions{JSONOnly: true}))

	w := httptest.NewRecorder()
	req := httptest.NewRequest("POST", "/v1/auth/token/issue", strings.NewReader(`{"Grant_Type":"client_credentials"}`))
	req.Header.Set("Content-Type", "application/json")
	mux.ServeHTTP(w, req)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	// Output:
	// 400 {"error":"invalid_request","error_description":"The JSON object has a member that this endpoint does not know; names are case-sensitive."}
}

func exampleServer() (*issuer.Server, func()) {
	policies, err := policy.Default()
	if err != nil {
		panic(err)
	}
	server, err := issuer.New(context.Background(), issuer.Config{Issuer: "https://api.example.com", Store: memory.New(),
		Keys: []keyring.Root{keyring.NewRoot()}, Policy: policies, Profile: authz.Merchant()})
	if err != nil {
		panic(err)
	}
	return server, func() { _ = server.Close(context.Background()) }
}
