package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// lockQuorum makes updates of one organization that ask for a quorum wait for
// each other: otherwise two last holders could each rely on the other.
func (s *session) lockQuorum(ctx context.Context, q storage.Quorum) error {
	if q == (storage.Quorum{}) {
		return nil
	}
	_, err := s.exists(ctx, "SELECT 1 FROM gw_organization WHERE id = ?"+s.core.dialect.lock(), q.Organization)
	return err
}

// checkQuorum returns [storage.ErrLastHolder] if nobody holds the role now, after
// the update of a client, or of a member where ofMember is set.
func (s *session) checkQuorum(ctx context.Context, q storage.Quorum, ofMember bool) error {
	if q == (storage.Quorum{}) {
		return nil
	}
	held, err := s.memberHolds(ctx, q)
	if err != nil || held {
		return err
	}
	if ofMember {
		held, err = s.clientsHoldEverywhere(ctx, q)
	} else {
		held, err = s.clientHolds(ctx, q)
	}
	if err == nil && !held {
		err = storage.ErrLastHolder
	}
	return err
}

func (s *session) memberHolds(ctx context.Context, q storage.Quorum) (bool, error) {
	return s.anyHolds(ctx, q.Role,
		"SELECT roles, '{}' FROM gw_member WHERE organization = ? AND status = 1"+s.share("gw_member"), q.Organization)
}

func (s *session) clientHolds(ctx context.Context, q storage.Quorum) (bool, error) {
	return s.anyHolds(ctx, q.Role,
		"SELECT roles, doc FROM gw_client WHERE organization = ? AND environment = ? AND status = 1 AND expires_at = 0"+s.share("gw_client"),
		q.Organization, q.Environment)
}

// anyHolds stops at the first row that holds the role. A row is the roles and the
// document.
func (s *session) anyHolds(ctx context.Context, role, query string, args ...any) (bool, error) {
	err := s.query(ctx, func(r *sql.Rows) error {
		var roles, doc sql.RawBytes
		if err := r.Scan(&roles, &doc); err != nil {
			return err
		}
		held, err := holds(roles, doc, role)
		if held {
			return errHeld
		}
		return err
	}, query, args...)
	if err == errHeld {
		return true, nil
	}
	return false, err
}

// clientsHoldEverywhere reports whether a client holds the role in each
// environment in which the organization has or had any, and in that of the quorum.
func (s *session) clientsHoldEverywhere(ctx context.Context, q storage.Quorum) (bool, error) {
	held := map[string]bool{q.Environment: false}
	err := s.query(ctx, func(r *sql.Rows) error {
		var environment string
		var status storage.Status
		var expires int64
		var roles, doc sql.RawBytes
		if err := r.Scan(&environment, &status, &expires, &roles, &doc); err != nil {
			return err
		}
		here := false
		if status == storage.Active && expires == 0 && !held[environment] {
			var err error
			if here, err = holds(roles, doc, q.Role); err != nil {
				return err
			}
		}
		held[environment] = held[environment] || here
		return nil
	}, "SELECT environment, status, expires_at, roles, doc FROM gw_client WHERE organization = ?"+s.share("gw_client"), q.Organization)
	for _, h := range held {
		if !h {
			return false, err
		}
	}
	return err == nil, err
}

// holds reports whether the role is among the roles of a row, and whole: no
// boundary takes from it.
func holds(text, doc []byte, role string) (bool, error) {
	var roles []string
	if err := json.Unmarshal(text, &roles); err != nil || !slices.Contains(roles, role) {
		return false, err
	}
	var within struct {
		Boundary []string `json:"boundary"`
	}
	err := json.Unmarshal(doc, &within)
	return err == nil && len(within.Boundary) == 0, err
}
