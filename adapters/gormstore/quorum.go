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

// checkQuorum returns [storage.ErrLastHolder] if nobody holds the role now. It
// stops at the first who does.
func (s *session) checkQuorum(ctx context.Context, q storage.Quorum) error {
	if q == (storage.Quorum{}) {
		return nil
	}
	for _, query := range []string{
		"SELECT roles FROM gw_client WHERE organization = ? AND status = 1 AND expires_at = 0" + s.share("gw_client"),
		"SELECT roles FROM gw_member WHERE organization = ? AND status = 1" + s.share("gw_member"),
	} {
		err := s.query(ctx, func(r *sql.Rows) error {
			var text sql.RawBytes
			if err := r.Scan(&text); err != nil {
				return err
			}
			var roles []string
			if err := json.Unmarshal(text, &roles); err != nil {
				return err
			}
			if slices.Contains(roles, q.Role) {
				return errHeld
			}
			return nil
		}, query, q.Organization)
		if err != nil {
			if err == errHeld {
				return nil
			}
			return err
		}
	}
	return storage.ErrLastHolder
}
