package issuer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer/internal/dialect"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/storage"
)

// authenticate finds the client of a request and proves that it is the client
// (RFC 6749 section 2.3). All its refusals look alike to the caller. The client
// is returned with an error too, if it is known, for the audit trail.
func (s *Server) authenticate(ctx context.Context, r *http.Request, form url.Values) (*storage.Client, error) {
	credentials, refusal := dialect.ReadCredentials(r, form)
	if refusal != nil {
		return nil, refusal
	}
	var known *storage.Client
	client, err := s.in.SharedClient(ctx, credentials.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return nil, wire.Unavailable(err)
	case client.Environment == s.cfg.Profile.Environment:
		known = client
	}
	if refusal := s.in.ProveSecret(ctx, known, credentials.ClientID, credentials.Secrets, address(r)); refusal != nil {
		return known, fromRefusal(refusal)
	}
	if known == nil { // a public client, which shows no secret, but an unknown one
		return nil, wire.InvalidClient("client_unknown")
	}
	if !known.ActiveAt(s.in.Now()) {
		reason := "client_" + known.Status.String()
		if known.Status == storage.Active {
			reason = "client_expired"
		}
		return known, wire.InvalidClient(reason)
	}
	s.in.Used(known.ID)
	return known, nil
}

// fromRefusal says a refusal of a client in the words of OAuth.
func fromRefusal(r *authz.Refusal) *wire.Error {
	switch {
	case r.Status >= 500:
		e := wire.Unavailable(r.Cause)
		e.Reason = r.Reason
		return e
	case r.Status == http.StatusTooManyRequests:
		e := wire.TooManyGuesses(r.RetryAfter)
		e.Reason = r.Reason
		return e
	case r.Status == http.StatusUnauthorized:
		return wire.InvalidClient(r.Reason)
	}
	return &wire.Error{Status: r.Status, Code: r.Code, Description: r.Detail, Reason: r.Reason, Cause: r.Cause}
}

// address is where a request came from, for throttling and the audit trail: as a
// clientip.Resolver in front of the endpoints found it, else the peer's.
func address(r *http.Request) string {
	if addr, ok := clientip.FromContext(r.Context()); ok {
		return addr.String()
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
