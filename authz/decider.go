package authz

import "context"

// Question is what a guard asks its policy. It is an alias of an unnamed struct,
// so that a policy engine can answer it without importing this package: package
// policy declares the identical type.
type Question = struct {
	// Organization is the domain in which roles and rules hold.
	Organization string
	// Subject is "key:..." or "user:...".
	Subject string
	// Roles are those that the subject is known to hold in Organization.
	Roles []string
	// Boundary caps the answer to these "object:action" permissions; nil does
	// not cap, an empty slice permits nothing.
	Boundary []string
	// Scopes are the token's.
	Scopes []string
	// Object and Action are what is asked for: "transaction:42", "read".
	Object string
	Action string
	// Attributes feed conditions: environment, client address, amounts.
	Attributes map[string]any
}

// Decision is the answer to a [Question].
type Decision = struct {
	Allowed bool
	// Reason is stable: "allowed", "explicit_deny", "no_matching_rule", "boundary" ...
	Reason string
	// Revision is that of the rules which decided.
	Revision uint64
}

// Decider answers questions. It is safe for concurrent use. An error is a
// refusal with 503: nothing was decided.
type Decider interface {
	Decide(ctx context.Context, q Question) (Decision, error)
}

// Authority is a [Decider] that also knows what roles amount to, as the
// management of keys needs it.
type Authority interface {
	Decider
	// CoversSubject reports the first permission that the target has, by the
	// wanted roles or by name, and the holder lacks, by the held roles or by name,
	// in the organization; "" if there is none. A target that does not exist yet
	// is empty. An unknown role is an error.
	CoversSubject(ctx context.Context, organization, holder string, held []string, target string, wanted []string) (missing string, err error)
	// KnownRoles names the roles that can be given in the organization.
	KnownRoles(ctx context.Context, organization string) ([]string, error)
}
