package authz

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/internal/problem"
	"github.com/gatewright/gatewright/storage"
)

// Refusal is why a request goes no further: the one type in which every control
// refuses, written by [WriteRefusal] and audited in one place.
type Refusal struct {
	// Status and Code are what the caller gets; Code is stable.
	Status int
	Code   string
	// Detail tells the caller what to do.
	Detail string
	// Challenge is the WWW-Authenticate value, where there is one.
	Challenge string
	// RetryAfter, where positive, tells when to try again.
	RetryAfter time.Duration
	// Reason is exact and for the audit trail only; callers never see it.
	Reason string
	// Cause is for the log only.
	Cause error
}

// Error describes the refusal for logs.
func (r *Refusal) Error() string {
	s := "refused: " + r.Code
	if r.Reason != "" && r.Reason != r.Code {
		s += " (" + r.Reason + ")"
	}
	return s
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// The refusals of the guard. Everything that is wrong with a token looks alike
// to the caller (RFC 6750 section 3.1).
func tokenMissing() *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "token_missing", Reason: "token_missing",
		Detail:    "Send an access token in the Authorization header: \"Bearer\", a space, the token.",
		Challenge: `Bearer realm="api"`} // section 3: at least one parameter
}

func tokenInvalid(reason string, cause error) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "invalid_token", Reason: reason, Cause: cause,
		Detail:    "The access token is expired, revoked or unknown. Get a new one.",
		Challenge: `Bearer error="invalid_token", error_description="The access token is expired, revoked or unknown"`}
}

func malformedBearer() *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "invalid_request", Reason: "malformed_authorization",
		Detail:    "Send exactly one Authorization header with exactly one token.",
		Challenge: `Bearer error="invalid_request"`}
}

func insufficientScope(scope string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "insufficient_scope", Reason: "insufficient_scope",
		Detail:    "The token lacks the scope " + scope + ". Request a token with it.",
		Challenge: `Bearer error="insufficient_scope", scope="` + scope + `"`}
}

func permissionDenied(permission, reason string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "permission_denied", Reason: reason,
		Detail: "This key or person may not do " + permission + ". Ask an administrator of the organization for a role that may."}
}

// permissionOutOfScope is a permission that the token's scopes leave out,
// whatever the roles give (RFC 6750 section 3.1).
func permissionOutOfScope(permission string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "permission_denied", Reason: reasonScope,
		Detail:    "The token's scopes leave out " + permission + ". Request a token whose scopes have it.",
		Challenge: `Bearer error="insufficient_scope", scope="` + permission + `"`}
}

// reasonScope is the reason of a decision that the scopes made.
const reasonScope = "scope"

func unavailable(reason string, cause error) *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Reason: reason, Cause: cause,
		Detail: "The request could not be decided right now. Try again in a moment.", RetryAfter: time.Second}
}

// AsRefusal turns any error into a refusal: one that is in its chain, one that
// a leaf's Refusal() method states, or 503 for a store that is away and for
// everything else that nobody foresaw (deny by default).
func AsRefusal(err error) *Refusal {
	if err == nil {
		return nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		if r == nil { // a *Refusal of nil in an error is one all the same
			return unavailable("internal_error", nil)
		}
		return r
	}
	var leaf interface {
		Refusal() (status int, code string)
	}
	if errors.As(err, &leaf) {
		status, code := leaf.Refusal()
		return &Refusal{Status: status, Code: code, Reason: code, Cause: err, Detail: http.StatusText(status) + "."}
	}
	if errors.Is(err, storage.ErrUnavailable) {
		return unavailable("store_unavailable", err)
	}
	return unavailable("internal_error", err)
}

// WriteRefusal answers with the refusal as application/problem+json.
func WriteRefusal(w http.ResponseWriter, r *Refusal) {
	problem.Write(w, problem.Problem{Status: r.Status, Code: r.Code, Detail: r.Detail, Challenge: r.Challenge, RetryAfter: r.RetryAfter})
}
