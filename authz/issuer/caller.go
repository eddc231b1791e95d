package issuer

import (
	"net/http"
	"net/url"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/dialect"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/storage"
)

// caller is a client at an endpoint that clients call beside the token endpoint.
type caller struct {
	w         http.ResponseWriter // seals, where messages are sealed
	r         *http.Request
	form      url.Values
	client    *storage.Client // beside an error too, if it is known
	admission *authz.Admission
}

// receive reads a request and authenticates its client: where the profile has
// a perimeter, by way of that, with what the demand asks for.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, demand authz.Demand, accept dialect.Accept) (*caller, error) {
	c := &caller{w: w, r: r}
	if s.in.HasPerimeter() {
		admission, refusal := s.in.Admit(w, r, demand)
		c.admission, c.client, c.w, c.r = admission, admission.Client, admission.Writer, admission.Request
		if refusal != nil {
			return c, fromRefusal(refusal)
		}
		if refusal := oneAuthentication(demand, c.r); refusal != nil {
			return c, refusal
		}
	}
	form, _, refusal := accept.Read(c.r)
	if refusal != nil {
		return c, refusal
	}
	c.form = form
	if c.admission != nil {
		if refusal := repeatsOnly(c.client, form); refusal != nil {
			return c, refusal
		}
		return c, nil
	}
	var err error
	c.client, err = s.authenticate(c.r.Context(), c.r, form)
	return c, err
}

// address is where the request came from, for the audit trail.
func (c *caller) address() string {
	if c.admission != nil && c.admission.Address.IsValid() {
		return c.admission.Address.String()
	}
	return address(c.r)
}

// oneAuthentication: who shows id and secret in headers shows nothing else (RFC
// 6749 section 2.3).
func oneAuthentication(demand authz.Demand, r *http.Request) *wire.Error {
	if !demand.Basic && len(r.Header["Authorization"]) > 0 {
		return wire.InvalidRequest("two_authentications", "Authenticate the client in one way only: with its own headers, without an Authorization header.")
	}
	return nil
}

// repeatsOnly: the body of an authenticated client may repeat the id, but name no
// other and hold no secret.
func repeatsOnly(client *storage.Client, form url.Values) *wire.Error {
	if form.Has("client_secret") {
		return wire.InvalidRequest("two_authentications", "Authenticate the client in one way only.")
	}
	if named := form.Get("client_id"); named != "" && named != client.ID {
		return wire.InvalidRequest("client_id_differs", "The client_id in the body differs from the client's.")
	}
	return nil
}

// seal sends what was answered, sealed where messages are.
func (s *Server) seal(a *authz.Admission) {
	if err := a.Close(); err != nil {
		s.cfg.Logger.Error("an answer to a client could not be sealed", "cause", err)
	}
}
