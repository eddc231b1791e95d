package maskedid

import "net/http"

// Errors of a check. To the caller they are all the same refusal, 403
// masked_id_refused; which one it is, is for the audit trail. Their texts hold
// no id and no mask.
var (
	// ErrMissing: a declared source holds nothing.
	ErrMissing error = refusal("maskedid: no masked id in a declared source")
	// ErrUnmasked: the request carries an id in full.
	ErrUnmasked error = refusal("maskedid: the id is not masked")
	// ErrMalformed: the request carries something that is no mask, or carries it
	// in a way that leaves room for two readings.
	ErrMalformed error = refusal("maskedid: malformed mask")
	// ErrMismatch: the mask is that of another id.
	ErrMismatch error = refusal("maskedid: the mask is not that of the token's id")
	// ErrDisagree: two declared sources hold different masks.
	ErrDisagree error = refusal("maskedid: the sources of the mask disagree")
	// ErrID: the id to compare with is missing, or cannot be masked: fewer than 8
	// or more than 64 characters, or others than 0-9 and A-Z.
	ErrID error = refusal("maskedid: no id that can be masked")
	// ErrMisconfigured: the [Sources] or the [Control] is nil or zero.
	ErrMisconfigured error = refusal("maskedid: not configured")
)

type refusal string

func (e refusal) Error() string { return string(e) }

// Refusal is the HTTP status and the stable code of the answer.
func (e refusal) Refusal() (status int, code string) {
	if e == ErrMisconfigured {
		return http.StatusInternalServerError, "server_misconfigured"
	}
	return http.StatusForbidden, "masked_id_refused"
}
