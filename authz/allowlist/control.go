package allowlist

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

// A Control refuses requests from addresses that are not on the list of the
// client that sent them. It is immutable and safe for concurrent use; the nil
// and the zero Control refuse everything.
type Control struct {
	address func(*http.Request) (netip.Addr, error)
	list    func(*http.Request) (*List, error)
}

// New makes a control of two questions: which address a request came from (the
// method Resolve of a clientip.Resolver answers it), and which list holds for
// the client that sent it. Both are required. An error of either refuses the
// request, and so does a nil list.
func New(address func(*http.Request) (netip.Addr, error), list func(*http.Request) (*List, error)) (*Control, error) {
	switch {
	case address == nil:
		return nil, errors.New("allowlist: address: no function")
	case list == nil:
		return nil, errors.New("allowlist: list: no function")
	}
	return &Control{address, list}, nil
}

// Check returns nil if the request may go on.
func (c *Control) Check(r *http.Request) error {
	if c == nil || c.address == nil || c.list == nil {
		return ErrNotListed
	}
	list, err := c.list(r)
	if err != nil {
		return err
	}
	addr, err := c.address(r)
	if err != nil {
		return err
	}
	return list.Check(addr)
}

// Handler calls next for requests that pass [Control.Check] and answers the
// others as application/problem+json: an error without a method Refusal() with
// status 500.
func (c *Control) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.Check(r); err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
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
