package issuer

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// SignIn is the host's part in an authorization request: who is the person at
// the browser, and how are they asked. Package authz/signin has a ready one.
//
// It may also implement [Attacher], [ConsentAttacher], and http.Handler for pages
// of its own, which the server then mounts below Prefix + "/session/".
type SignIn interface {
	// Person returns who is signed in at the browser that sent the request. If
	// nobody is, it writes the whole response itself (a login page, a redirect)
	// and returns false; the browser must come back to the same URL, with GET,
	// once somebody is. It is asked for the POSTs of its own login form as well,
	// which go to the same URL. Where the request's prompt is none it must show no
	// page, and calls request.Refuse("login_required", ...) instead.
	Person(w http.ResponseWriter, r *http.Request, request *AuthorizationRequest) (Person, bool)
	// Consent shows what the client asks for. Its form posts, to the same URL,
	// the field "consent" with consent.ID and the field "decision", "allow" or
	// "deny".
	Consent(w http.ResponseWriter, r *http.Request, consent *Consent)
}

// Attacher is implemented by a [SignIn] that uses the server's installation, for
// instance to seal its cookies.
type Attacher interface {
	Attach(in *authz.Installation) error
}

// Consents are the authorizations that people gave. [Server] implements it.
type Consents interface {
	// Consents lists those of one person.
	Consents(ctx context.Context, subject string) ([]GivenConsent, error)
	// WithdrawConsent ends one; [storage.ErrNotFound] if it is not the person's.
	WithdrawConsent(ctx context.Context, subject string, id storage.ID) error
}

var _ Consents = (*Server)(nil)

// ConsentAttacher is implemented by a [SignIn] that lets people see and withdraw
// the consents they gave.
type ConsentAttacher interface {
	AttachConsents(c Consents)
}

// Person is somebody who is signed in.
type Person struct {
	// Subject names the person for good; it is the sub of tokens.
	Subject string
	// Session is the sign-in session; consents are bound to it. It is not empty.
	Session string
	// Name is shown on the consent page.
	Name string
	// SignedInAt is when the person proved who they are.
	SignedInAt time.Time
	// Bound are ids that tokens of this authorization are bound to, as the
	// session tells, never the request.
	Bound []token.Binding
}

// AuthorizationRequest is an authorization request that has been validated.
type AuthorizationRequest struct {
	ClientID   string
	ClientName string
	// RedirectURI is where the answer will go.
	RedirectURI string
	Scopes      []string
	Audience    []string
	// MaskedAccount is the account that tokens will be bound to, masked; empty
	// where there is none, and until it is known to be the person's.
	MaskedAccount string
	// Prompt is the OpenID Connect prompt parameter, empty where there is none.
	Prompt string

	refusal *wire.Error
}

// Prompts reports whether the prompt parameter, a list, has the value (OpenID
// Connect Core section 3.1.2.1).
func (r *AuthorizationRequest) Prompts(value string) bool {
	return slices.Contains(strings.Fields(r.Prompt), value)
}

// Refuse has the client told by redirect that the request failed, with an OAuth
// error code such as "login_required" or "access_denied", which it is if none is
// given. [SignIn].Person calls it, writes nothing, and returns false.
func (r *AuthorizationRequest) Refuse(code, description string) {
	if code == "" {
		code = "access_denied"
	}
	r.refusal = &wire.Error{Status: http.StatusForbidden, Code: code, Reason: "sign_in_" + code, Description: description}
}

// Consent is a question to a person. It is kept on the server, bound to the
// session, the person and the exact request, and can be answered once.
type Consent struct {
	ID      string
	Person  Person
	Request *AuthorizationRequest
	// ExpiresAt is when the question lapses.
	ExpiresAt time.Time
}
