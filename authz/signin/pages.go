package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/storage"
)

// Pages are the login and consent pages of one authorization server, and the
// page below Prefix + "/session/". They are safe for concurrent use. Make them
// with [New].
type Pages struct {
	cfg      Config
	lookup   Lookup // nil where Users cannot
	own      http.Handler
	in       *authz.Installation
	consents issuer.Consents
	cookies  cookies
	attempts *attempts
}

var (
	_ issuer.SignIn          = (*Pages)(nil)
	_ issuer.Attacher        = (*Pages)(nil)
	_ issuer.ConsentAttacher = (*Pages)(nil)
	_ http.Handler           = (*Pages)(nil)
)

// Attach implements [issuer.Attacher]: the pages take their keys, clock, store
// and audit trail from the installation.
func (p *Pages) Attach(in *authz.Installation) error {
	if p == nil || p.cfg.Users == nil {
		return errors.New("signin: these Pages are nil or zero: make them with New, and for none leave SignIn out")
	}
	if p.in != nil {
		return errors.New("signin: Pages serve one server; make others with New")
	}
	attempts, err := newAttempts(p.cfg.Attempts, in.Now)
	if err != nil {
		return err
	}
	if p.cookies, err = newCookies(in); err != nil {
		return err
	}
	p.in, p.attempts = in, attempts
	return nil
}

// AttachConsents implements [issuer.ConsentAttacher].
func (p *Pages) AttachConsents(c issuer.Consents) { p.consents = c }

// Person implements [issuer.SignIn].
func (p *Pages) Person(w http.ResponseWriter, r *http.Request, request *issuer.AuthorizationRequest) (issuer.Person, bool) {
	v := &visit{Pages: p, w: w, r: r, request: request}
	s := v.person()
	if s == nil {
		return issuer.Person{}, false
	}
	return issuer.Person{Subject: s.Subject, Session: s.ID, Name: s.Name, SignedInAt: s.SignedInAt, Bound: s.Bound}, true
}

// Consent implements [issuer.SignIn].
func (p *Pages) Consent(w http.ResponseWriter, r *http.Request, consent *issuer.Consent) {
	v := &visit{Pages: p, w: w, r: r, request: consent.Request}
	v.consent(consent)
}

// visit is one request to a page.
type visit struct {
	*Pages
	w http.ResponseWriter
	r *http.Request
	// request is what the person is asked for; nil on pages of our own.
	request *issuer.AuthorizationRequest
}

// person returns the session of who is signed in, or answers and returns nil.
func (v *visit) person() *session {
	if v.in == nil {
		http.Error(v.w, "The sign-in pages are not attached to a server.", http.StatusInternalServerError)
		return nil
	}
	s, err := v.session()
	if err != nil {
		v.unavailable(err)
		return nil
	}
	deciding := false
	if v.r.Method == http.MethodPost {
		form := v.r.PostForm // read and checked by the server
		deciding = form.Get("decision") != ""
		switch {
		case deciding:
		case form.Has("username") || form.Has("password"):
			v.login(s)
			return nil
		case form.Has("switch"):
			v.change(s)
			return nil
		}
	}
	switch {
	case s == nil && v.request != nil && v.request.Prompts("none"):
		v.request.Refuse("login_required", "Nobody is signed in, and prompt=none forbids to ask.")
		return nil
	case s == nil && v.r.Method == http.MethodPost:
		v.showLogin(http.StatusBadRequest, "Your sign-in has ended. Please sign in again.", "")
		return nil
	case s == nil:
		v.showLogin(http.StatusOK, "", "")
		return nil
	case !deciding && v.freshWanted() && !v.takeFresh(s):
		// A decision needs no second login: its consent, bound to this session
		// and request, was shown after the first.
		v.showLogin(http.StatusOK, "", "")
		return nil
	}
	return s
}

// freshWanted reports whether the client wants the person to prove anew who they
// are (OpenID Connect Core section 3.1.2.1).
func (v *visit) freshWanted() bool {
	return v.request != nil && (v.request.Prompts("login") || v.request.Prompts("select_account"))
}

// change signs the person out and asks who is there, for the same request.
func (v *visit) change(s *session) {
	if s != nil && v.checkToken(v.r.PostForm.Get("token"), s.ID) {
		if err := v.end(s, "switched"); err != nil {
			v.unavailable(err)
			return
		}
		v.cookies.clear(v.w, sessionCookie)
	}
	v.back()
}

// consent shows the question.
func (v *visit) consent(c *issuer.Consent) {
	organization, err := v.organization(v.r.Context(), c.Request.ClientID)
	if err != nil {
		v.unavailable(err)
		return
	}
	page := consentPage{Client: c.Request.ClientName, Organization: organization, Person: c.Person.Name,
		Account: c.Request.MaskedAccount, Destination: destination(c.Request.RedirectURI), Consent: c.ID, Token: v.token(c.Person.Session)}
	if page.Client == "" {
		page.Client = c.Request.ClientID
	}
	if page.Person == "" {
		page.Person = c.Person.Subject
	}
	for _, scope := range c.Request.Scopes {
		page.Scopes = append(page.Scopes, v.scope(scope))
	}
	v.show(http.StatusOK, "consent", page)
}

// organization names who owns the client.
func (v *visit) organization(ctx context.Context, clientID string) (string, error) {
	client, err := v.in.Client(ctx, clientID)
	if err != nil {
		return "", fmt.Errorf("signin: reading the client: %w", err)
	}
	o, err := v.in.Organization(ctx, client.Organization)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("signin: reading the client's organization: %w", err)
	}
	return o.Name, nil
}

func (v *visit) scope(scope string) string {
	if v.cfg.ScopeText != nil {
		if text := v.cfg.ScopeText(scope); text != "" {
			return text
		}
	}
	return scope
}
