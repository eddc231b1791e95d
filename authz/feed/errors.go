package feed

import (
	"net/http"

	"github.com/gatewright/gatewright/storage"
)

// What [Feed.Check] refuses with, to be tested with [errors.Is]. Each says how it
// is to be refused: see [Refusal].
var (
	// ErrEnded: the grant was ended.
	ErrEnded error = &Refusal{text: "the grant has ended", status: http.StatusUnauthorized, code: "invalid_token"}
	// ErrSuperseded: a later generation of the grant took over.
	ErrSuperseded error = &Refusal{text: "the token was superseded", status: http.StatusUnauthorized, code: "invalid_token"}
	// ErrSuspended: the client, its organization or the member is suspended.
	ErrSuspended error = &Refusal{text: "suspended", status: http.StatusUnauthorized, code: "invalid_token"}
	// ErrRevoked: one of them is revoked, for good.
	ErrRevoked error = &Refusal{text: "revoked", status: http.StatusUnauthorized, code: "invalid_token"}
	// ErrEpoch: all tokens of one of them, up to then, were ended.
	ErrEpoch error = &Refusal{text: "tokens of this epoch were ended", status: http.StatusUnauthorized, code: "invalid_token"}
	// ErrStale: what is known is too old, and the store cannot be asked. It wraps
	// [storage.ErrUnavailable].
	ErrStale error = &Refusal{text: "changes cannot be read", status: http.StatusServiceUnavailable, code: "temporarily_unavailable", cause: storage.ErrUnavailable}
)

// Refusal is why a token, or a record, cannot be relied on.
type Refusal struct {
	text   string
	status int
	code   string
	cause  error
}

// Error implements error.
func (r *Refusal) Error() string { return "feed: " + r.text }

// Unwrap returns the cause, if there is one.
func (r *Refusal) Unwrap() error { return r.cause }

// Is reports whether target is this refusal, whatever the cause.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.text == r.text
}

// Refusal returns the HTTP status and the stable code to refuse with.
func (r *Refusal) Refusal() (status int, code string) { return r.status, r.code }

// stale returns ErrStale with a cause for the log.
func stale(cause error) error {
	r := *ErrStale.(*Refusal)
	r.cause = &unavailable{cause}
	return &r
}

// unavailable is storage.ErrUnavailable whatever the store's own error was.
type unavailable struct{ cause error }

func (u *unavailable) Error() string   { return u.cause.Error() }
func (u *unavailable) Unwrap() []error { return []error{storage.ErrUnavailable, u.cause} }
