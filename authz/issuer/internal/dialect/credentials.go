package dialect

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
)

// Credentials are how a client claims to be itself (RFC 6749 section 2.3).
type Credentials struct {
	ClientID string
	// Secrets are the readings of the one secret that was sent: Basic
	// credentials ought to be form-encoded (RFC 6749 section 2.3.1), but many
	// clients send them raw. Empty for a client that sent none.
	Secrets []string
	// Method is "client_secret_basic", "client_secret_post" or "none".
	Method string
}

// ReadCredentials finds the one way in which a request authenticates its client.
// Two ways at once are refused.
func ReadCredentials(r *http.Request, form url.Values) (Credentials, *wire.Error) {
	lines := r.Header["Authorization"]
	if len(lines) > 1 {
		return Credentials{}, wire.InvalidRequest("authorization_repeated", "Send one Authorization header.")
	}
	if len(lines) == 1 {
		return readBasic(r, form)
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	switch {
	case id == "":
		return Credentials{}, wire.InvalidClient("client_id_missing")
	case secret == "":
		return Credentials{ClientID: id, Method: "none"}, nil
	}
	return Credentials{ClientID: id, Secrets: []string{secret}, Method: "client_secret_post"}, nil
}

func readBasic(r *http.Request, form url.Values) (Credentials, *wire.Error) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return Credentials{}, wire.InvalidClient("authorization_malformed")
	}
	if form.Has("client_secret") {
		return Credentials{}, wire.InvalidRequest("two_authentications", "Authenticate the client in one way only: with the Authorization header or in the body.")
	}
	id := user
	if decoded, err := url.QueryUnescape(user); err == nil {
		id = decoded
	}
	if other := form.Get("client_id"); other != "" && other != id {
		return Credentials{}, wire.InvalidRequest("client_id_differs", "The client_id in the body differs from the one in the Authorization header.")
	}
	if id == "" || password == "" {
		return Credentials{}, wire.InvalidClient("secret_empty")
	}
	c := Credentials{ClientID: id, Secrets: []string{password}, Method: "client_secret_basic"}
	if strings.ContainsAny(password, "%+") {
		if decoded, err := url.QueryUnescape(password); err == nil && decoded != password && decoded != "" {
			c.Secrets = append(c.Secrets, decoded)
		}
	}
	return c, nil
}
