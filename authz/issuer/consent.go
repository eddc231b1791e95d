package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatewright/gatewright/authz/issuer/internal/grants"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// consentLifetime is how long a person may think about it.
const consentLifetime = 10 * time.Minute

// question is what a consent is bound to, kept sealed on the server.
type question struct {
	Person Person `json:"person"`
	// Request is the hash of the exact authorization request.
	Request []byte `json:"request"`
}

// ask keeps the question and has the sign-in show it. Nothing that was agreed to
// before is remembered: a public client cannot prove that it is the same one.
func (a *authorization) ask(person Person) error {
	epochs, err := a.grants.AuthorizationEpochs(a.r.Context(), a.client, person.Subject)
	if err != nil {
		return err
	}
	now := a.in.Now()
	id, key := a.in.Tokens().NewOpaque(token.InteractionPrefix, now)
	plain, err := json.Marshal(question{Person: person, Request: a.requestHash()})
	if err != nil {
		return fmt.Errorf("issuer: encoding a consent: %w", err)
	}
	expires := now.Add(consentLifetime)
	err = a.in.Store().PutArtifact(a.r.Context(), storage.Artifact{Kind: storage.Interaction, Key: key, Client: a.client.ID,
		Organization: a.client.Organization, Subject: person.Subject, Account: a.grants.AccountKey(person.Bound), Epochs: epochs,
		Sealed: a.in.SealRecord(plain, key), ExpiresAt: expires})
	if err != nil {
		return wire.Unavailable(err)
	}
	a.cfg.SignIn.Consent(a.w, a.r, &Consent{ID: id, Person: person, Request: a.request, ExpiresAt: expires})
	return nil
}

// requestHash binds a consent to every parameter of its request.
func (a *authorization) requestHash() []byte {
	sum := sha256.Sum256([]byte(a.params.Encode()))
	return sum[:]
}

// decide takes the answer to a question: from the same session and person, about
// the same request, once.
func (a *authorization) decide(form url.Values) error {
	person, ok, err := a.person()
	if !ok {
		return err
	}
	decision := form.Get("decision")
	if decision != "allow" && decision != "deny" {
		return wire.InvalidRequest("decision", "The decision is either allow or deny.")
	}
	key, err := a.grants.StoreKey(a.r.Context(), token.InteractionPrefix, form.Get("consent"))
	switch {
	case err != nil:
		return err
	case key == nil:
		return grants.ConsentLapsed()
	}
	stored, err := a.in.Store().Artifact(a.r.Context(), storage.Interaction, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return grants.ConsentLapsed()
	case err != nil:
		return wire.Unavailable(err)
	}
	asked, err := a.openQuestion(a.r.Context(), key, stored.Sealed)
	if err != nil {
		return err
	}
	if stored.Client != a.client.ID || asked.Person.Subject != person.Subject || asked.Person.Session != person.Session ||
		subtle.ConstantTimeCompare(asked.Request, a.requestHash()) != 1 {
		return grants.ConsentLapsed()
	}
	if decision == "allow" {
		return a.approve(asked.Person, key)
	}
	redeemed, err := a.in.Store().Redeem(a.r.Context(), storage.Redemption{Kind: storage.Interaction, Key: key, Client: a.client.ID, At: a.in.Now(), Until: a.in.Until()})
	switch {
	case err != nil:
		return wire.Unavailable(err)
	case redeemed.Outcome != storage.Done:
		return grants.ConsentLapsed()
	}
	return &wire.Error{Status: http.StatusForbidden, Code: "access_denied", Reason: "person_denied", Description: "The person denied the request."}
}

func (a *authorization) openQuestion(ctx context.Context, key, sealed []byte) (question, error) {
	var q question
	plain, err := a.in.OpenRecord(ctx, sealed, key)
	if err != nil {
		return q, fmt.Errorf("issuer: opening a consent: %w", err)
	}
	if err := json.Unmarshal(plain, &q); err != nil {
		return q, fmt.Errorf("issuer: decoding a consent: %w", err)
	}
	return q, nil
}

// GivenConsent is a live authorization that a person has given.
type GivenConsent struct {
	ID       storage.ID
	ClientID string
	Client   string
	Scopes   []string
	// MaskedAccount is the account that it is bound to, masked; empty for none.
	MaskedAccount string
	GivenAt       time.Time
	ExpiresAt     time.Time
}

// Consents lists the live authorizations that a person has given, the oldest
// first, at most 1,000.
func (s *Server) Consents(ctx context.Context, subject string) ([]GivenConsent, error) {
	if subject == "" {
		return nil, errors.New("issuer: Consents: name a person")
	}
	live, err := s.in.Store().ListGrants(ctx, storage.GrantFilter{Subject: subject, Live: s.in.Now()}, storage.Page{Limit: 1000})
	if err != nil {
		return nil, fmt.Errorf("issuer: listing consents: %w", err)
	}
	given := make([]GivenConsent, 0, len(live))
	for _, g := range live {
		c := GivenConsent{ID: g.ID, ClientID: g.Client, Scopes: g.Scopes, GivenAt: g.ConsentedAt, ExpiresAt: g.ExpiresAt}
		if client, err := s.in.Client(ctx, g.Client); err == nil {
			c.Client = client.Name
		}
		// What cannot be read any more is withdrawn like everything else.
		if c.MaskedAccount, err = s.maskedAccount(ctx, &g); errors.Is(err, storage.ErrUnavailable) {
			return nil, err
		}
		given = append(given, c)
	}
	return given, nil
}

// WithdrawConsent ends an authorization that the person has given, with every
// token of it, from the next request on. [storage.ErrNotFound] if it is not
// theirs.
func (s *Server) WithdrawConsent(ctx context.Context, subject string, id storage.ID) error {
	g, err := s.in.Store().Grant(ctx, id)
	if err != nil {
		return fmt.Errorf("issuer: withdrawing a consent: %w", err)
	}
	if g.Subject != subject || subject == "" {
		return fmt.Errorf("issuer: withdrawing a consent: %w", storage.ErrNotFound)
	}
	change, err := s.in.Store().EndGrant(ctx, storage.End{ID: id, Client: g.Client, At: s.in.Now(), Reason: "withdrawn", Until: s.in.Until()})
	if err != nil {
		return fmt.Errorf("issuer: withdrawing a consent: %w", err)
	}
	s.in.Feed().Apply(change)
	s.in.Record(storage.Event{Type: "consent.withdrawn", Outcome: "ok", Organization: g.Organization, Actor: "user:" + subject, Target: "key:" + g.Client, Client: g.Client, Grant: id})
	return nil
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
