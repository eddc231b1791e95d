package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// MountMembers puts the routes of members below a prefix of the mux, behind the
// guard:
//
//	GET   {prefix}                        list: after, limit
//	POST  {prefix}                        create: subject, name, roles
//	GET   {prefix}/{subject}
//	PATCH {prefix}/{subject}              name, roles, if_version
//	POST  {prefix}/{subject}/suspend      end_tokens, if_version
//	POST  {prefix}/{subject}/resume       end_tokens, if_version
//	POST  {prefix}/{subject}/revoke       end_tokens, if_version
//	POST  {prefix}/{subject}/end_tokens   if_version
//
// All demand member:manage, of the one member where one is named. It panics as
// [Service.Mount] does.
func (s *Service) MountMembers(mux *http.ServeMux, prefix string, guard *authz.Guard) {
	m := s.routes("MountMembers", mux, prefix, guard)
	all := authz.Permission("member:manage")
	// A subject may hold a colon, which a guard's demand does not take: there the
	// service asks by itself.
	one := authz.Authenticated()
	m.handle("GET", "", all, s.httpListMembers, "after", "limit")
	m.handle("POST", "", all, s.httpCreateMember)
	m.handle("GET", "/{subject}", one, s.httpMember)
	m.handle("PATCH", "/{subject}", one, s.httpPatchMember)
	m.handle("POST", "/{subject}/suspend", one, s.httpTurnMember(s.SuspendMember))
	m.handle("POST", "/{subject}/resume", one, s.httpTurnMember(s.ResumeMember))
	m.handle("POST", "/{subject}/revoke", one, s.httpTurnMember(s.RevokeMember))
	m.handle("POST", "/{subject}/end_tokens", one, s.httpEndMemberTokens)
	m.refuseOtherMethods()
}

// memberJSON is a member as it is answered.
type memberJSON struct {
	Subject   string         `json:"subject"`
	Name      string         `json:"name"`
	Roles     []string       `json:"roles"`
	Status    storage.Status `json:"status"`
	CreatedAt time.Time      `json:"created_at"`
	Version   uint64         `json:"version"`
}

func jsonMember(m storage.Member) memberJSON {
	return memberJSON{m.Subject, m.Name, list(m.Roles), m.Status, m.CreatedAt.UTC(), m.Version}
}

func (s *Service) httpListMembers(r *http.Request, a Actor) (int, any, error) {
	page, err := pageOf(r)
	if err != nil {
		return 0, nil, err
	}
	found, next, err := s.ListMembers(r.Context(), a, page)
	out := make([]memberJSON, len(found))
	for i := range found {
		out[i] = jsonMember(found[i])
	}
	return http.StatusOK, struct {
		Members []memberJSON `json:"members"`
		Next    *string      `json:"next"`
	}{out, orNull(next)}, err
}

func (s *Service) httpCreateMember(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, false, "subject", "name", "roles")
	n := NewMember{Subject: in.text("subject"), Name: in.text("name"), Roles: in.list("roles")}
	if in.err != nil {
		return 0, nil, in.err
	}
	m, err := s.CreateMember(r.Context(), a, n)
	return http.StatusCreated, jsonMember(m), err
}

func (s *Service) httpMember(r *http.Request, a Actor) (int, any, error) {
	m, err := s.Member(r.Context(), a, r.PathValue("subject"))
	return http.StatusOK, jsonMember(m), err
}

func (s *Service) httpPatchMember(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, false, "name", "roles", "if_version")
	p := MemberPatch{Name: in.textIf("name"), Roles: in.listIf("roles", false), IfVersion: in.version()}
	if in.err != nil {
		return 0, nil, in.err
	}
	m, err := s.PatchMember(r.Context(), a, r.PathValue("subject"), p)
	return http.StatusOK, jsonMember(m), err
}

// httpTurnMember is suspend, resume or revoke.
func (s *Service) httpTurnMember(turn func(context.Context, Actor, string, Options) (storage.Member, error)) endpoint {
	return func(r *http.Request, a Actor) (int, any, error) {
		in := readInput(r, true, "end_tokens", "if_version")
		o := Options{EndTokens: in.flag("end_tokens"), IfVersion: in.version()}
		if in.err != nil {
			return 0, nil, in.err
		}
		m, err := turn(r.Context(), a, r.PathValue("subject"), o)
		return http.StatusOK, jsonMember(m), err
	}
}

func (s *Service) httpEndMemberTokens(r *http.Request, a Actor) (int, any, error) {
	in := readInput(r, true, "if_version")
	o := Options{IfVersion: in.version()}
	if in.err != nil {
		return 0, nil, in.err
	}
	m, err := s.EndMemberTokens(r.Context(), a, r.PathValue("subject"), o)
	return http.StatusOK, jsonMember(m), err
}
