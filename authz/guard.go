package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/storage"
)

// Verifier turns a bearer token into a principal. It is safe for concurrent use.
// It has checked everything that ends a token, expiry too: a guard lets through
// whomever it names. Its errors are refusals, see [AsRefusal]; to name nobody
// without an error is one as well.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (*Principal, error)
}

// Recorder takes events for the audit trail without blocking.
type Recorder interface {
	Record(e storage.Event)
}

// GuardConfig is what a guard needs. Verifier, Policy and Audit are required.
type GuardConfig struct {
	// Verifier reads tokens: [Installation.Verifier], or an [Introspection].
	Verifier Verifier
	// Policy decides on permissions.
	Policy Decider
	// Audit takes the refusals.
	Audit Recorder
	// ClientIP finds the caller's address, for rules with conditions on it and for
	// the audit trail. Without one it is that which a resolver's own handler in
	// front of the guard has found.
	ClientIP *clientip.Resolver
	// Logger defaults to discarding.
	Logger *slog.Logger
}

// Guard stands in front of the host's routes. The zero Guard refuses everything.
// It is safe for concurrent use.
type Guard struct {
	in       *Installation // nil for a guard that introspects
	verifier Verifier
	policy   Decider
	audit    Recorder
	resolver *clientip.Resolver
	log      *slog.Logger
}

// NewGuard returns a guard, or an error that names the missing field.
func NewGuard(cfg GuardConfig) (*Guard, error) {
	switch {
	case cfg.Verifier == nil:
		return nil, errors.New("authz: GuardConfig.Verifier is required: nothing verifies tokens by default")
	case cfg.Policy == nil:
		return nil, errors.New("authz: GuardConfig.Policy is required: nothing decides by default")
	case cfg.Audit == nil:
		return nil, errors.New("authz: GuardConfig.Audit is required: refusals must be recorded somewhere")
	}
	if cfg.ClientIP != nil {
		if err := cfg.ClientIP.Validate(); err != nil {
			return nil, fmt.Errorf("authz: GuardConfig.ClientIP: %w", err)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Guard{verifier: cfg.Verifier, policy: cfg.Policy, audit: cfg.Audit, resolver: cfg.ClientIP, log: cfg.Logger}, nil
}

// Require returns middleware that lets a request through if it meets every
// requirement, in their order. A valid token is demanded always, but for routes
// that [Identified] or [WithSecret] declare to do without. It panics without
// requirements: say [Authenticated] if a valid token is enough. It panics too for
// [Identified], [WithSecret] and [MessageID] where the profile has no such thing.
func (g *Guard) Require(requirements ...Requirement) func(http.Handler) http.Handler {
	if len(requirements) == 0 {
		panic("authz: Guard.Require: name at least one requirement; Authenticated() asks for a valid token only")
	}
	credentials := credentialsOf(requirements)
	if credentials != bearer && (g == nil || g.in == nil || g.in.perimeter == nil) {
		panic("authz: Guard.Require: Identified and WithSecret need a profile with client headers, such as authz.Bank")
	}
	demand := Demand{Secret: credentials == idAndSecret, MessageID: slices.Contains(requirements, MessageID())}
	if demand.MessageID && !g.hasMessages() {
		panic("authz: Guard.Require: MessageID needs a profile with sealed messages, such as authz.Bank")
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("authz: Guard.Require: the handler is nil")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := &Exchange{Request: r, Route: r.Pattern}
			var refusal *Refusal
			if g != nil && g.in != nil && g.in.perimeter != nil {
				x.admission, refusal = g.in.Admit(w, r, demand)
				defer x.admission.Discard() // of a handler that panics
				w, x.Request = x.admission.Writer, x.admission.Request
			}
			if refusal == nil {
				refusal = g.check(x.Request.Context(), x, credentials, requirements)
			}
			if refusal == nil {
				next.ServeHTTP(w, x.Request.WithContext(context.WithValue(x.Request.Context(), exchangeKey{}, x)))
			} else {
				g.refuse(w, x, refusal)
			}
			g.close(x.admission)
		})
	}
}

