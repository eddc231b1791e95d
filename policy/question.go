package policy

import "strings"

// Question asks whether a subject may do an action to an object. It is an alias
// of an unnamed struct type, so that a package that must not import this one can
// declare the same type and ask.
type Question = struct {
	// Organization is the organization in which the question is asked.
	Organization string
	// Subject is who asks: "key:ID" or "user:ID".
	Subject string
	// Roles are those the caller knows the subject to hold there, as a record
	// of a key or a membership says: "admin", without "role:". Rules may give
	// the subject more.
	Roles []string
	// Boundary, permissions OBJECT:ACTION, caps the answer: nothing outside it
	// is allowed. Nil caps nothing, an empty slice permits nothing.
	Boundary []string
	// Scopes are those of the token, for rules with conditions.
	Scopes []string
	// Object is what it is done to: "transaction" or "transaction:42".
	Object string
	// Action is what is done: "read".
	Action string
	// Attributes are facts for rules with conditions, such as
	// [AttributeEnvironment], [AttributeClient] and [AttributeTime], or
	// whatever else the host passes in and its rules ask for.
	Attributes map[string]any
}

// Names of attributes that the conditions of this package read.
const (
	// AttributeEnvironment is a string: "sandbox", "production".
	AttributeEnvironment = "environment"
	// AttributeClient is the caller's address: a netip.Addr or its text.
	AttributeClient = "client"
	// AttributeTime is a time.Time; the engine's clock, if absent.
	AttributeTime = "time"
)

// Decision is the answer to a [Question], an alias of an unnamed struct type
// like it.
type Decision = struct {
	Allowed bool
	// Reason is one of the Reason constants, stable over releases.
	Reason string
	// Revision is that of the rules that were asked: the revision of the
	// organization's own rules plus that of the rules for every organization,
	// so that it grows with every change that may alter an answer there.
	Revision uint64
}

// Reasons of a [Decision].
const (
	// ReasonAllowed: a rule allows it and nothing denies it.
	ReasonAllowed = "allowed"
	// ReasonExplicitDeny: a rule denies it, whatever others allow.
	ReasonExplicitDeny = "explicit_deny"
	// ReasonNoMatchingRule: no rule allows it.
	ReasonNoMatchingRule = "no_matching_rule"
	// ReasonBoundary: a rule allows it, the boundary does not.
	ReasonBoundary = "boundary"
	// ReasonSuspended: the subject is suspended.
	ReasonSuspended = "suspended"
	// ReasonRevoked: the subject was revoked.
	ReasonRevoked = "revoked"
	// ReasonExpired: the subject's time is over.
	ReasonExpired = "expired"
	// ReasonUnknownKey: no such subject.
	ReasonUnknownKey = "unknown_key"
	// ReasonWrongEnvironment: the subject belongs to another environment.
	ReasonWrongEnvironment = "wrong_environment"
	// ReasonStale: the rules may be out of date and no lease covers them, or the
	// subject's standing could not be learned.
	ReasonStale = "stale"
	// ReasonInvalidQuestion: the question itself is malformed, for instance a
	// subject that is neither "key:" nor "user:".
	ReasonInvalidQuestion = "invalid_question"
	// ReasonNoPolicy: the engine has no rules at all, as the zero [Engine].
	ReasonNoPolicy = "no_policy"
)

// Limits of a question: what is longer is refused before anything is searched.
const (
	maxValueBytes = 1024
	maxSegments   = 32
	maxRoles      = 64
)

// validQuestion reports whether a question is well formed for a model that
// tells organizations apart or not.
func validQuestion(q *Question, organizations, anySubject bool) bool {
	if organizations != (q.Organization != "") || q.Organization == "*" {
		return false
	}
	if !anySubject && !validSubject(q.Subject) {
		return false
	}
	return q.Object != "" && q.Action != "" && q.Subject != "" &&
		len(q.Object) <= maxValueBytes && len(q.Action) <= maxValueBytes &&
		len(q.Subject) <= maxValueBytes && len(q.Organization) <= maxValueBytes &&
		len(q.Roles) <= maxRoles && segments(q.Object) <= maxSegments && segments(q.Action) <= maxSegments
}

// validSubject reports whether a request's subject is a key or a user.
func validSubject(subject string) bool {
	id, ok := strings.CutPrefix(subject, "key:")
	if !ok {
		id, ok = strings.CutPrefix(subject, "user:")
	}
	return ok && id != ""
}
