// Package authz is the resource-server half of Gatewright: it guards the host's
// own routes. A [Guard] turns a bearer token into a [Principal], asks the policy
// whether that principal may do what the route demands, and refuses otherwise.
//
// Everything that both halves share (keys, change feed, caches, audit) is an
// [Installation]; the authorization server in authz/issuer opens one and hands
// out guards for it. A process that only guards opens its own over the same
// store, or introspects over HTTP with [Introspection]. This package does not
// link the OAuth server.
package authz
