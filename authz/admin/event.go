package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// members are those of a record that the audit trail tells of, by name. None of
// them is a secret or a hash of one.
type members map[string]any

func (k *keyRecord) members() members {
	secrets := make([]members, len(k.Secrets))
	for i, secret := range k.Secrets {
		secrets[i] = members{"id": secret.ID, "created_at": moment(secret.CreatedAt), "expires_at": moment(secret.ExpiresAt)}
	}
	return members{"name": k.Name, "type": k.Type, "roles": list(k.Roles), "boundary": k.Boundary, "scopes": list(k.Scopes), "grant_types": list(k.GrantTypes),
		"status": k.Status, "epoch": k.Epoch, "expires_at": moment(k.ExpiresAt), "secrets": secrets,
		"public": k.Public, "resource_server": k.ResourceServer, "redirect_uris": list(k.RedirectURIs),
		"certificates": certificates(k.Certificates), "addresses": k.Prefixes, "subscriptions": list(k.Subscriptions)}
}

// certificates are told by their thumbprints.
func certificates(registered []storage.Certificate) []members {
	told := make([]members, len(registered))
	for i, c := range registered {
		told[i] = members{"thumbprint": mtls.Thumbprint(c.Thumbprint), "not_after": moment(c.NotAfter), "revoked_at": moment(c.RevokedAt)}
	}
	return told
}

func (m *memberRecord) members() members {
	return members{"name": m.Name, "roles": list(m.Roles), "status": m.Status, "epoch": m.Epoch}
}

func (o *organizationRecord) members() members {
	return members{"name": o.Name, "status": o.Status, "epoch": o.Epoch}
}

// moment is a time as JSON has it: null for never and not yet.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// changed leaves of two states the members that differ; nil if none does.
func changed(before, after members) (was, is []byte, err error) {
	old, young := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for name := range after {
		b, err1 := json.Marshal(before[name])
		a, err2 := json.Marshal(after[name])
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
		if !bytes.Equal(a, b) {
			old[name], young[name] = b, a
		}
	}
	if len(young) == 0 {
		return nil, nil, nil
	}
	was, err1 := json.Marshal(old)
	is, err2 := json.Marshal(young)
	return was, is, errors.Join(err1, err2)
}

// event describes what the actor did to a record.
func (s *Service) event(a Actor, verb string, r record, was, is []byte) storage.Event {
	now := s.in.Now()
	return storage.Event{ID: storage.NewID(now), At: now, Type: r.kind() + "." + verb, Outcome: "ok", Organization: r.organization(),
		Actor: a.subject, Target: r.target(), Client: a.client, Grant: a.grant, Address: a.address, Route: a.route, Before: was, After: is}
}

// recordRefusal puts a refusal into the audit trail: what was not done, and the
// exact reason. Those for what a caller merely mistyped are left out, and so is
// the name of what does not exist: nobody knows what was pasted there.
func (s *Service) recordRefusal(a Actor, kind, verb, target string, err error) {
	var r *Refused
	if err == nil || a.host || !errors.As(err, &r) || r.Status == http.StatusBadRequest {
		return
	}
	if r.Err == ErrNotFound && r.Reason != otherOrganization {
		target = ""
	}
	s.in.Record(storage.Event{Type: kind + ".refused", Outcome: r.Code, Reason: "not " + verb + ": " + r.Reason, Organization: a.organization,
		Actor: a.subject, Target: target, Client: a.client, Grant: a.grant, Address: a.address, Route: a.route})
}
