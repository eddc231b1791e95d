package main

import (
	"encoding/json"
	"net/http"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/signin"
)

// routes mounts the OAuth endpoints, each for its client type and product, and
// the bank's APIs behind the guard.
func routes(server *issuer.Server, pages *signin.Pages) http.Handler {
	guard := server.Guard()
	mux := http.NewServeMux()
	mux.Handle(base+"/oauth/authorize", server.Authorization())
	mux.Handle(base+"/oauth/session/", http.StripPrefix(base+"/oauth/session", pages))
	mux.Handle("POST "+base+"/oauth/token", server.Token(issuer.TokenOptions{
		CustomerSignIn: true, ClientType: authz.Fintech, Product: customerSignIn, GrantTypes: products[customerSignIn].GrantTypes}))
	mux.Handle("POST "+base+"/partner_auth/token", server.Token(issuer.TokenOptions{
		ClientType: authz.Partner, Product: partnerAuth, GrantTypes: products[partnerAuth].GrantTypes}))

	// Every call names its client in a header; the token must be that client's.
	mux.Handle("GET "+base+"/accounts", guard.Require(authz.Scope("account_balances"))(http.HandlerFunc(accounts)))
	mux.Handle("GET "+base+"/accounts/{account_id}/transactions",
		guard.Require(authz.Scope("account_transactions"), authz.MaskedPath("account_id", "account_id"))(http.HandlerFunc(transactions)))
	mux.Handle("GET "+base+"/customers", guard.Require(authz.Scope("beneficiary_management"))(http.HandlerFunc(customers)))
	mux.Handle("GET "+base+"/customers/{customer_id}/beneficiaries",
		guard.Require(authz.Scope("beneficiary_management"), authz.MaskedPath("customer_id", "account_id", "emirates_id"))(http.HandlerFunc(beneficiaries)))

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := server.Installation().Healthy(r.Context()); err != nil {
			http.Error(w, "unhealthy", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

// The bank's APIs, with the data that a sandbox has. Ids come from the token.

func accounts(w http.ResponseWriter, r *http.Request) {
	reply(w, map[string]any{"accounts": []any{map[string]any{"account_id": maskedTestAccount, "currency": "AED", "balance_minor": 1250000}}})
}

func transactions(w http.ResponseWriter, r *http.Request) {
	if _, bound := authz.FromContext(r.Context()).Bound("account_id"); !bound {
		http.Error(w, "no account", http.StatusNotFound)
		return
	}
	reply(w, map[string]any{"transactions": []any{
		map[string]any{"transaction_id": "T-1001", "amount_minor": -4500, "currency": "AED", "text": "Groceries"},
		map[string]any{"transaction_id": "T-1002", "amount_minor": 820000, "currency": "AED", "text": "Salary"},
	}})
}

func customers(w http.ResponseWriter, r *http.Request) {
	reply(w, map[string]any{"customers": []any{map[string]any{"emirates_id": maskedTestPerson, "name": "Test Customer"}}})
}

func beneficiaries(w http.ResponseWriter, r *http.Request) {
	reply(w, map[string]any{"beneficiaries": []any{map[string]any{"beneficiary_id": "B-1", "name": "Test Beneficiary"}}})
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}
