package memory

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// CreateOrganization implements [storage.Directory].
func (c commands) CreateOrganization(ctx context.Context, o storage.Organization, e storage.Event) error {
	o = keepOrganization(o)
	o.Version = 1
	return c.on.write(ctx, func(s *state) error {
		if s.organizations.has(o.ID) {
			return storage.ErrExists
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		s.organizations.put(o.ID, o)
		s.putEvent(e)
		return nil
	})
}

// Organization implements [storage.Directory].
func (c commands) Organization(ctx context.Context, id string) (o storage.Organization, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.organizations.get(id)
		if !ok {
			return storage.ErrNotFound
		}
		o = copyOrganization(found)
		return nil
	})
	return o, err
}

// UpdateOrganization implements [storage.Directory].
func (c commands) UpdateOrganization(ctx context.Context, o storage.Organization, until time.Time, e storage.Event) (change storage.Change, err error) {
	o = keepOrganization(o)
	err = c.on.write(ctx, func(s *state) error {
		old, ok := s.organizations.get(o.ID)
		switch {
		case !ok:
			return storage.ErrNotFound
		case old.Status == storage.Revoked:
			return storage.ErrFinal
		case old.Version != o.Version:
			return storage.ErrConflict
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		o.CreatedAt = old.CreatedAt
		o.Epoch = max(o.Epoch, old.Epoch)
		o.Version++
		s.organizations.put(o.ID, o)
		change = s.putChange(storage.Change{
			Kind: storage.OrganizationChange, ID: o.ID,
			Status: o.Status, Version: o.Version, Epoch: o.Epoch, Until: until,
		})
		s.putEvent(e)
		return nil
	})
	return change, err
}

// ListOrganizations implements [storage.Directory].
func (c commands) ListOrganizations(ctx context.Context, p storage.Page) (list []storage.Organization, err error) {
	err = c.on.read(ctx, func(s *state) error {
		list = page(p, s.organizations.all(), func(o storage.Organization) (string, bool) {
			return o.ID, true
		}, copyOrganization)
		return nil
	})
	return list, err
}

// CreateMember implements [storage.Directory].
func (c commands) CreateMember(ctx context.Context, m storage.Member, e storage.Event) error {
	m = keepMember(m)
	m.Version = 1
	key := memberKey{m.Organization, m.Subject}
	return c.on.write(ctx, func(s *state) error {
		if s.members.has(key) {
			return storage.ErrExists
		}
		if !s.organizations.has(m.Organization) {
			return storage.ErrNotFound
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		s.members.put(key, m)
		s.putEvent(e)
		return nil
	})
}

// Member implements [storage.Directory].
func (c commands) Member(ctx context.Context, organization, subject string) (m storage.Member, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.members.get(memberKey{organization, subject})
		if !ok {
			return storage.ErrNotFound
		}
		m = copyMember(found)
		return nil
	})
	return m, err
}

// UpdateMember implements [storage.Directory].
func (c commands) UpdateMember(ctx context.Context, m storage.Member, q storage.Quorum, until time.Time, e storage.Event) (change storage.Change, err error) {
	m = keepMember(m)
	key := memberKey{m.Organization, m.Subject}
	err = c.on.write(ctx, func(s *state) error {
		old, ok := s.members.get(key)
		anew := old.Status == storage.Revoked && m.Status == storage.Active && m.Epoch > old.Epoch
		switch {
		case !ok:
			return storage.ErrNotFound
		case old.Status == storage.Revoked && !anew:
			return storage.ErrFinal
		case old.Version != m.Version:
			return storage.ErrConflict
		case !anew:
			m.CreatedAt = old.CreatedAt
		}
		m.Epoch = max(m.Epoch, old.Epoch)
		m.Version++
		if !s.quorum(q, nil, &m) {
			return storage.ErrLastHolder
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		s.members.put(key, m)
		change = s.putChange(storage.Change{
			Kind: storage.MemberChange, ID: storage.MemberKey(m.Organization, m.Subject),
			Status: m.Status, Version: m.Version, Epoch: m.Epoch, Until: until,
		})
		s.putEvent(e)
		return nil
	})
	return change, err
}

// ListMembers implements [storage.Directory].
func (c commands) ListMembers(ctx context.Context, organization string, p storage.Page) (list []storage.Member, err error) {
	err = c.on.read(ctx, func(s *state) error {
		list = page(p, s.members.all(), func(m storage.Member) (string, bool) {
			return m.Subject, m.Organization == organization
		}, copyMember)
		return nil
	})
	return list, err
}

// active reports whether the client may act at the time, its organization and
// the given one are active, and the subject, if a member, is so too.
func (s *state) active(client, organization, subject string, at time.Time) bool {
	c, ok := s.clients.get(client)
	if !ok || !c.ActiveAt(at) || !s.activeOrganization(c.Organization) {
		return false
	}
	if organization != "" && organization != c.Organization && !s.activeOrganization(organization) {
		return false
	}
	m, ok := s.members.get(memberKey{organization, subject})
	return subject == "" || !ok || m.Status == storage.Active
}

// raised reports whether an epoch of the client, the organization or the member
// is above the given ones.
func (s *state) raised(client, organization, subject string, e storage.Epochs) bool {
	if c, ok := s.clients.get(client); ok && c.Epoch > e.Client {
		return true
	}
	if o, ok := s.organizations.get(organization); ok && o.Epoch > e.Organization {
		return true
	}
	if subject == "" {
		return false
	}
	m, ok := s.members.get(memberKey{organization, subject})
	return ok && m.Epoch > e.Member
}

func (s *state) activeOrganization(id string) bool {
	o, ok := s.organizations.get(id)
	return ok && o.Status == storage.Active
}