// hasMessages reports whether requests come with message ids: where messages are
// sealed. The routes of a sandbox are those of production, without them.
func (g *Guard) hasMessages() bool {
	return g != nil && g.in != nil && (g.in.cfg.Profile.SealedMessages || g.in.cfg.Profile.IsSandbox())
}

// close sends the sealed answer of a handler that has returned.
func (g *Guard) close(a *Admission) {
	if err := a.Close(); err != nil {
		g.log.Error("an answer could not be sealed", "cause", err)
	}
}

func (g *Guard) check(ctx context.Context, x *Exchange, c credentials, requirements []Requirement) *Refusal {
	if g == nil || g.verifier == nil {
		return unavailable("guard_not_configured", nil)
	}
	// A token that is shown without being asked for must be right, like a secret.
	if c == bearer || len(x.Request.Header["Authorization"]) > 0 {
		if refusal := g.authenticate(ctx, x); refusal != nil {
			return refusal
		}
	}
	if c != bearer {
		x.Principal = principalOf(x.admission.Client)
	}
	for _, q := range requirements {
		if refusal := q.check(ctx, g, x); refusal != nil {
			return refusal
		}
	}
	return nil
}

// authenticate verifies the bearer token. Where the client was identified
// before, header, certificate, signature and token must name one client; and the
// host is asked again about everything that the token is bound to.
func (g *Guard) authenticate(ctx context.Context, x *Exchange) *Refusal {
	bearer, refusal := Bearer(x.Request)
	if refusal != nil {
		return refusal
	}
	p, refusal := g.verify(ctx, bearer)
	if refusal != nil {
		return refusal
	}
	if x.admission == nil {
		x.Principal = p
		return nil
	}
	if p.Client != x.admission.Client.ID {
		return tokenInvalid("token_of_another_client", nil)
	}
	x.Principal = p
	if !g.in.cfg.Profile.BoundAccounts {
		return nil
	}
	return g.in.mayAct(ctx, x.admission.Client, p)
}

// verify asks the verifier, which may be the host's, and takes no principal that
// is nobody.
func (g *Guard) verify(ctx context.Context, bearer string) (*Principal, *Refusal) {
	if g == nil || g.verifier == nil {
		return nil, unavailable("guard_not_configured", nil)
	}
	p, err := g.verifier.Verify(ctx, bearer)
	if err != nil {
		return nil, AsRefusal(err)
	}
	if p == nil || p.Client == "" && p.Subject == "" {
		return nil, unavailable("verifier_named_nobody", nil)
	}
	return p, nil
}

// principalOf is a client that is known without a token.
func principalOf(c *storage.Client) *Principal {
	return &Principal{Client: c.ID, Organization: c.Organization, Environment: c.Environment, Roles: c.Roles, Boundary: c.Boundary}
}

// Allow asks for one more permission inside a handler that [Guard.Require] has
// let the request through to, with facts for rules with conditions that only the
// handler knows, such as an amount from the body (see [WithAttributes]). On a
// refusal it answers, and records, as Require does, and returns false: the
// handler must do nothing more. Outside of a guarded handler it refuses.
func (g *Guard) Allow(w http.ResponseWriter, r *http.Request, permission PermissionRequirement, attributes map[string]any) bool {
	x, guarded := r.Context().Value(exchangeKey{}).(*Exchange)
	var refusal *Refusal
	switch {
	case g == nil || g.policy == nil:
		refusal = unavailable("guard_not_configured", nil)
	case !guarded:
		refusal = unavailable("guard_not_passed", nil)
	default:
		refusal = permission.check(WithAttributes(r.Context(), attributes), g, x)
	}
	if refusal == nil {
		return true
	}
	if !guarded {
		x = &Exchange{Request: r, Route: r.Pattern}
	}
	g.refuse(w, x, refusal)
	return false
}

