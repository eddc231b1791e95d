// Package grants holds the grant handlers, in fosite's handler model: each is a
// fosite.TokenEndpointHandler that validates first and then sends one command to
// the store. Why they are not fosite's own is in docs/adr/0003.
package grants

import (
	"context"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/storage"
)

// Client shows a stored client to fosite. Its secrets stay behind: clients are
// authenticated before fosite sees them.
type Client struct{ *storage.Client }

// The getters of fosite.Client.
func (c Client) GetID() string                      { return c.ID }
func (c Client) GetHashedSecret() []byte            { return nil }
func (c Client) GetRedirectURIs() []string          { return c.RedirectURIs }
func (c Client) GetGrantTypes() fosite.Arguments    { return c.GrantTypes }
func (c Client) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (c Client) GetScopes() fosite.Arguments        { return c.Scopes }
func (c Client) IsPublic() bool                     { return c.Public }
func (c Client) GetAudience() fosite.Arguments      { return c.Audiences }
func (c Client) GetResponseModes() []fosite.ResponseModeType {
	return []fosite.ResponseModeType{fosite.ResponseModeDefault, fosite.ResponseModeQuery}
}

var (
	_ fosite.Client             = Client{}
	_ fosite.ResponseModeClient = Client{}
)

// noFiles keeps fosite from looking for a multipart form.
var noFiles = new(multipart.Form)

// WithForm gives a request the form that was read from its body.
func WithForm(r *http.Request, form url.Values) {
	r.Form, r.PostForm, r.MultipartForm = form, form, noFiles
}

type clientKey struct{}

// WithClient puts the authenticated client into the context of a request that is
// about to enter fosite.
func WithClient(ctx context.Context, c *storage.Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

func clientFrom(ctx context.Context) (*storage.Client, bool) {
	c, ok := ctx.Value(clientKey{}).(*storage.Client)
	return c, ok
}

// authenticated is fosite's client authentication strategy: the client was
// authenticated before, or it was not.
func authenticated(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	if c, ok := clientFrom(ctx); ok {
		return Client{c}, nil
	}
	return nil, wire.InvalidClient("client_not_authenticated")
}

// clientStore is the part of fosite's storage that is still asked: the client of
// an authorization request, which was looked up before as well.
type clientStore struct{}

func (clientStore) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if c, ok := clientFrom(ctx); ok && c.ID == id {
		return Client{c}, nil
	}
	return nil, fosite.ErrNotFound
}

// Assertions are not among the client authentication methods served; whoever
// asks about one is refused.
func (clientStore) ClientAssertionJWTValid(context.Context, string) error {
	return fosite.ErrJTIKnown
}

func (clientStore) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

var _ fosite.Storage = clientStore{}
