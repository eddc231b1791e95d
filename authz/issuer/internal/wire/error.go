// Package wire is how the OAuth endpoints answer: success and errors as JSON, in
// the form of RFC 6749 section 5.
package wire

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/internal/problem"
	"github.com/gatewright/gatewright/storage"
	"github.com/ory/fosite"
)

// Error is an OAuth error response (RFC 6749 section 5.2), with what only the
// audit trail and the log may know.
type Error struct {
	Status      int
	Code        string
	Description string
	// Challenge goes to WWW-Authenticate.
	Challenge  string
	RetryAfter time.Duration
	// Allow names the methods that a resource takes, for a 405.
	Allow string
	// Reason is exact, stable, and for the audit trail.
	Reason string
	Cause  error
}

// Error describes the error for logs.
func (e *Error) Error() string {
	if e.Reason == "" || e.Reason == e.Code {
		return "oauth: " + e.Code
	}
	return "oauth: " + e.Code + " (" + e.Reason + ")"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// InvalidRequest refuses a request that is malformed.
func InvalidRequest(reason, description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Reason: reason, Description: description}
}

// MethodNotAllowed refuses a method, and names those that work (RFC 9110 section
// 15.5.6).
func MethodNotAllowed(allow, description string) *Error {
	return &Error{Status: http.StatusMethodNotAllowed, Code: "invalid_request", Reason: "method", Description: description, Allow: allow}
}

// BodyTooLarge refuses a body over the limit.
func BodyTooLarge() *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "invalid_request", Reason: "body_too_large", Description: "The request body is too large."}
}

// InvalidClient refuses a client that failed to authenticate; all its reasons
// look alike to the caller.
func InvalidClient(reason string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_client", Reason: reason,
		Description: "Client authentication failed. Check client_id and client_secret, and send them in one way only.",
		Challenge:   `Basic realm="oauth", charset="UTF-8"`}
}

// InvalidGrant refuses a code or refresh token; all its reasons look alike.
func InvalidGrant(reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_grant", Reason: reason,
		Description: "The code or refresh token is invalid, expired, revoked, used before, or was issued to another client. Start over."}
}

// UnauthorizedClient refuses a grant type that the client may not use.
func UnauthorizedClient(grantType string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "unauthorized_client", Reason: "grant_type_not_allowed",
		Description: "This client may not use the grant type " + grantType + "."}
}

// UnsupportedGrantType refuses a grant type that the endpoint does not serve.
func UnsupportedGrantType() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "unsupported_grant_type", Reason: "unsupported_grant_type",
		Description: "This endpoint does not serve the grant type. See grant_types_supported in the server's metadata."}
}

// InvalidScope refuses a scope.
func InvalidScope(reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_scope", Reason: reason,
		Description: "The scope is unknown, malformed, or more than this client or grant may have."}
}

// InvalidTarget refuses an audience or resource (RFC 8707 section 2).
func InvalidTarget() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_target", Reason: "audience_not_allowed",
		Description: "This client may not request a token for the audience."}
}

// Unavailable answers while nothing can be decided.
func Unavailable(cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Reason: "store_unavailable", Cause: cause,
		Description: "The request could not be completed right now. Try again in a moment.", RetryAfter: time.Second}
}

// TooManyGuesses answers a wrong secret after too many others.
func TooManyGuesses(after time.Duration) *Error {
	return &Error{Status: http.StatusTooManyRequests, Code: "invalid_client", Reason: "too_many_wrong_secrets", RetryAfter: after,
		Description: "Too many wrong secrets. Wait before you try again."}
}

// From turns any error into an OAuth error: one of ours, one of fosite's, or 503
// for a store that is away and for everything that nobody foresaw.
func From(err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	if errors.Is(err, storage.ErrUnavailable) {
		return Unavailable(err)
	}
	var theirs *fosite.RFC6749Error
	if errors.As(err, &theirs) && theirs.CodeField >= 400 && theirs.CodeField < 500 {
		e := &Error{Status: theirs.CodeField, Code: theirs.ErrorField, Description: theirs.DescriptionField, Reason: theirs.ErrorField, Cause: err}
		if e.Code == "invalid_client" {
			return InvalidClient("client_not_authenticated")
		}
		return e
	}
	e := Unavailable(err)
	e.Reason = "internal_error"
	return e
}

// Write sends the error as JSON, never to be cached.
func (e *Error) Write(w http.ResponseWriter) {
	h := w.Header()
	if e.Challenge != "" {
		h.Set("WWW-Authenticate", e.Challenge)
	}
	if e.Allow != "" {
		h.Set("Allow", e.Allow)
	}
	problem.SetRetryAfter(h, e.RetryAfter)
	WriteJSON(w, e.Status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
}

// WriteJSON sends a value that always marshals, never to be cached (RFC 6749
// section 5.1).
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := encode(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	values := []string{"application/json", "no-store", "nosniff"}
	h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2], values[2:3:3]
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
