package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz"
)

// Why a change was refused. Test with [errors.Is]; the [Refused] in the chain has
// status, code and what to do.
var (
	// ErrPermissionDenied: the actor may not manage this.
	ErrPermissionDenied = errors.New("admin: permission denied")
	// ErrExceeds: it is beyond the actor's own rights, before or after the change.
	ErrExceeds = errors.New("admin: beyond the rights of the actor")
	// ErrNotFound: there is none in the actor's organization.
	ErrNotFound = errors.New("admin: not found")
	// ErrExists: the id or subject is taken.
	ErrExists = errors.New("admin: exists already")
	// ErrRoleUnknown: no rule of the policy knows the role.
	ErrRoleUnknown = errors.New("admin: unknown role")
	// ErrInvalid: a value is not acceptable.
	ErrInvalid = errors.New("admin: invalid value")
	// ErrLastAdmin: the organization would be left without an active admin.
	ErrLastAdmin = errors.New("admin: the last active admin")
	// ErrRevoked: it is revoked, which is final.
	ErrRevoked = errors.New("admin: revoked for good")
	// ErrConflict: it has changed since the version that was named, or keeps
	// changing.
	ErrConflict = errors.New("admin: changed meanwhile")
	// ErrNoSecret: the key is a public client, which has no secret to rotate.
	ErrNoSecret = errors.New("admin: a public client has no secret")
	// ErrTooManySecrets: too many rotated secrets are still alive.
	ErrTooManySecrets = errors.New("admin: too many secrets")
)

// Refused is why a change was not made. Nothing was written.
type Refused struct {
	// Err is one of the sentinels.
	Err error
	// Status and Code are those of the HTTP answer; Code is stable.
	Status int
	Code   string
	// Detail says what to do.
	Detail string
	// Reason is exact and for the audit trail only.
	Reason string
}

// Error describes the refusal, and says what to do.
func (r *Refused) Error() string {
	text := r.Err.Error()
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}

// Unwrap returns the sentinel.
func (r *Refused) Unwrap() error { return r.Err }

// Refusal is how the refusal is told over HTTP.
func (r *Refused) Refusal() (status int, code string) { return r.Status, r.Code }

// asRefusal turns any error into what is answered: a refusal of ours, or what
// [authz.AsRefusal] makes of it, 503 for all that nobody foresaw.
func asRefusal(err error) *authz.Refusal {
	var r *Refused
	if errors.As(err, &r) {
		return &authz.Refusal{Status: r.Status, Code: r.Code, Detail: r.Detail, Reason: r.Reason, Cause: err}
	}
	refusal := *authz.AsRefusal(err)
	if refusal.Status == http.StatusServiceUnavailable && refusal.RetryAfter == 0 {
		refusal.RetryAfter = time.Second
	}
	return &refusal
}

func denied(permission, reason string) error {
	return &Refused{Err: ErrPermissionDenied, Status: http.StatusForbidden, Code: "permission_denied", Reason: reason,
		Detail: "This key or person may not do " + permission + ". Ask an administrator of the organization for a role that may."}
}

func exceeds(reason, detail string) error {
	return &Refused{Err: ErrExceeds, Status: http.StatusForbidden, Code: "exceeds_creator", Reason: reason, Detail: detail}
}

func notFound(kind, reason string) error {
	return &Refused{Err: ErrNotFound, Status: http.StatusNotFound, Code: kind + "_not_found", Reason: reason,
		Detail: "There is no such " + kind + " in your organization."}
}

func exists(kind string) error {
	return &Refused{Err: ErrExists, Status: http.StatusConflict, Code: kind + "_exists", Reason: "exists",
		Detail: "There is such a " + kind + " already, revoked ones included. Choose another id."}
}

func roleUnknown() error {
	return &Refused{Err: ErrRoleUnknown, Status: http.StatusBadRequest, Code: "role_unknown", Reason: "role_unknown",
		Detail: "There is no role of one of the names given. Role names are case-sensitive."}
}

func invalid(field, want string) error {
	return &Refused{Err: ErrInvalid, Status: http.StatusBadRequest, Code: "invalid_value", Reason: field,
		Detail: field + " must be " + want + "."}
}

func lastAdmin() error {
	return &Refused{Err: ErrLastAdmin, Status: http.StatusConflict, Code: "last_admin", Reason: "last_admin",
		Detail: "Without it the organization, in this or another environment, is left with no active administrator that does not expire. Make another one first."}
}

func revoked(kind string) error {
	return &Refused{Err: ErrRevoked, Status: http.StatusConflict, Code: kind + "_revoked", Reason: "revoked",
		Detail: "This " + kind + " is revoked, which is final."}
}

func conflict() error {
	return &Refused{Err: ErrConflict, Status: http.StatusConflict, Code: "version_conflict", Reason: "version_conflict",
		Detail: "It has changed meanwhile. Read it again, and try again with its current version."}
}
