// Package policy decides what each key and each person may do.
//
// Models and rules are Casbin's (https://casbin.org/docs/syntax-for-models),
// kept in Casbin's own files or in a database. A model of a recognised shape is
// compiled, with its rules, into an immutable snapshot for each organization
// that answers in well under a microsecond without allocating; any other
// supported model runs on a Casbin enforcer for each organization. Casbin stays
// the oracle: the tests hold both against a fresh enforcer, and the raw enforcer
// never leaves this package.
//
// Everything denies until something allows. The zero [Engine] denies; an empty
// [Config] is an error; a model or a rule that Casbin would silently ignore is
// an error that names file, line and column; a change that does not compile
// leaves the working snapshot in force.
//
// # Names
//
// A subject is "key:ID" or "user:ID"; a role is "role:NAME" in the rules and
// NAME alone in a [Question]. A request whose subject carries neither prefix is
// refused, so that nobody is ever taken for a role by calling themselves one.
//
// # Objects, patterns and permissions
//
// A request's object is "transaction" or "transaction:42". In the rules of the
// default model, an object or an action is written in one of three ways:
//
//	transaction      exactly that object
//	transaction:*    that object and everything inside it
//	*                every object
//
// No other use of the star is accepted. Rules of roles are usually written
// "transaction:*", which serves the route that lists transactions and the one
// that names transaction 42 alike.
//
// A permission, as in [Question].Boundary and the answer of
// [Engine.Permissions], is written OBJECT:ACTION and stands for the object and
// everything inside it: "transaction:read" covers reading "transaction" and
// "transaction:42". "=transaction:read" is the object alone.
package policy
