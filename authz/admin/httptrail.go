package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// MountTrail puts the audit trail of the caller's organization at a prefix of the
// mux, behind the guard:
//
//	GET {prefix}   actor, target, type, from, to, after, limit
//
// It demands audit:read. It panics as [Service.Mount] does.
func (s *Service) MountTrail(mux *http.ServeMux, prefix string, guard *authz.Guard) {
	m := s.routes("MountTrail", mux, prefix, guard)
	m.handle("GET", "", authz.Permission("audit:read"), s.httpTrail, "actor", "target", "type", "from", "to", "after", "limit")
	m.refuseOtherMethods()
}

// eventJSON is an event as it is answered.
type eventJSON struct {
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Type     string          `json:"type"`
	Outcome  string          `json:"outcome"`
	Actor    string          `json:"actor"`
	Target   string          `json:"target,omitempty"`
	ClientID string          `json:"client_id,omitempty"`
	Address  string          `json:"address,omitempty"`
	Route    string          `json:"route,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

func jsonEvent(e *storage.Event) eventJSON {
	return eventJSON{ID: e.ID.String(), At: e.At.UTC(), Type: e.Type, Outcome: e.Outcome, Actor: e.Actor, Target: e.Target, ClientID: e.Client,
		Address: e.Address, Route: e.Route, Reason: e.Reason, Before: e.Before, After: e.After}
}

func (s *Service) httpTrail(r *http.Request, a Actor) (int, any, error) {
	page, err := pageOf(r)
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	f := TrailFilter{Actor: q.Get("actor"), Target: q.Get("target"), Type: q.Get("type"), Limit: page.Limit}
	if page.After != "" {
		if f.After, err = storage.ParseID(page.After); err != nil {
			return 0, nil, invalid("after", "the id of an event")
		}
	}
	if f.From, err = timeIn(q, "from"); err != nil {
		return 0, nil, err
	}
	if f.To, err = timeIn(q, "to"); err != nil {
		return 0, nil, err
	}
	events, next, err := s.Trail(r.Context(), a, f)
	out := make([]eventJSON, len(events))
	for i := range events {
		out[i] = jsonEvent(&events[i])
	}
	cursor := ""
	if !next.IsZero() {
		cursor = next.String()
	}
	return http.StatusOK, struct {
		Events []eventJSON `json:"events"`
		Next   *string     `json:"next"`
	}{out, orNull(cursor)}, err
}

func timeIn(q url.Values, name string) (time.Time, error) {
	if !q.Has(name) {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return time.Time{}, invalid(name, "a time as RFC 3339 has it")
	}
	return t, nil
}