// decide asks scopes and policy about one object and action.
func (g *Guard) decide(ctx context.Context, p *Principal, address netip.Addr, object, action string) (Decision, *Refusal) {
	if !scopesAllow(p, object, action) {
		return Decision{Reason: reasonScope}, nil
	}
	boundary := p.Boundary
	if len(boundary) == 0 {
		boundary = nil // a client without one is not capped
	}
	d, err := g.policy.Decide(ctx, Question{
		Organization: p.Organization, Subject: p.Actor(), Roles: p.Roles, Boundary: boundary,
		Scopes: p.Scopes, Object: object, Action: action, Attributes: g.attributes(ctx, p, address),
	})
	if err != nil {
		return Decision{}, unavailable("policy_unavailable", err)
	}
	return d, nil
}

// Explanation says why a token may or may not do something.
type Explanation struct {
	Allowed bool
	// Reason is stable, for instance "no_matching_rule", "token_expired".
	Reason string
	// Subject, Organization, Roles, Boundary and Scopes are what was decided on;
	// empty if the token itself was refused.
	Subject      string
	Organization string
	Roles        []string
	Boundary     []string
	Scopes       []string
	// Revision is that of the rules that decided.
	Revision uint64
}

// Explain decides without a request, for people who ask why: may this token do
// "object:action"? Facts that a request would bring are those of [WithAttributes];
// the caller's address is among them only if they name it. It records nothing.
func (g *Guard) Explain(ctx context.Context, bearer, permission string) (Explanation, error) {
	i := strings.LastIndexByte(permission, ':')
	if i <= 0 || i == len(permission)-1 {
		return Explanation{}, fmt.Errorf("authz: Explain: want \"object:action\", got %q", permission)
	}
	p, r := g.verify(ctx, bearer)
	if r != nil {
		if r.Status >= 500 {
			return Explanation{}, r
		}
		return Explanation{Reason: r.Reason}, nil
	}
	d, refusal := g.decide(ctx, p, netip.Addr{}, permission[:i], permission[i+1:])
	if refusal != nil {
		return Explanation{}, refusal
	}
	return Explanation{Allowed: d.Allowed, Reason: d.Reason, Revision: d.Revision, Subject: p.Actor(),
		Organization: p.Organization, Roles: p.Roles, Boundary: p.Boundary, Scopes: p.Scopes}, nil
}

// refuse writes, logs and audits a refusal: the one place where that happens.
func (g *Guard) refuse(w http.ResponseWriter, x *Exchange, refusal *Refusal) {
	if g != nil && g.audit != nil {
		e := storage.Event{Type: "guard.refused", Outcome: refusal.Code, Reason: refusal.Reason, Route: x.Route, Address: g.address(x)}
		if p := x.Principal; p != nil {
			e.Organization, e.Actor, e.Client, e.Grant = p.Organization, p.Actor(), p.Client, p.Grant
		} else if x.admission != nil && x.admission.Client != nil {
			c := x.admission.Client
			e.Organization, e.Actor, e.Client = c.Organization, "key:"+c.ID, c.ID
		}
		g.audit.Record(e)
		if refusal.Status >= 500 {
			g.log.LogAttrs(x.Request.Context(), slog.LevelError, "guard could not decide",
				slog.String("route", x.Route), slog.String("code", refusal.Code), slog.String("reason", refusal.Reason), slog.Any("cause", refusal.Cause))
		}
	}
	WriteRefusal(w, refusal)
}

// Bearer reads the token of a request: exactly one Authorization header of the
// Bearer scheme (RFC 6750 section 2.1). Tokens in forms and queries do not count.
func Bearer(r *http.Request) (string, *Refusal) {
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return "", tokenMissing()
	}
	if len(lines) > 1 {
		return "", malformedBearer()
	}
	scheme, token, found := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", tokenMissing()
	}
	if !found || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", malformedBearer()
	}
	return token, nil
}

// address is where the request came from, for the audit trail: as a resolver
// found it, else the peer's.
func (g *Guard) address(x *Exchange) string {
	if addr := g.resolved(x); addr.IsValid() {
		return addr.String()
	}
	if host, _, err := net.SplitHostPort(x.Request.RemoteAddr); err == nil {
		return host
	}
	return ""
}
