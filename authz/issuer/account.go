package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/maskedid"
	"github.com/gatewright/gatewright/authz/throttle"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/storage"
)

// accountTries is how many accounts a customer may try in vain within a window:
// anybody can encrypt to a public key. Clients have no such limit, or a customer
// could use it up for all others.
var accountTries = throttle.Config{Limit: 20, Window: 15 * time.Minute}

// openAccounts prepares for authorization requests that name an account, where
// the profile has them do so.
func (s *Server) openAccounts() error {
	if !s.cfg.Profile.BoundAccounts || s.cfg.SignIn == nil {
		return nil
	}
	opener, err := jose.NewAccountOpener(jose.AccountConfig{Keys: s.cfg.Message.Keys, Binding: s.cfg.Message.Binding, Now: s.cfg.Now,
		Spend: func(ctx context.Context, client, id string, until time.Time) error {
			err := s.in.Store().Claim(ctx, "account:"+client, []byte(id), until)
			if errors.Is(err, storage.ErrSeen) {
				return jose.ErrReplayed
			}
			return err
		}})
	if err != nil {
		return fmt.Errorf("issuer: Config.Message: %w", err)
	}
	limit := accountTries
	limit.Now = s.cfg.Now
	if s.accountTries, err = throttle.New(limit); err != nil {
		return err
	}
	s.account = opener
	return nil
}

// accountDenied is the one answer to a ciphertext that does not open, an unknown
// account, and somebody else's: to tell them apart would tell which accounts
// exist.
func accountDenied(reason string, cause error) *wire.Error {
	return &wire.Error{Status: http.StatusForbidden, Code: "access_denied", Reason: reason, Cause: cause,
		Description: "The account cannot be used in this authorization."}
}

// checkBankParameters demands what a bank's documents demand: scope, and
// account_id and uuid where the profile binds accounts. Elsewhere the two mean
// nothing.
func (a *authorization) checkBankParameters() error {
	if a.in.HasPerimeter() && a.params.Get("scope") == "" {
		return wire.InvalidRequest("scope_missing", "Send scope.")
	}
	if a.account == nil {
		return nil
	}
	if a.params.Get("account_id") == "" || a.params.Get("uuid") == "" {
		return wire.InvalidRequest("account_missing", "Send account_id, encrypted to the bank, and uuid.")
	}
	return nil
}

// bindAccount decrypts the account of the request for the person who signed in,
// and asks the host whether it is theirs. It runs after client, redirect URI and
// sign-in are accepted, and nothing is shown before it is done.
func (a *authorization) bindAccount(person *Person) error {
	if a.account == nil {
		return nil
	}
	if a.params.Get("uuid") != person.Subject {
		return &wire.Error{Status: http.StatusForbidden, Code: "access_denied", Reason: "another_customer", Description: "Another customer is signed in."}
	}
	if wait, over := a.accountTries.Over(person.Subject); over {
		e := accountDenied("too_many_accounts_tried", nil)
		e.RetryAfter = wait
		return e
	}
	number, err := a.account.Open(a.r.Context(), a.params.Get("account_id"), a.client.ID, person.Subject)
	if err != nil {
		if authz.AsRefusal(err).Status >= 500 {
			return wire.Unavailable(err)
		}
		a.accountTries.Failed(person.Subject)
		return accountDenied("account_unreadable", err)
	}
	if refusal := a.in.ActFor(a.r.Context(), a.client, person.Subject, authz.AccountKind, number); refusal != nil {
		if refusal.Status >= 500 {
			return wire.Unavailable(refusal.Cause)
		}
		a.accountTries.Failed(person.Subject)
		return accountDenied("account_not_owned", nil)
	}
	masked, err := maskedid.Mask(number)
	if err != nil {
		a.accountTries.Failed(person.Subject)
		return accountDenied("account_malformed", err)
	}
	person.Bound = []token.Binding{{Kind: authz.AccountKind, Value: number}}
	a.request.MaskedAccount = masked
	return nil
}

