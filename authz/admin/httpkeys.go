package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// Mount puts the routes of keys below a prefix of the mux, behind the guard:
//
//	GET   {prefix}                          list: after, limit
//	POST  {prefix}                          create: name, roles, boundary, scopes, expires_at
//	GET   {prefix}/{client_id}
//	PATCH {prefix}/{client_id}              name, roles, boundary, expires_at, if_version
//	POST  {prefix}/{client_id}/suspend      end_tokens, if_version
//	POST  {prefix}/{client_id}/resume       end_tokens, if_version
//	POST  {prefix}/{client_id}/revoke       end_tokens, if_version
//	POST  {prefix}/{client_id}/rotate       overlap, end_tokens, if_version
//	POST  {prefix}/{client_id}/end_tokens   if_version
//
// All demand key:manage, of the one key where one is named. It panics if the mux
// or the guard is nil, or if the prefix is no plain path such as "/v1/keys".
func (s *Service) Mount(mux *http.ServeMux, prefix string, guard *authz.Guard) {
	m := s.routes("Mount", mux, prefix, guard)
	all, one := authz.Permission("key:manage"), authz.Permission("key:manage").Of("client_id")
	m.handle("GET", "", all, s.httpListKeys, "after", "limit")
	m.handle("POST", "", all, s.httpCreateKey)
	m.handle("GET", "/{client_id}", one, s.httpKey)
	m.handle("PATCH", "/{client_id}", one, s.httpPatchKey)
	m.handle("POST", "/{client_id}/suspend", one, s.httpTurnKey(s.SuspendKey))
	m.handle("POST", "/{client_id}/resume", one, s.httpTurnKey(s.ResumeKey))
	m.handle("POST", "/{client_id}/revoke", one, s.httpTurnKey(s.RevokeKey))
	m.handle("POST", "/{client_id}/rotate", one, s.httpRotateKey)
	m.handle("POST", "/{client_id}/end_tokens", one, s.httpEndKeyTokens)
	m.refuseOtherMethods()
}

// Handler is [Service.Mount] for any router: a handler for all paths at and below
// the prefix.
func (s *Service) Handler(prefix string, guard *authz.Guard) http.Handler {
	mux := http.NewServeMux()
	s.Mount(mux, prefix, guard)
	return mux
}

// keyJSON is a key as it is answered.
type keyJSON struct {
	ClientID   string         `json:"client_id"`
	Secret     string         `json:"client_secret,omitempty"`
	Name       string         `json:"name"`
	Roles      []string       `json:"roles"`
	Boundary   []string       `json:"boundary,omitempty"`
	Scopes     []string       `json:"scopes,omitempty"`
	Status     storage.Status `json:"status"`
	CreatedAt  time.Time      `json:"created_at"`
	ExpiresAt  *time.Time     `json:"expires_at"`
	LastUsedAt *time.Time     `json:"last_used_at"`
	Version    uint64         `json:"version"`
}

func jsonKey(k Key, secret string) keyJSON {
	return keyJSON{ClientID: k.ClientID, Secret: secret, Name: k.Name, Roles: list(k.Roles), Boundary: k.Boundary, Scopes: k.Scopes,
		Status: k.Status, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: moment(k.ExpiresAt), LastUsedAt: moment(k.LastUsedAt), Version: k.Version}
}

func (s *Service) httpListKeys(r *http.Request, a Actor) (int, any, error) {
	page, err := pageOf(r)
	if err != nil {
		return 0, nil, err
	}
	keys, next, err := s.ListKeys(r.Context(), a, page)
	out := make([]keyJSON, len(keys))
	for i := range keys {
		out[i] = jsonKey(keys[i], "")
	}
	return http.StatusOK, struct {
		Keys []keyJSON `json:"keys"`
		Next *string   `json:"next"`
	}{out, orNull(next)}, err
}

func (s *Service) httpCreateKey(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, false, "name", "roles", "boundary", "scopes", "expires_at")
	n := NewKey{Name: in.text("name"), Roles: in.list("roles"), Scopes: in.list("scopes")}
	if b := in.listIf("boundary", true); b != nil {
		n.Boundary = *b
	}
	if t := in.momentIf("expires_at"); t != nil {
		n.ExpiresAt = *t
	}
	if in.err != nil {
		return 0, nil, in.err
	}
	k, secret, err := s.CreateKey(r.Context(), a, n)
	return http.StatusCreated, jsonKey(k, secret), err
}

func (s *Service) httpKey(r *http.Request, a Actor) (int, any, error) {
	k, err := s.Key(r.Context(), a, r.PathValue("client_id"))
	return http.StatusOK, jsonKey(k, ""), err
}

func (s *Service) httpPatchKey(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, false, "name", "roles", "boundary", "expires_at", "if_version")
	p := KeyPatch{Name: in.textIf("name"), Roles: in.listIf("roles", false), Boundary: in.listIf("boundary", true),
		ExpiresAt: in.momentIf("expires_at"), IfVersion: in.version()}
	if in.err != nil {
		return 0, nil, in.err
	}
	k, err := s.PatchKey(r.Context(), a, r.PathValue("client_id"), p)
	return http.StatusOK, jsonKey(k, ""), err
}

// httpTurnKey is suspend, resume or revoke.
func (s *Service) httpTurnKey(turn func(context.Context, Actor, string, Options) (Key, error)) endpoint {
	return func(r *http.Request, a Actor) (int, any, error) {
		in := readInput(r, true, "end_tokens", "if_version")
		o := Options{EndTokens: in.flag("end_tokens"), IfVersion: in.version()}
		if in.err != nil {
			return 0, nil, in.err
		}
		k, err := turn(r.Context(), a, r.PathValue("client_id"), o)
		return http.StatusOK, jsonKey(k, ""), err
	}
}

func (s *Service) httpRotateKey(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, true, "overlap", "end_tokens", "if_version")
	o := Rotation{Overlap: in.duration("overlap"), EndTokens: in.flag("end_tokens"), IfVersion: in.version()}
	if in.err != nil {
		return 0, nil, in.err
	}
	k, secret, err := s.RotateKey(r.Context(), a, r.PathValue("client_id"), o)
	return http.StatusOK, jsonKey(k, secret), err
}

func (s *Service) httpEndKeyTokens(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, true, "if_version")
	o := Options{IfVersion: in.version()}
	if in.err != nil {
		return 0, nil, in.err
	}
	k, err := s.EndKeyTokens(r.Context(), a, r.PathValue("client_id"), o)
	return http.StatusOK, jsonKey(k, ""), err
}
