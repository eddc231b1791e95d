package jose

import (
	"errors"
	"net/http"
)

// ErrReplayed is what a Spend func returns (wrapped or not) for a message id
// that was spent before. A message refused for it answers 409.
var ErrReplayed = errors.New("jose: message id was used before")

// Reason says exactly why a message was refused. It is for the audit trail and
// the log: a caller must not be able to tell one reason from another, so no
// text of an [Error] that is meant for the wire contains it.
type Reason string

// The reasons, in the order in which a message meets them.
const (
	// ReasonMediaType: the HTTP content type or encoding is not the sealed one.
	ReasonMediaType Reason = "media_type"
	// ReasonTooLarge: the message is over the configured limit.
	ReasonTooLarge Reason = "too_large"
	// ReasonRead: the body ended early or the connection failed.
	ReasonRead Reason = "read"
	// ReasonMessageID: the message id is absent, repeated or malformed.
	ReasonMessageID Reason = "message_id"
	// ReasonSyntax: not strict JSON, or data after the end.
	ReasonSyntax Reason = "syntax"
	// ReasonDepth: nested more deeply than allowed.
	ReasonDepth Reason = "depth"
	// ReasonDuplicateMember: a member name stands twice.
	ReasonDuplicateMember Reason = "duplicate_member"
	// ReasonUnknownMember: a member that the serialization does not have.
	ReasonUnknownMember Reason = "unknown_member"
	// ReasonMissingMember: a member that must be there is not.
	ReasonMissingMember Reason = "missing_member"
	// ReasonSerialization: flattened where only general is accepted, or both mixed.
	ReasonSerialization Reason = "serialization"
	// ReasonCount: not exactly one signature or not exactly one recipient.
	ReasonCount Reason = "count"
	// ReasonEncoding: not canonical base64url, or a decoded length that cannot be.
	ReasonEncoding Reason = "encoding"
	// ReasonAlgorithm: an algorithm other than the pinned one, or in a place
	// where it does not count.
	ReasonAlgorithm Reason = "algorithm"
	// ReasonHeader: a header parameter that is not accepted.
	ReasonHeader Reason = "header"
	// ReasonType: a typ or cty that says it is something else.
	ReasonType Reason = "type"
	// ReasonNotEncrypted: a bare JWS, or plain JSON, where the nested form is required.
	ReasonNotEncrypted Reason = "not_encrypted"
	// ReasonNotSigned: what was encrypted is not a JWS.
	ReasonNotSigned Reason = "not_signed"
	// ReasonKey: no active key of this sender or recipient has that kid.
	ReasonKey Reason = "key"
	// ReasonDecryption: not encrypted to this recipient, or changed on the way.
	ReasonDecryption Reason = "decryption"
	// ReasonSignature: not signed by an active key of this sender.
	ReasonSignature Reason = "signature"
	// ReasonPayload: the payload is not strict JSON, or not what it must be.
	ReasonPayload Reason = "payload"
	// ReasonBinding: sealed for another request, path, sender or recipient.
	ReasonBinding Reason = "binding"
	// ReasonTime: expired, not valid yet, or valid for too long.
	ReasonTime Reason = "time"
	// ReasonReplayed: the message id was spent before.
	ReasonReplayed Reason = "replayed"
	// ReasonUnavailable: the message id could not be spent because the store
	// did not answer. Nothing is known; the caller may come again.
	ReasonUnavailable Reason = "unavailable"
)

// Error is the refusal of a message. Its text is the same for every reason, so
// that it can reach a caller without telling where the message failed; the
// exact cause is in Reason and behind Unwrap, for the log. Neither ever holds
// key material, payload or claims.
type Error struct {
	// Reason is the exact cause, for audit.
	Reason Reason

	cause error
}

// Error returns the uniform text.
func (e *Error) Error() string { return "jose: message refused" }

// Unwrap returns the exact cause.
func (e *Error) Unwrap() error { return e.cause }

// Refusal returns the HTTP status and the stable code that the caller may see.
// Everything that depends on keys, ciphertext or signature is one and the same
// answer; only what the caller knows anyway (size, content type, message id)
// and the state of the store are told apart.
func (e *Error) Refusal() (status int, code string) {
	switch e.Reason {
	case ReasonMediaType:
		return http.StatusUnsupportedMediaType, "unsupported_media_type"
	case ReasonTooLarge:
		return http.StatusRequestEntityTooLarge, "message_too_large"
	case ReasonMessageID:
		return http.StatusBadRequest, "message_id_invalid"
	case ReasonReplayed:
		return http.StatusConflict, "message_replayed"
	case ReasonUnavailable:
		return http.StatusServiceUnavailable, "temporarily_unavailable"
	default:
		return http.StatusBadRequest, "message_invalid"
	}
}

// ReasonOf returns the reason of the first [Error] in err's chain, or "".
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// refuse makes an Error whose cause is a fixed text: nothing of the message is
// ever formatted into it.
func refuse(reason Reason, cause string) *Error {
	return &Error{Reason: reason, cause: errors.New("jose: " + cause)}
}

// refuseFor is refuse with an underlying error kept for errors.Is.
func refuseFor(reason Reason, cause error) *Error {
	return &Error{Reason: reason, cause: cause}
}
