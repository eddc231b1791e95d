package main

import (
	"encoding/json"
	"net/http"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/maskedid"
)

// base is the path below which the bank's APIs lie.
const base = "/rb/api/v1"

// clientRoutes are what fintechs call themselves: inside client certificates and
// address lists, all of it.
func (b *bank) clientRoutes() http.Handler {
	guard := b.server.Guard()
	mux := http.NewServeMux()
	// The one endpoint that takes a form and answers plainly.
	mux.Handle("POST "+base+"/oauth/token", b.server.Token(issuer.TokenOptions{
		CustomerSignIn: true, ClientType: authz.Fintech, Product: customerSignIn, GrantTypes: products[customerSignIn].GrantTypes}))
	// Everything else is sealed.
	mux.Handle("GET "+base+"/accounts/{account_id}/transactions",
		guard.Require(authz.Scope("account_transactions"), authz.Subscribed(customerSignIn), authz.MaskedPath("account_id", authz.AccountKind))(http.HandlerFunc(b.transactions)))
	mux.Handle("GET "+base+"/accounts/{account_id}/balance",
		guard.Require(authz.Scope("account_balances"), authz.Subscribed(customerSignIn), authz.MaskedPath("account_id", authz.AccountKind))(http.HandlerFunc(b.balance)))
	return mux
}

// browserRoutes are what customers' browsers visit: outside of certificates and
// address lists, and nothing that a client calls is among them.
func (b *bank) browserRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(base+"/oauth/authorize", b.server.Authorization())
	mux.Handle(base+"/oauth/session/", http.StripPrefix(base+"/oauth/session", b.pages))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := b.server.Installation().Healthy(r.Context()); err != nil {
			http.Error(w, "unhealthy", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

func (b *bank) transactions(w http.ResponseWriter, r *http.Request) {
	b.reply(w, r, func(a *account) (string, any) { return "transactions", a.transactions() })
}

func (b *bank) balance(w http.ResponseWriter, r *http.Request) {
	b.reply(w, r, func(a *account) (string, any) { return "balance_minor", a.BalanceMinor })
}

// reply answers about the account that the token is bound to. The request has
// its mask only, which several accounts may share.
func (b *bank) reply(w http.ResponseWriter, r *http.Request, what func(*account) (string, any)) {
	who := authz.FromContext(r.Context())
	number, _ := who.Bound(authz.AccountKind)
	found, err := b.book.account(r.Context(), who.Subject, number)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the books do not answer", http.StatusServiceUnavailable)
		return
	}
	masked, err := maskedid.Mask(number)
	if err != nil {
		http.Error(w, "the account cannot be shown", http.StatusInternalServerError)
		return
	}
	name, value := what(found)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"account_id": masked, "name": found.Name, "currency": "AED", name: value})
}
