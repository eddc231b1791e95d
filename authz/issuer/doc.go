// Package issuer is the authorization-server half of Gatewright: it issues and
// revokes tokens. [New] returns a [Server], one http.Handler with every
// endpoint, each of which can be mounted on its own as well.
//
// Requests and responses go through ory/fosite, which this package alone
// imports; the grant handlers are Gatewright's own, in fosite's handler model.
package issuer
