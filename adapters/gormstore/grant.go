package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// lists are the members of a grant that no statement looks at.
type lists struct {
	Scopes    []string `json:"scopes,omitempty"`
	Audiences []string `json:"audiences,omitempty"`
}

var grantColumns = names(grantTable.columns, "")

func grantRow(g *storage.Grant) []any {
	return []any{
		g.ID[:], g.Client, g.Organization, g.Subject,
		int64(g.Epochs.Client), int64(g.Epochs.Organization), int64(g.Epochs.Member),
		bytesOf(g.Account), toMillis(g.ConsentedAt), toMillis(g.ExpiresAt), toMillis(g.IdleAt),
		toMillis(g.AccessUntil), int64(g.Generation), bytesOf(g.Refresh), toMillis(g.RotatedAt),
		int64(b2i(g.Graceable)), toMillis(g.EndedAt), g.EndReason,
		encodeLists(g), bytesOf(g.Sealed),
	}
}

func encodeLists(g *storage.Grant) string {
	text, _ := encode(lists{g.Scopes, g.Audiences}) // checkGrant has tried it
	return text
}

// scanGrant reads grantColumns and then what else is asked.
func scanGrant(r *sql.Rows, more ...any) (g storage.Grant, err error) {
	var id, doc sql.RawBytes
	var consented, expires, idle, access, rotated, ended int64
	dest := []any{
		&id, &g.Client, &g.Organization, &g.Subject,
		&g.Epochs.Client, &g.Epochs.Organization, &g.Epochs.Member,
		&g.Account, &consented, &expires, &idle,
		&access, &g.Generation, &g.Refresh, &rotated,
		&g.Graceable, &ended, &g.EndReason, &doc, &g.Sealed,
	}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return g, err
	}
	copy(g.ID[:], id)
	g.ConsentedAt, g.ExpiresAt, g.IdleAt = fromMillis(consented), fromMillis(expires), fromMillis(idle)
	g.AccessUntil, g.RotatedAt, g.EndedAt = fromMillis(access), fromMillis(rotated), fromMillis(ended)
	var l lists
	if err := json.Unmarshal(doc, &l); err != nil {
		return g, err
	}
	g.Scopes, g.Audiences = l.Scopes, l.Audiences
	return g, nil
}

// checkGrant refuses what the database could not keep.
func checkGrant(g *storage.Grant) error {
	if g.ID.IsZero() {
		return &invalid{"a grant needs an id"}
	}
	if err := checkID("grant", g.Client, g.Organization, g.Subject, g.EndReason); err != nil {
		return err
	}
	if _, err := encode(lists{g.Scopes, g.Audiences}); err != nil {
		return err
	}
	if err := checkBytes("the grant's content", g.Sealed, largest); err != nil {
		return err
	}
	if err := checkBytes("the grant's account", g.Account, 64); err != nil {
		return err
	}
	return checkBytes("the grant's refresh hash", g.Refresh, 64)
}

type createGrant struct {
	task
	grant storage.Grant
}

// CreateGrant implements [storage.Grants].
func (s *Store) CreateGrant(ctx context.Context, g storage.Grant) error {
	if err := checkGrant(&g); err != nil {
		return err
	}
	return s.submit(ctx, "create grant", &createGrant{grant: keepGrant(g)})
}

// Grant implements [storage.Grants].
func (s *Store) Grant(ctx context.Context, id storage.ID) (storage.Grant, error) {
	var g storage.Grant
	found := false
	err := s.query(ctx, "read grant", func(r *sql.Rows) (err error) {
		found = true
		g, err = scanGrant(r)
		return err
	}, "SELECT "+grantColumns+" FROM gw_grant WHERE id = ?", id[:])
	switch {
	case err != nil:
		return storage.Grant{}, err
	case !found:
		return storage.Grant{}, storage.ErrNotFound
	}
	return g, nil
}

type rotate struct {
	task
	rotation storage.Rotation
	answer   storage.Rotated
	state    *grantState
}

// Rotate implements [storage.Grants].
func (s *Store) Rotate(ctx context.Context, r storage.Rotation) (storage.Rotated, error) {
	if err := checkBytes("the refresh hash", r.Next, 64); err != nil {
		return storage.Rotated{}, err
	}
	if r.Virtual != nil {
		g := *r.Virtual
		g.ID = r.ID
		if err := checkGrant(&g); err != nil {
			return storage.Rotated{}, err
		}
		r.Virtual = &g
	}
	r.At = milli(r.At)
	c := &rotate{rotation: r}
	if err := s.submit(ctx, "rotate", c); err != nil {
		return storage.Rotated{}, err
	}
	return c.answer, nil
}

type endGrant struct {
	task
	end    storage.End
	change storage.Change
	state  *grantState
	again  bool // it had ended before
}

// EndGrant implements [storage.Grants].
func (s *Store) EndGrant(ctx context.Context, e storage.End) (storage.Change, error) {
	if err := checkID("reason", e.Reason); err != nil {
		return storage.Change{}, err
	}
	if e.Virtual != nil {
		g := *e.Virtual
		g.ID = e.ID
		if err := checkGrant(&g); err != nil {
			return storage.Change{}, err
		}
		e.Virtual = &g
	}
	c := &endGrant{end: e}
	if err := s.submit(ctx, "end grant", c); err != nil {
		return storage.Change{}, err
	}
	return c.change, nil
}

// ListGrants implements [storage.Grants].
func (s *Store) ListGrants(ctx context.Context, f storage.GrantFilter, p storage.Page) ([]storage.Grant, error) {
	if f.Client == "" && f.Subject == "" && len(f.Account) == 0 {
		return nil, &invalid{"a filter of grants needs a client, subject or account"}
	}
	var after storage.ID
	if p.After != "" {
		var err error
		if after, err = storage.ParseID(p.After); err != nil {
			return nil, &invalid{"Page.After is no id of a grant"}
		}
	}
	if !storable(f.Client, f.Organization, f.Subject) {
		return nil, nil
	}
	var list []storage.Grant
	err := s.list(ctx, "list grants", func(db *gorm.DB) error {
		query := db.Table("gw_grant").Select(grantColumns).Order("id").Limit(limited(p.Limit))
		if p.After != "" {
			query = query.Where("id > ?", after[:])
		}
		for _, by := range []struct{ column, value string }{
			{"client", f.Client}, {"organization", f.Organization}, {"subject", f.Subject},
		} {
			if by.value != "" {
				query = query.Where(by.column+" = ?", by.value)
			}
		}
		if len(f.Account) > 0 {
			query = query.Where("account = ?", f.Account)
		}
		if !f.Live.IsZero() {
			query = query.Where("ended_at = 0 AND (expires_at = 0 OR expires_at > ?)", toMillis(f.Live))
		}
		rows, err := query.Rows()
		if err != nil {
			return err
		}
		return each(rows, func(r *sql.Rows) error {
			g, err := scanGrant(r)
			list = append(list, g)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
