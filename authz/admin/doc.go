// Package admin manages organizations, their members and their keys, as a Go
// service and as a JSON API over HTTP.
//
// A key (an OAuth client) is a member of its organization as a person is: it
// holds roles there. Who may manage is asked of the policy, in the organization
// of the [Actor], with the actor's roles, boundary and scopes:
//
//	key:manage      keys; key:<client_id> where one is named
//	member:manage   members; member:<subject> where one is named
//	audit:read      the audit trail of the organization
//
// Of the built-in roles only admin has these. Organizations are managed by the
// host's own code alone, see [Host].
//
// Nobody grants or manages beyond their own rights. Roles can be given only by
// an actor who holds everything they give, or it is a refusal, for the default
// role too; nothing is ever quietly taken away. Changing, rotating, suspending,
// resuming or revoking a key or member demands that everything it may do, before
// and after, is within the actor's rights, or a lesser manager could rotate an
// admin's key and read its secret. A boundary does not make a role count for
// less, for it can be taken off again. An actor that is itself narrowed, by a
// boundary or by the scopes of its token, manages only what has a boundary
// within its own.
//
// What counts is the roles that records hold, and what rules of the policy give
// to one key or person by name.
//
// What is another organization's, or of another environment, is not found. The
// last active holder of the admin role that does not expire can be neither
// demoted, suspended, revoked nor given an expiry; the store decides that, so
// that no race gets around it. Revocation is final.
//
// Each change is one command of the store, which commits the change, what other
// instances must hear of it and an audit event with actor, target and the
// changed members before and after, without any secret or hash. It takes effect
// on this instance before the method returns, and on others as the change feed
// promises.
package admin
