package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/authz/issuer"
)

// routes mounts the host's own handlers, each behind the permission it needs.
func (l *ledger) routes(mux *http.ServeMux, server *issuer.Server) {
	guard := server.Guard()
	within := func(handler http.HandlerFunc) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			go giveUp(ctx, cancel, server.Installation())
			handler(w, r.WithContext(ctx))
		})
	}
	need := func(permission string, handler http.HandlerFunc) http.Handler {
		return guard.Require(authz.Permission(permission))(within(handler))
	}
	mux.Handle("GET /v1/accounts", need("account:read", l.listAccounts))
	mux.Handle("POST /v1/accounts", need("account:create", l.createAccount))
	mux.Handle("GET /v1/transactions", need("transaction:read", l.listTransactions))
	mux.Handle("POST /v1/transfers", need("transfer:initiate", l.createTransfer))
	mux.Handle("POST /v1/terminals/{id}/assign", guard.Require(authz.Permission("terminal:assign").Of("id"))(within(l.assignTerminal)))
}

func (l *ledger) listAccounts(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	if !fits(w, "after", after, 32) {
		return
	}
	found, next, err := l.accounts(r.Context(), authz.FromContext(r.Context()).Organization, after)
	reply(w, http.StatusOK, map[string]any{"accounts": found, "next": next}, err)
}

func (l *ledger) createAccount(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Name     string `json:"name"`
		Currency string `json:"currency"`
	}{Name: "Account", Currency: "EUR"}
	if !read(w, r, &in, "name", "currency") || !fits(w, "name", in.Name, 200) || !fits(w, "currency", in.Currency, 3) {
		return
	}
	made, err := l.open(r.Context(), account{Organization: authz.FromContext(r.Context()).Organization, Name: in.Name, Currency: in.Currency})
	reply(w, http.StatusCreated, made, err)
}

func (l *ledger) listTransactions(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	if !fits(w, "after", after, 32) {
		return
	}
	found, next, err := l.transactions(r.Context(), authz.FromContext(r.Context()).Organization, after)
	reply(w, http.StatusOK, map[string]any{"transactions": found, "next": next}, err)
}

func (l *ledger) createTransfer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		From        string `json:"from"`
		To          string `json:"to"`
		AmountMinor int64  `json:"amount_minor"`
	}
	if !read(w, r, &in, "from", "to", "amount_minor") || !fits(w, "from", in.From, 32) || !fits(w, "to", in.To, 32) {
		return
	}
	if in.AmountMinor < 0 {
		problem(w, http.StatusBadRequest, "amount_negative", "amount_minor must not be negative.")
		return
	}
	if in.From != "" && in.From == in.To {
		problem(w, http.StatusBadRequest, "same_account", "from and to must differ.")
		return
	}
	who := authz.FromContext(r.Context())
	made, err := l.initiate(r.Context(), transaction{Organization: who.Organization, From: in.From, To: in.To, AmountMinor: in.AmountMinor, InitiatedBy: who.Actor()})
	if errors.Is(err, errNoAccount) {
		problem(w, http.StatusNotFound, "account_not_found", "No such account in your organization.")
		return
	}
	reply(w, http.StatusCreated, made, err)
}

func (l *ledger) assignTerminal(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Account string `json:"account"`
	}
	if !read(w, r, &in, "account") || !fits(w, "account", in.Account, 32) || !fits(w, "The terminal's id", r.PathValue("id"), 64) {
		return
	}
	who := authz.FromContext(r.Context())
	made, err := l.assign(r.Context(), terminal{ID: r.PathValue("id"), Organization: who.Organization, Account: in.Account, AssignedBy: who.Actor()})
	reply(w, http.StatusOK, made, err)
}

// most is how long a body may be, and patience how long the ledger may take: a
// database that does not answer must not hold requests for ever.
const (
	most     = 64 << 10
	patience = 5 * time.Second
)

// giveUp ends a request that is still under way when this instance no longer
// knows what others suspended: its database, the ledger's too, has gone silent.
func giveUp(ctx context.Context, cancel context.CancelFunc, in *authz.Installation) {
	slow := time.NewTicker(150 * time.Millisecond)
	defer slow.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-slow.C:
			short, done := context.WithTimeout(ctx, 100*time.Millisecond)
			err := in.Healthy(short)
			done()
			if errors.Is(err, feed.ErrStale) {
				cancel()
				return
			}
		}
	}
}

// read decodes a JSON object; an empty body leaves the defaults. Members that are
// not named are left alone; twice the same, and names in other letters, would be
// a guess.
func read(w http.ResponseWriter, r *http.Request, into any, members ...string) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		problem(w, http.StatusRequestEntityTooLarge, "body_too_large", "The body is larger than 64 KiB.")
		return false
	}
	if err != nil || len(body) > 0 && (!plain(body, members) || json.Unmarshal(body, into) != nil) {
		problem(w, http.StatusBadRequest, "body_malformed", "Send one JSON object, each member once and of its type, or nothing.")
		return false
	}
	return true
}

// plain reports whether the body is one object, and nothing follows, that has no
// member twice and none that differs from a known one by its case.
func plain(body []byte, members []string) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok || seen[name] {
			return false
		}
		for _, known := range members {
			if name != known && strings.EqualFold(name, known) {
				return false
			}
		}
		seen[name] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
	}
	_, err := d.Token()
	return err == nil && json.Valid(body)
}

// fits checks a text that is kept: characters that show, and no more of them than
// the column holds.
func fits(w http.ResponseWriter, member, text string, longest int) bool {
	if utf8.RuneCountInString(text) > longest || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		problem(w, http.StatusBadRequest, "invalid_value", member+" must be at most "+strconv.Itoa(longest)+" printable characters.")
		return false
	}
	return true
}

func reply(w http.ResponseWriter, status int, body any, err error) {
	if err != nil {
		slog.Error("the ledger failed", "cause", err)
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "ledger_unavailable", "Try again in a moment.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail})
}
