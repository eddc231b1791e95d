package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

type organizationRow struct {
	ID      string `gorm:"primaryKey"`
	Status  int64
	Epoch   int64
	Version int64
	Doc     string
}

func (organizationRow) TableName() string { return "gw_organization" }

type memberRow struct {
	Organization string `gorm:"primaryKey"`
	Subject      string `gorm:"primaryKey"`
	Status       int64
	Epoch        int64
	Version      int64
	Roles        string
	Doc          string
}

func (memberRow) TableName() string { return "gw_member" }

// recordDoc is what no statement looks at of an organization or member.
type recordDoc struct {
	Name      string            `json:"name,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	CreatedAt int64             `json:"created_at,omitempty"`
	UpdatedAt int64             `json:"updated_at,omitempty"`
}

func toOrganizationRow(o *storage.Organization) (organizationRow, error) {
	text, err := encode(recordDoc{o.Name, o.Labels, toMillis(o.CreatedAt), toMillis(o.UpdatedAt)})
	return organizationRow{
		ID: o.ID, Status: int64(o.Status), Epoch: int64(o.Epoch), Version: int64(o.Version),
		Doc: text,
	}, err
}

const organizationColumns = "id, status, epoch, version, doc"

func scanOrganization(r *sql.Rows) (o storage.Organization, err error) {
	var text sql.RawBytes
	if err := r.Scan(&o.ID, &o.Status, &o.Epoch, &o.Version, &text); err != nil {
		return o, err
	}
	var doc recordDoc
	err = json.Unmarshal(text, &doc)
	o.Name, o.Labels, o.CreatedAt, o.UpdatedAt = doc.Name, doc.Labels, fromMillis(doc.CreatedAt), fromMillis(doc.UpdatedAt)
	return o, err
}

func toMemberRow(m *storage.Member) (memberRow, error) {
	roles, err := encode(m.Roles)
	if err != nil {
		return memberRow{}, err
	}
	text, err := encode(recordDoc{m.Name, nil, toMillis(m.CreatedAt), toMillis(m.UpdatedAt)})
	return memberRow{
		Organization: m.Organization, Subject: m.Subject,
		Status: int64(m.Status), Epoch: int64(m.Epoch), Version: int64(m.Version),
		Roles: roles, Doc: text,
	}, err
}

const memberColumns = "organization, subject, status, epoch, version, roles, doc"

func scanMember(r *sql.Rows) (m storage.Member, err error) {
	var roles, text sql.RawBytes
	if err := r.Scan(&m.Organization, &m.Subject, &m.Status, &m.Epoch, &m.Version, &roles, &text); err != nil {
		return m, err
	}
	if err := json.Unmarshal(roles, &m.Roles); err != nil {
		return m, err
	}
	var doc recordDoc
	err = json.Unmarshal(text, &doc)
	m.Name, m.CreatedAt, m.UpdatedAt = doc.Name, fromMillis(doc.CreatedAt), fromMillis(doc.UpdatedAt)
	return m, err
}

// CreateOrganization implements [storage.Directory].
func (s *Store) CreateOrganization(ctx context.Context, o storage.Organization, e storage.Event) error {
	if err := checkID("organization", o.ID); err != nil {
		return err
	}
	o.Version = 1
	row, err := toOrganizationRow(&o)
	if err != nil {
		return err
	}
	return s.write(ctx, "create organization", func(ctx context.Context, tx *session) error {
		if created, err := tx.create(ctx, &row); err != nil || !created {
			return orExists(err)
		}
		return tx.putEvent(ctx, e)
	})
}

// Organization implements [storage.Directory].
func (s *Store) Organization(ctx context.Context, id string) (storage.Organization, error) {
	var o storage.Organization
	found := false
	if storable(id) {
		err := s.query(ctx, "read organization", func(r *sql.Rows) (err error) {
			found = true
			o, err = scanOrganization(r)
			return err
		}, "SELECT "+organizationColumns+" FROM gw_organization WHERE id = ?", id)
		if err != nil {
			return storage.Organization{}, err
		}
	}
	if !found {
		return storage.Organization{}, storage.ErrNotFound
	}
	return o, nil
}

// UpdateOrganization implements [storage.Directory].
func (s *Store) UpdateOrganization(ctx context.Context, o storage.Organization, until time.Time, e storage.Event) (storage.Change, error) {
	if !storable(o.ID) {
		return storage.Change{}, storage.ErrNotFound
	}
	return s.change(ctx, "update organization", func(ctx context.Context, tx *session) (storage.Change, error) {
		var none storage.Change
		var old storage.Organization
		found := false
		err := tx.query(ctx, func(r *sql.Rows) (err error) {
			found = true
			old, err = scanOrganization(r)
			return err
		}, "SELECT "+organizationColumns+" FROM gw_organization WHERE id = ?"+tx.core.dialect.lock(), o.ID)
		if err != nil || !found {
			return none, orNotFound(err)
		}
		if err := updatable(old.Status, old.Version, o.Version); err != nil {
			return none, err
		}
		next := o
		next.CreatedAt, next.Epoch = old.CreatedAt, max(o.Epoch, old.Epoch)
		next.Version++
		row, err := toOrganizationRow(&next)
		if err != nil {
			return none, err
		}
		if err := tx.gorm(ctx).Select("*").Updates(&row).Error; err != nil {
			return none, err
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return none, err
		}
		return tx.putChange(ctx, storage.Change{
			Kind: storage.OrganizationChange, ID: next.ID,
			Status: next.Status, Version: next.Version, Epoch: next.Epoch, Until: until,
		})
	})
}

// ListOrganizations implements [storage.Directory].
func (s *Store) ListOrganizations(ctx context.Context, p storage.Page) ([]storage.Organization, error) {
	return listed(ctx, s, "list organizations", scanOrganization, func(db *gorm.DB) *gorm.DB {
		return db.Table("gw_organization").Select(organizationColumns).Where("id > ?", p.After).Order("id").Limit(limited(p.Limit))
	})
}

// CreateMember implements [storage.Directory].
func (s *Store) CreateMember(ctx context.Context, m storage.Member, e storage.Event) error {
	if err := checkID("member", m.Organization, m.Subject); err != nil {
		return err
	}
	m.Version = 1
	row, err := toMemberRow(&m)
	if err != nil {
		return err
	}
	return s.write(ctx, "create member", func(ctx context.Context, tx *session) error {
		if there, err := tx.exists(ctx, "SELECT 1 FROM gw_organization WHERE id = ?", m.Organization); err != nil || !there {
			return orNotFound(err)
		}
		if created, err := tx.create(ctx, &row); err != nil || !created {
			return orExists(err)
		}
		return tx.putEvent(ctx, e)
	})
}

const memberQuery = "SELECT " + memberColumns + " FROM gw_member WHERE organization = ? AND subject = ?"

// Member implements [storage.Directory].
func (s *Store) Member(ctx context.Context, organization, subject string) (storage.Member, error) {
	var m storage.Member
	found := false
	if storable(organization, subject) {
		err := s.query(ctx, "read member", func(r *sql.Rows) (err error) {
			found = true
			m, err = scanMember(r)
			return err
		}, memberQuery, organization, subject)
		if err != nil {
			return storage.Member{}, err
		}
	}
	if !found {
		return storage.Member{}, storage.ErrNotFound
	}
	return m, nil
}

// UpdateMember implements [storage.Directory].
func (s *Store) UpdateMember(ctx context.Context, m storage.Member, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	if !storable(m.Organization, m.Subject) {
		return storage.Change{}, storage.ErrNotFound
	}
	return s.change(ctx, "update member", func(ctx context.Context, tx *session) (storage.Change, error) {
		var none storage.Change
		if err := tx.lockQuorum(ctx, q); err != nil {
			return none, err
		}
		var old storage.Member
		found := false
		err := tx.query(ctx, func(r *sql.Rows) (err error) {
			found = true
			old, err = scanMember(r)
			return err
		}, memberQuery+tx.core.dialect.lock(), m.Organization, m.Subject)
		if err != nil || !found {
			return none, orNotFound(err)
		}
		next := m
		next.Epoch = max(m.Epoch, old.Epoch)
		if anew := old.Status == storage.Revoked && m.Status == storage.Active && m.Epoch > old.Epoch; anew {
			old.Status = storage.Active // a membership of its own begins
		} else {
			next.CreatedAt = old.CreatedAt
		}
		if err := updatable(old.Status, old.Version, m.Version); err != nil {
			return none, err
		}
		next.Version++
		row, err := toMemberRow(&next)
		if err != nil {
			return none, err
		}
		if err := tx.gorm(ctx).Select("*").Updates(&row).Error; err != nil {
			return none, err
		}
		if err := tx.checkQuorum(ctx, q, true); err != nil {
			return none, err
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return none, err
		}
		return tx.putChange(ctx, storage.Change{
			Kind: storage.MemberChange, ID: storage.MemberKey(next.Organization, next.Subject),
			Status: next.Status, Version: next.Version, Epoch: next.Epoch, Until: until,
		})
	})
}

// ListMembers implements [storage.Directory].
func (s *Store) ListMembers(ctx context.Context, organization string, p storage.Page) ([]storage.Member, error) {
	if !storable(organization) {
		return nil, nil
	}
	return listed(ctx, s, "list members", scanMember, func(db *gorm.DB) *gorm.DB {
		return db.Table("gw_member").Select(memberColumns).
			Where("organization = ? AND subject > ?", organization, p.After).Order("subject").Limit(limited(p.Limit))
	})
}
