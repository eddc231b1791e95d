package admin

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/clientip"
)

// endpoint answers one request: a status and a body that is written as JSON, or
// an error.
type endpoint func(r *http.Request, a Actor) (status int, body any, err error)

// routes is a set of routes below one path, while it is being mounted.
type routes struct {
	service *Service
	mux     *http.ServeMux
	guard   *authz.Guard
	prefix  string
	methods map[string][]string // by pattern
}

func (s *Service) routes(name string, mux *http.ServeMux, prefix string, guard *authz.Guard) *routes {
	switch {
	case mux == nil:
		panic("admin: " + name + ": the mux is nil")
	case guard == nil:
		panic("admin: " + name + ": the guard is nil: nothing may be managed without one")
	case !strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") || strings.ContainsAny(prefix, "{}? #"):
		panic("admin: " + name + ": the prefix begins with a slash, does not end with one, and is a plain path")
	}
	return &routes{service: s, mux: mux, guard: guard, prefix: prefix, methods: map[string][]string{}}
}

// handle mounts an endpoint behind the guard. Query parameters other than those
// named are refused.
func (m *routes) handle(method, path string, demand authz.Requirement, serve endpoint, query ...string) {
	m.methods[path] = append(m.methods[path], method)
	m.mux.Handle(method+" "+m.prefix+path, m.guard.Require(demand)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.service.serve(w, r, serve, query)
	})))
}

// refuseOtherMethods answers those that a path does not have, method by method,
// so that no pattern gets in the way of the host's own.
func (m *routes) refuseOtherMethods() {
	for path, served := range m.methods {
		allow := slices.Clone(served)
		if slices.Contains(served, http.MethodGet) {
			allow = append(allow, http.MethodHead)
		}
		slices.Sort(allow)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if slices.Contains(served, method) {
				continue
			}
			m.mux.HandleFunc(method+" "+m.prefix+path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Allow", strings.Join(allow, ", "))
				authz.WriteRefusal(w, badRequest(http.StatusMethodNotAllowed, "method_not_allowed", "Use "+strings.Join(allow, ", ")+"."))
			})
		}
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, serve endpoint, query []string) {
	status, body, err := 0, any(nil), checkQuery(r, query)
	if err == nil {
		status, body, err = serve(r, ActorOf(authz.FromContext(r.Context())).Via(address(r), r.Pattern))
	}
	var out []byte
	if err == nil {
		out, err = json.Marshal(body)
	}
	if err != nil {
		refusal := asRefusal(err)
		if refusal.Status >= 500 {
			s.log.LogAttrs(r.Context(), slog.LevelError, "a management request could not be completed",
				slog.String("route", r.Pattern), slog.String("code", refusal.Code), slog.String("reason", refusal.Reason), slog.Any("cause", refusal.Cause))
		}
		authz.WriteRefusal(w, refusal)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(out, '\n'))
}

// checkQuery refuses parameters that are malformed, unknown or repeated.
func checkQuery(r *http.Request, known []string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest(http.StatusBadRequest, "malformed_parameters", "The parameters in the URL are malformed.")
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			return badRequest(http.StatusBadRequest, "unknown_parameter", "The URL has a parameter that is not known here; secrets and tokens never belong there.")
		}
		if len(values) > 1 {
			return badRequest(http.StatusBadRequest, "duplicate_parameter", "A parameter in the URL is given more than once.")
		}
	}
	return nil
}

// pageOf reads after and limit.
func pageOf(r *http.Request) (Page, error) {
	q := r.URL.Query()
	p := Page{After: q.Get("after")}
	if !q.Has("limit") {
		return p, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxPageSize {
		return p, invalid("limit", "a number from 1 to "+strconv.Itoa(maxPageSize))
	}
	p.Limit = n
	return p, nil
}

// orNull is a string as JSON has it: null where there is none.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// address is the client's, as the host resolved it, or the TCP peer's.
func address(r *http.Request) string {
	if addr, ok := clientip.FromContext(r.Context()); ok {
		return addr.String()
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return ""
}
