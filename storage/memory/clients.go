package memory

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// CreateClient implements [storage.Clients].
func (c commands) CreateClient(ctx context.Context, client storage.Client, e storage.Event) error {
	client = keepClient(client)
	client.Version = 1
	return c.on.write(ctx, func(s *state) error {
		if s.clients.has(client.ID) || s.ownedByAnother(&client) {
			return storage.ErrExists
		}
		if !s.organizations.has(client.Organization) {
			return storage.ErrNotFound
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		s.putClient(client)
		s.putEvent(e)
		return nil
	})
}

// Client implements [storage.Clients].
func (c commands) Client(ctx context.Context, id string) (client storage.Client, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.clients.get(id)
		if !ok {
			return storage.ErrNotFound
		}
		client = copyClient(found)
		return nil
	})
	return client, err
}

// KeyOwner implements [storage.Clients].
func (c commands) KeyOwner(ctx context.Context, environment string, keyThumbprint [32]byte) (owner string, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.certificates.get(certificateKey{environment, keyThumbprint})
		if !ok {
			return storage.ErrNotFound
		}
		owner = found
		return nil
	})
	return owner, err
}

// UpdateClient implements [storage.Clients].
func (c commands) UpdateClient(ctx context.Context, client storage.Client, q storage.Quorum, until time.Time, e storage.Event) (change storage.Change, err error) {
	client = keepClient(client)
	err = c.on.write(ctx, func(s *state) error {
		old, ok := s.clients.get(client.ID)
		switch {
		case !ok:
			return storage.ErrNotFound
		case old.Status == storage.Revoked:
			return storage.ErrFinal
		case old.Version != client.Version:
			return storage.ErrConflict
		}
		client.Organization, client.Environment = old.Organization, old.Environment
		client.CreatedBy, client.CreatedAt, client.LastUsedAt = old.CreatedBy, old.CreatedAt, old.LastUsedAt
		client.Epoch = max(client.Epoch, old.Epoch)
		client.Version++
		if s.ownedByAnother(&client) {
			return storage.ErrExists
		}
		if !s.quorum(q, &client, nil) {
			return storage.ErrLastHolder
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		for _, x := range old.Certificates {
			s.certificates.remove(certificateKey{old.Environment, x.KeyThumbprint})
		}
		s.putClient(client)
		change = s.putChange(storage.Change{
			Kind: storage.ClientChange, ID: client.ID,
			Status: client.Status, Version: client.Version, Epoch: client.Epoch, Until: until,
		})
		s.putEvent(e)
		return nil
	})
	return change, err
}

// ListClients implements [storage.Clients].
func (c commands) ListClients(ctx context.Context, organization string, p storage.Page) (list []storage.Client, err error) {
	err = c.on.read(ctx, func(s *state) error {
		list = page(p, s.clients.all(), func(c storage.Client) (string, bool) {
			return c.ID, c.Organization == organization
		}, copyClient)
		return nil
	})
	return list, err
}

// Touch implements [storage.Clients].
func (c commands) Touch(ctx context.Context, uses []storage.LastUse) error {
	return c.on.write(ctx, func(s *state) error {
		for _, use := range uses {
			at := milli(use.At)
			if client, ok := s.clients.get(use.Client); ok && at.After(client.LastUsedAt) {
				client.LastUsedAt = at
				s.clients.put(client.ID, client)
			}
		}
		return nil
	})
}

func (s *state) putClient(c storage.Client) {
	s.clients.put(c.ID, c)
	for _, x := range c.Certificates {
		s.certificates.put(certificateKey{c.Environment, x.KeyThumbprint}, c.ID)
	}
}

// ownedByAnother reports whether another client of the environment has one of
// the public keys.
func (s *state) ownedByAnother(c *storage.Client) bool {
	return slices.ContainsFunc(c.Certificates, func(x storage.Certificate) bool {
		owner, ok := s.certificates.get(certificateKey{c.Environment, x.KeyThumbprint})
		return ok && owner != c.ID
	})
}

// quorum reports whether q holds once the client or the member has been replaced.
func (s *state) quorum(q storage.Quorum, client *storage.Client, member *storage.Member) bool {
	if q == (storage.Quorum{}) {
		return true
	}
	for key, m := range s.members.all() {
		if member != nil && key == (memberKey{member.Organization, member.Subject}) {
			m = *member
		}
		if m.Organization == q.Organization && m.Status == storage.Active && slices.Contains(m.Roles, q.Role) {
			return true
		}
	}
	held := map[string]bool{q.Environment: false} // by environment
	for id, c := range s.clients.all() {
		if client != nil && id == client.ID {
			c = *client
		}
		if c.Organization != q.Organization || member == nil && c.Environment != q.Environment {
			continue
		}
		held[c.Environment] = held[c.Environment] ||
			c.Status == storage.Active && c.ExpiresAt.IsZero() && len(c.Boundary) == 0 && slices.Contains(c.Roles, q.Role)
	}
	for _, h := range held {
		if !h {
			return false
		}
	}
	return true
}
