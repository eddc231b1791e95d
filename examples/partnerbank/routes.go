package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/maskedid"
)

// base is the path below which the bank's APIs lie, in every environment.
const base = "/rb/api/v1"

// routes mounts the token endpoints, one for each type of client, and the host's
// own handlers, each behind what it demands.
func (b *bank) routes() http.Handler {
	mux, guard := http.NewServeMux(), b.server.Guard()
	mux.Handle("POST "+base+"/partner_auth/token", b.server.Token(issuer.TokenOptions{ClientType: authz.Partner, Product: partnerAuth, GrantTypes: grants}))
	mux.Handle("POST "+base+"/internal_auth/token", b.server.Token(issuer.TokenOptions{ClientType: authz.InternalApp, Product: internalAuth, GrantTypes: grants}))

	byID := guard.Require(authz.Identified())
	bySecret := guard.Require(authz.WithSecret())
	customer := func(scope, product string) func(http.Handler) http.Handler {
		return guard.Require(authz.Scope(scope), authz.Subscribed(product), authz.MaskedPath("customer_id", "account_id", "emirates_id"))
	}
	mux.Handle("GET "+base+"/branches", byID(http.HandlerFunc(listBranches)))
	mux.Handle("GET "+base+"/fx_rates", bySecret(http.HandlerFunc(listRates)))
	beneficiary := customer("beneficiary_management", beneficiaries)
	mux.Handle("GET "+base+"/customers/{customer_id}/beneficiaries", beneficiary(b.book.of(b.book.listBeneficiaries)))
	mux.Handle("POST "+base+"/customers/{customer_id}/beneficiaries", beneficiary(b.book.of(b.book.createBeneficiary)))
	mux.Handle("POST "+base+"/customers/{customer_id}/transfers", customer("send_money", transfers)(b.book.of(b.book.createTransfer)))
	return mux
}

func listBranches(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"branches": []map[string]string{
		{"code": "001", "name": "Harbour Street", "city": "Dubai"},
		{"code": "002", "name": "Corniche", "city": "Abu Dhabi"},
	}})
}

func listRates(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"base": "AED", "rates": map[string]string{"EUR": "0.2513", "INR": "22.6740", "USD": "0.2723"}})
}

// of runs a handler with the account that the token is bound to.
func (b *book) of(handle func(http.ResponseWriter, *http.Request, account)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := b.accountOf(r.Context(), authz.FromContext(r.Context()))
		if err != nil {
			fail(w, err)
			return
		}
		handle(w, r, a)
	})
}

func (b *book) listBeneficiaries(w http.ResponseWriter, r *http.Request, a account) {
	found, err := b.beneficiaries(r.Context(), a)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"customer_id": r.PathValue("customer_id"), "account": shown(a), "beneficiaries": found})
}

func (b *book) createBeneficiary(w http.ResponseWriter, r *http.Request, a account) {
	in, ok := read(w, r)
	if !ok {
		return
	}
	made, err := b.addBeneficiary(r.Context(), beneficiary{Account: a.Number, Name: in.text("name", 140), IBAN: in.text("iban", 34)})
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusCreated, made)
}

// shown is how an account looks in an answer: masked, as in requests.
func shown(a account) string {
	masked, err := maskedid.Mask(a.Number)
	if err != nil {
		return ""
	}
	return masked
}

// body is a JSON object. Its members are looked up letter for letter, and
// others than the documented ones are passed over.
type body map[string]json.RawMessage

func read(w http.ResponseWriter, r *http.Request) (body, bool) {
	var in body
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		problem(w, http.StatusRequestEntityTooLarge, "body_too_large", "Send at most 64 KiB of JSON.")
		return nil, false
	}
	if err != nil && !errors.Is(err, io.EOF) || in == nil {
		problem(w, http.StatusBadRequest, "body_malformed", "Send a JSON object.")
		return nil, false
	}
	return in, true
}

// text is a member that is a string of at most limit bytes, without control
// characters, which not every database can keep; anything else counts as absent.
func (b body) text(name string, limit int) string {
	var s string
	if json.Unmarshal(b[name], &s) != nil || len(s) > limit || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refusals are what the books say no with.
var refusals = map[error]struct {
	status       int
	code, detail string
}{
	errNoAccount:     {http.StatusNotFound, "account_not_found", "The token is bound to no account of this bank."},
	errNoBeneficiary: {http.StatusNotFound, "beneficiary_not_found", "The account has no such beneficiary."},
	errFunds:         {http.StatusUnprocessableEntity, "insufficient_funds", "There is not enough money in the account."},
	errKeyReused:     {http.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key stands for a transfer with another content. Use a new key for a new transfer."},
}

func fail(w http.ResponseWriter, err error) {
	if known, ok := refusals[err]; ok {
		problem(w, known.status, known.code, known.detail)
		return
	}
	slog.Error("the books failed", "cause", err)
	w.Header().Set("Retry-After", "1")
	problem(w, http.StatusServiceUnavailable, "books_unavailable", "Try again in a moment.")
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail})
}
