package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// standing is what a batch knows of clients, organizations and members: whether
// they are active, and their epochs.
//
// It is read after the batch has locked its grants and artifacts and without
// locking these records, which all commands of a client would fight over. This
// is right because each statement of READ COMMITTED sees all that was committed
// before it began: a suspension whose command has returned before a rotation was
// asked for is seen by it. A suspension that commits between this read and the
// commit of the batch is concurrent with the rotation, which then counts as the
// earlier of the two; it consumed only what it was allowed to at that moment, and
// what it issued is under the suspension like every token issued before: the
// change feed refuses it while the client is suspended and for good if it is
// revoked or its epoch raised. On SQLite there is one writer, and so no between.
//
// A transaction of the host may have another isolation, in which plain reads are
// as old as its beginning. There the records are read with a share lock.
type standing struct {
	clients       map[string]clientStanding
	organizations map[string]standingRow
	members       map[[2]string]standingRow
}

type standingRow struct {
	status storage.Status
	epoch  uint64
}

type clientStanding struct {
	standingRow
	organization string
	expiresAt    time.Time
}

// party is whom a grant or artifact depends on.
type party struct{ client, organization, subject string }

// active reports whether the client may act at the time, its organization and
// the given one are active, and the subject, if a member, is so too.
func (st *standing) active(client, organization, subject string, at time.Time) bool {
	c, ok := st.clients[client]
	if !ok || c.status != storage.Active || passed(c.expiresAt, at) ||
		st.organizations[c.organization].status != storage.Active {
		return false
	}
	if organization != "" && st.organizations[organization].status != storage.Active {
		return false
	}
	m, ok := st.members[[2]string{organization, subject}]
	return subject == "" || !ok || m.status == storage.Active
}

// raised reports whether an epoch of the client, the organization or the member
// is above the given ones.
func (st *standing) raised(client, organization, subject string, e storage.Epochs) bool {
	return st.clients[client].epoch > e.Client ||
		st.organizations[organization].epoch > e.Organization ||
		subject != "" && st.members[[2]string{organization, subject}].epoch > e.Member
}

const (
	clientStandingQuery = `SELECT c.id, c.status, c.epoch, c.expires_at, o.id, o.status, o.epoch FROM gw_client c
JOIN gw_organization o ON o.id = c.organization WHERE c.id = ?`
	organizationStandingQuery = `SELECT status, epoch FROM gw_organization WHERE id = ?`
	memberStandingQuery       = `SELECT status, epoch FROM gw_member WHERE organization = ? AND subject = ?`
)

// standing reads what is to be known of the parties.
func (s *session) standing(ctx context.Context, parties []party) (*standing, error) {
	st := &standing{
		clients:       make(map[string]clientStanding),
		organizations: make(map[string]standingRow),
		members:       make(map[[2]string]standingRow),
	}
	for _, client := range distinct(parties, func(p party) string { return p.client }) {
		err := s.query(ctx, func(r *sql.Rows) error {
			var id string
			var c clientStanding
			var o standingRow
			var expires int64
			if err := r.Scan(&id, &c.status, &c.epoch, &expires, &c.organization, &o.status, &o.epoch); err != nil {
				return err
			}
			c.expiresAt = fromMillis(expires)
			st.clients[id], st.organizations[c.organization] = c, o
			return nil
		}, clientStandingQuery+s.share("c"), client)
		if err != nil {
			return nil, err
		}
	}
	for _, organization := range distinct(parties, func(p party) string { return p.organization }) {
		if _, ok := st.organizations[organization]; ok {
			continue
		}
		err := s.query(ctx, func(r *sql.Rows) error {
			var o standingRow
			err := r.Scan(&o.status, &o.epoch)
			st.organizations[organization] = o
			return err
		}, organizationStandingQuery+s.share("gw_organization"), organization)
		if err != nil {
			return nil, err
		}
	}
	for _, p := range parties {
		key := [2]string{p.organization, p.subject}
		if _, ok := st.members[key]; ok || p.subject == "" {
			continue
		}
		err := s.query(ctx, func(r *sql.Rows) error {
			var m standingRow
			err := r.Scan(&m.status, &m.epoch)
			st.members[key] = m
			return err
		}, memberStandingQuery+s.share("gw_member"), p.organization, p.subject)
		if err != nil {
			return nil, err
		}
	}
	return st, nil
}

func distinct(parties []party, of func(party) string) []string {
	values := make([]string, 0, len(parties))
	for _, p := range parties {
		if v := of(p); v != "" && storable(v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}