// redirectAlias folds redirect_url, which the bank's clients send, into
// redirect_uri; the two must not differ.
func redirectAlias(params url.Values) *wire.Error {
	alias := params.Get("redirect_url")
	if alias == "" {
		return nil
	}
	if uri := params.Get("redirect_uri"); uri != "" && uri != alias {
		return wire.InvalidRequest("redirect_differs", "redirect_uri and redirect_url differ.")
	}
	params.Set("redirect_uri", alias)
	return nil
}

// maskedAccount is the account that a grant is bound to, as its owner may see it.
func (s *Server) maskedAccount(ctx context.Context, g *storage.Grant) (string, error) {
	bound, err := s.grants.OpenBindings(ctx, g.ID, g.Sealed)
	if err != nil {
		return "", err
	}
	for _, b := range bound {
		if b.Kind == authz.AccountKind {
			return maskedid.Mask(b.Value)
		}
	}
	return "", nil
}

// EndGrantsOf ends every live grant of a customer, with all their tokens, and
// returns how many there were. Codes that are on their way and questions that the
// customer has not answered yet are dropped before, in the store: when this
// returns, no code that was issued before the call is exchanged by any instance,
// and no grant of one is live. What the customer authorizes afterwards is new;
// whether they may is the host's to say, in SignIn and OwnsAccount. After an error
// some may have been ended: call it again.
func (s *Server) EndGrantsOf(ctx context.Context, subject, reason string) (int, error) {
	if subject == "" {
		return 0, errors.New("issuer: EndGrantsOf: name a customer")
	}
	if err := s.dropPending(ctx, storage.Pending{Subject: subject}); err != nil {
		return 0, err
	}
	return s.endGrants(ctx, storage.GrantFilter{Subject: subject}, reason)
}

// EndGrantsForAccount ends every live grant that is bound to an account, and
// returns how many there were; with codes and questions as in
// [Server.EndGrantsOf]. A partner's token that names the account by
// client_credentials is no grant in the store until it is first refreshed: each
// call with one is the host's to refuse, in MayActFor.
func (s *Server) EndGrantsForAccount(ctx context.Context, account, reason string) (int, error) {
	if account == "" {
		return 0, errors.New("issuer: EndGrantsForAccount: name an account")
	}
	ended := 0
	keys := s.in.Keyring().LookupKeys([]byte(account))
	for _, key := range keys { // all of them first: a code may become a grant under another key
		if err := s.dropPending(ctx, storage.Pending{Account: key}); err != nil {
			return 0, err
		}
	}
	for _, key := range keys {
		n, err := s.endGrants(ctx, storage.GrantFilter{Account: key}, reason)
		ended += n
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

func (s *Server) dropPending(ctx context.Context, p storage.Pending) error {
	if _, err := s.in.Store().DropPending(ctx, p); err != nil {
		return fmt.Errorf("issuer: dropping codes: %w", err)
	}
	return nil
}

func (s *Server) endGrants(ctx context.Context, filter storage.GrantFilter, reason string) (int, error) {
	ended := 0
	filter.Live = s.in.Now()
	for {
		live, err := s.in.Store().ListGrants(ctx, filter, storage.Page{Limit: 500})
		if err != nil {
			return ended, fmt.Errorf("issuer: listing grants: %w", err)
		}
		for _, g := range live {
			change, err := s.in.Store().EndGrant(ctx, storage.End{ID: g.ID, Client: g.Client, At: s.in.Now(), Reason: reason, Until: s.in.Until()})
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return ended, fmt.Errorf("issuer: ending a grant: %w", err)
			}
			s.in.Feed().Apply(change)
			s.in.Record(storage.Event{Type: "grant.ended", Outcome: "ok", Organization: g.Organization, Actor: "host", Target: "key:" + g.Client, Client: g.Client, Grant: g.ID, Reason: reason})
			ended++
		}
		if len(live) < 500 {
			return ended, nil
		}
	}
}
