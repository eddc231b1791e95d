package clientip

import "net/http"

// Errors of [Resolver.Resolve]. Test with [errors.Is]; each tells how it is to
// be refused by a method Refusal() (status int, code string). Their texts hold
// nothing that came with the request.
var (
	// ErrPeer: the address of the peer is no IP address, or has a zone, or the
	// connection is a Unix socket that is not trusted.
	ErrPeer error = &refusal{http.StatusForbidden, "client_address_unknown", "clientip: the peer address cannot be used"}
	// ErrHeader: a trusted proxy sent the header, but an element that had to be
	// read is no address.
	ErrHeader error = &refusal{http.StatusForbidden, "client_address_unknown", "clientip: the forwarding header cannot be used"}
	// ErrNoClient: a trusted proxy sent no header, or one that names only trusted
	// proxies.
	ErrNoClient error = &refusal{http.StatusForbidden, "client_address_unknown", "clientip: the forwarding header names no client"}
	// ErrMisconfigured: the [Resolver] is nil or was made from an invalid
	// configuration; [Resolver.Validate] says which field.
	ErrMisconfigured error = &refusal{http.StatusInternalServerError, "server_misconfigured", "clientip: the resolver is not configured"}
)

// refusal is an error that knows its answer.
type refusal struct {
	status int
	code   string
	text   string
}

func (e *refusal) Error() string { return e.text }

// Refusal is the HTTP status and the stable code of the answer.
func (e *refusal) Refusal() (status int, code string) { return e.status, e.code }
