package memory

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// CreateGrant implements [storage.Grants].
func (c commands) CreateGrant(ctx context.Context, g storage.Grant) error {
	g = keepGrant(g)
	return c.on.write(ctx, func(s *state) error {
		if s.grants.has(g.ID) {
			return storage.ErrExists
		}
		s.grants.put(g.ID, g)
		return nil
	})
}

// Grant implements [storage.Grants].
func (c commands) Grant(ctx context.Context, id storage.ID) (g storage.Grant, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.grants.get(id)
		if !ok {
			return storage.ErrNotFound
		}
		g = copyGrant(found)
		return nil
	})
	return g, err
}

// EndGrant implements [storage.Grants].
func (c commands) EndGrant(ctx context.Context, e storage.End) (change storage.Change, err error) {
	err = c.on.write(ctx, func(s *state) error {
		g, ok := s.grants.get(e.ID)
		if !ok {
			if e.Virtual == nil {
				return storage.ErrNotFound
			}
			g = keepGrant(*e.Virtual)
			g.ID, g.EndedAt, g.EndReason = e.ID, time.Time{}, ""
		}
		if e.Client != "" && e.Client != g.Client {
			return storage.ErrNotFound
		}
		if !g.EndedAt.IsZero() {
			if change, ok = s.changes.get(grantChangeKey(g.ID)); !ok {
				// What was recorded has been swept.
				change = storage.Change{
					Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, Until: milli(e.Until),
				}
			}
			return nil
		}
		change = s.endGrant(g, e.At, e.Reason, e.Until)
		return nil
	})
	return change, err
}

// ListGrants implements [storage.Grants].
func (c commands) ListGrants(ctx context.Context, f storage.GrantFilter, p storage.Page) (list []storage.Grant, err error) {
	if f.Client == "" && f.Subject == "" && len(f.Account) == 0 {
		return nil, errors.New("memory: a filter of grants needs a client, subject or account")
	}
	if p.After != "" {
		if _, err := storage.ParseID(p.After); err != nil {
			return nil, err
		}
	}
	err = c.on.read(ctx, func(s *state) error {
		list = page(p, s.grants.all(), func(g storage.Grant) (string, bool) {
			if !selected(&g, &f) {
				return "", false
			}
			return g.ID.String(), true
		}, copyGrant)
		return nil
	})
	return list, err
}

func selected(g *storage.Grant, f *storage.GrantFilter) bool {
	return (f.Client == "" || f.Client == g.Client) &&
		(f.Organization == "" || f.Organization == g.Organization) &&
		(f.Subject == "" || f.Subject == g.Subject) &&
		(len(f.Account) == 0 || bytes.Equal(f.Account, g.Account)) &&
		(f.Live.IsZero() || g.EndedAt.IsZero() && !passed(g.ExpiresAt, f.Live))
}

// endGrant writes the ended grant and its change.
func (s *state) endGrant(g storage.Grant, at time.Time, reason string, until time.Time) storage.Change {
	g.EndedAt, g.EndReason = milli(at), reason
	s.grants.put(g.ID, g)
	return s.putChange(storage.Change{Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, Until: until})
}

func grantChangeKey(id storage.ID) storage.ChangeKey {
	return storage.ChangeKey{Kind: storage.GrantChange, ID: string(id[:])}
}

// passed reports whether an expiry has come; the zero time never comes.
func passed(expiry, now time.Time) bool {
	return !expiry.IsZero() && !now.Before(expiry)
}
