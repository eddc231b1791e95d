package clientip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

type contextKey struct{}

// NewContext returns ctx carrying addr, for [FromContext].
func NewContext(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, contextKey{}, addr)
}

// FromContext returns the client address that [Resolver.Handler] or [NewContext]
// put into ctx. Without one ok is false, and the address is the zero Addr, which
// no prefix contains.
func FromContext(ctx context.Context) (addr netip.Addr, ok bool) {
	addr, ok = ctx.Value(contextKey{}).(netip.Addr)
	return addr, ok && addr.IsValid()
}

// Handler resolves the client address of each request, puts it into the context
// (see [FromContext]) and calls next. A request whose address cannot be known is
// answered 403 as application/problem+json, and next is not called.
func (r *Resolver) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		addr, err := r.Resolve(req)
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, req.WithContext(NewContext(req.Context(), addr)))
	})
}

// refuse answers with the status and code of err, and with no more than that:
// the cause is not the caller's business.
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
