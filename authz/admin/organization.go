package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// NewOrganization is what an organization is to be. ID is required.
type NewOrganization struct {
	// ID is for good: letters, digits and "-._~@+".
	ID   string
	Name string
	// Labels are the host's own.
	Labels map[string]string
}

// CreateOrganization makes an organization. Like all that concerns organizations
// it is for the host's own code alone.
func (s *Service) CreateOrganization(ctx context.Context, a Actor, n NewOrganization) (storage.Organization, error) {
	o, err := s.createOrganization(ctx, a, n)
	if err != nil {
		s.recordRefusal(a, "organization", "created", "", err)
		return storage.Organization{}, err
	}
	return o, nil
}

func (s *Service) createOrganization(ctx context.Context, a Actor, n NewOrganization) (storage.Organization, error) {
	if err := hostOnly(a); err != nil {
		return storage.Organization{}, err
	}
	if !validID(n.ID) {
		return storage.Organization{}, invalid("id", fmt.Sprintf(`1 to %d letters, digits or "-._~@+"`, maxID))
	}
	if err := checkName(n.Name); err != nil {
		return storage.Organization{}, err
	}
	now := s.now()
	o := &organizationRecord{storage.Organization{ID: n.ID, Name: n.Name, Status: storage.Active, Labels: maps.Clone(n.Labels), CreatedAt: now, UpdatedAt: now}}
	if err := s.insert(ctx, a, o); err != nil {
		return storage.Organization{}, err
	}
	return o.Organization, nil
}

// hostOnly refuses all but the host, and the host where it was narrowed: an
// organization does not manage itself.
func hostOnly(a Actor) error {
	if !a.host {
		return denied("organization:manage", "host_only")
	}
	return nil
}

// Organization returns one organization, to the host.
func (s *Service) Organization(ctx context.Context, a Actor, id string) (storage.Organization, error) {
	if err := hostOnly(a); err != nil {
		s.recordRefusal(a, "organization", "read", "", err)
		return storage.Organization{}, err
	}
	o, err := s.readOrganization(ctx, a, id)
	if err != nil {
		return storage.Organization{}, err
	}
	return o.Organization, nil
}

// ListOrganizations lists organizations by id, to the host.
func (s *Service) ListOrganizations(ctx context.Context, a Actor, p Page) (list []storage.Organization, next string, err error) {
	if err := hostOnly(a); err != nil {
		s.recordRefusal(a, "organization", "listed", "", err)
		return nil, "", err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, "", err
	}
	if p.After != "" && !validID(p.After) {
		return nil, "", invalid("after", "the id of an organization")
	}
	list, err = s.store.ListOrganizations(ctx, storage.Page{After: p.After, Limit: limit + 1})
	if err != nil {
		return nil, "", fmt.Errorf("admin: listing organizations: %w", err)
	}
	list, next = cut(list, limit, func(o *storage.Organization) string { return o.ID })
	return list, next, nil
}

// RenameOrganization changes what an organization is called.
func (s *Service) RenameOrganization(ctx context.Context, a Actor, id, name string) (storage.Organization, error) {
	return s.changeOrganization(ctx, a, id, "renamed", 0, func(o *organizationRecord, _ time.Time) error {
		if err := checkName(name); err != nil {
			return err
		}
		o.Name = name
		return nil
	})
}

// SuspendOrganization stops every key and every member of an organization, with
// all tokens, until it is resumed.
func (s *Service) SuspendOrganization(ctx context.Context, a Actor, id string, o Options) (storage.Organization, error) {
	return s.changeOrganization(ctx, a, id, verbSuspended, o.IfVersion, turn[*organizationRecord](storage.Suspended, o.EndTokens))
}

// ResumeOrganization makes a suspended organization active again.
func (s *Service) ResumeOrganization(ctx context.Context, a Actor, id string, o Options) (storage.Organization, error) {
	return s.changeOrganization(ctx, a, id, verbResumed, o.IfVersion, turn[*organizationRecord](storage.Active, o.EndTokens))
}

// RevokeOrganization ends an organization with all its keys and tokens, for good.
func (s *Service) RevokeOrganization(ctx context.Context, a Actor, id string, o Options) (storage.Organization, error) {
	return s.changeOrganization(ctx, a, id, verbRevoked, o.IfVersion, turn[*organizationRecord](storage.Revoked, o.EndTokens))
}

// EndOrganizationTokens ends every token issued in an organization so far.
func (s *Service) EndOrganizationTokens(ctx context.Context, a Actor, id string, o Options) (storage.Organization, error) {
	return s.changeOrganization(ctx, a, id, verbTokensEnded, o.IfVersion, endTokens[*organizationRecord]())
}

func (s *Service) changeOrganization(ctx context.Context, a Actor, id, verb string, ifVersion uint64, apply func(*organizationRecord, time.Time) error) (storage.Organization, error) {
	if err := hostOnly(a); err != nil {
		s.recordRefusal(a, "organization", verb, "", err)
		return storage.Organization{}, err
	}
	o, err := change(ctx, s, a, edit[*organizationRecord]{verb: verb, object: "organization:" + id, target: "organization:" + id, ifVersion: ifVersion,
		read:  func(ctx context.Context) (*organizationRecord, error) { return s.readOrganization(ctx, a, id) },
		apply: apply})
	if err != nil {
		return storage.Organization{}, err
	}
	return o.Organization, nil
}

func (s *Service) readOrganization(ctx context.Context, a Actor, id string) (*organizationRecord, error) {
	if !validID(id) || a.organization != "" && a.organization != id {
		return nil, notFound("organization", "not_this_one")
	}
	o, err := s.store.Organization(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, notFound("organization", "unknown")
	case err != nil:
		return nil, fmt.Errorf("admin: reading an organization: %w", err)
	}
	return &organizationRecord{o}, nil
}
