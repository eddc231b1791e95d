package maskedid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// A Control lets a request through if its mask is that of the id which its token
// was issued for. It is immutable and safe for concurrent use; nil and zero
// refuse every request.
type Control struct {
	id      func(*http.Request) (string, error)
	sources *Sources
}

// New makes a control. id returns the full id that the request's verified token
// is bound to; its error, or an empty id, refuses the request. Both are
// required.
func New(id func(*http.Request) (string, error), sources *Sources) (*Control, error) {
	switch {
	case id == nil:
		return nil, errors.New("maskedid: id: no function")
	case sources == nil || len(sources.list) == 0:
		return nil, errors.New("maskedid: sources: none declared")
	}
	return &Control{id, sources}, nil
}

// Check returns the full id that the request may act on, or why it may not.
func (c *Control) Check(r *http.Request) (id string, err error) {
	if c == nil || c.id == nil {
		return "", ErrMisconfigured
	}
	id, err = c.id(r)
	if err != nil {
		return "", err
	}
	if err := c.sources.Check(r, id); err != nil {
		return "", err
	}
	return id, nil
}

// Handler calls next for requests that pass [Control.Check], with the full id in
// the context (see [FromContext]), and answers the others as
// application/problem+json: an error without a method Refusal() with status 500.
func (c *Control) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := c.Check(r)
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, id)))
	})
}

type contextKey struct{}

// FromContext returns the full id that [Control.Handler] let through. It is to
// be used, and never the mask in the request.
func FromContext(ctx context.Context) (id string, ok bool) {
	id, ok = ctx.Value(contextKey{}).(string)
	return id, ok
}

// refuse answers with the status and code of err, and with no more than that.
func refuse(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "internal"
	var e interface{ Refusal() (int, string) }
	if errors.As(err, &e) {
		status, code = e.Refusal()
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"code":%q}`+"\n", http.StatusText(status), status, code)
}
