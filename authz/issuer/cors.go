package issuer

import (
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// cors answers preflights of an endpoint that browser clients call. A preflight
// does not say which client asks, so it promises nothing: whether the page may
// read the answer is decided by [Server.allowOrigin], client by client.
func (s *Server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" && origin != "null" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// allowOrigin lets a page of one of the client's own origins read the answer.
// Credentials of the browser are never asked for.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request, client *storage.Client) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	w.Header().Add("Vary", "Origin")
	if client != nil && slices.Contains(client.Origins, origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	}
}
