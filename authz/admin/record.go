package admin

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// record is what can be managed, as it was read and is then changed in place: a
// key, a member or an organization.
type record interface {
	kind() string
	organization() string
	target() string
	rights() rights
	// standing is what all records have.
	standing() standing
	// holds reports whether it counts as a holder of the role for a quorum.
	holds(role string) bool
	// members are what the audit trail tells of.
	members() members
	create(ctx context.Context, store storage.Store, e storage.Event) error
	save(ctx context.Context, store storage.Store, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error)
}

// standing points into a record.
type standing struct {
	status  *storage.Status
	epoch   *uint64
	version *uint64
	updated *time.Time
}

type keyRecord struct{ storage.Client }

func (k *keyRecord) kind() string         { return "key" }
func (k *keyRecord) organization() string { return k.Organization }
func (k *keyRecord) target() string       { return "key:" + k.ID }
func (k *keyRecord) standing() standing {
	return standing{&k.Status, &k.Epoch, &k.Version, &k.UpdatedAt}
}

func (k *keyRecord) rights() rights {
	return rights{organization: k.Organization, subject: k.target(), roles: k.Roles, boundary: k.Boundary, hostOnly: k.ResourceServer}
}

func (k *keyRecord) holds(role string) bool {
	return k.Status == storage.Active && k.ExpiresAt.IsZero() && len(k.Boundary) == 0 && slices.Contains(k.Roles, role)
}

func (k *keyRecord) create(ctx context.Context, store storage.Store, e storage.Event) error {
	return store.CreateClient(ctx, k.Client, e)
}

func (k *keyRecord) save(ctx context.Context, store storage.Store, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	return store.UpdateClient(ctx, k.Client, q, until, e)
}

type memberRecord struct{ storage.Member }

func (m *memberRecord) kind() string         { return "member" }
func (m *memberRecord) organization() string { return m.Organization }
func (m *memberRecord) target() string       { return "user:" + m.Subject }
func (m *memberRecord) standing() standing {
	return standing{&m.Status, &m.Epoch, &m.Version, &m.UpdatedAt}
}

func (m *memberRecord) rights() rights {
	return rights{organization: m.Organization, subject: m.target(), roles: m.Roles}
}

func (m *memberRecord) holds(role string) bool {
	return m.Status == storage.Active && slices.Contains(m.Roles, role)
}

func (m *memberRecord) create(ctx context.Context, store storage.Store, e storage.Event) error {
	return store.CreateMember(ctx, m.Member, e)
}

func (m *memberRecord) save(ctx context.Context, store storage.Store, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	return store.UpdateMember(ctx, m.Member, q, until, e)
}

type organizationRecord struct{ storage.Organization }

func (o *organizationRecord) kind() string         { return "organization" }
func (o *organizationRecord) organization() string { return o.ID }
func (o *organizationRecord) target() string       { return "organization:" + o.ID }
func (o *organizationRecord) standing() standing {
	return standing{&o.Status, &o.Epoch, &o.Version, &o.UpdatedAt}
}
func (o *organizationRecord) rights() rights    { return rights{organization: o.ID, hostOnly: true} }
func (o *organizationRecord) holds(string) bool { return false }

func (o *organizationRecord) create(ctx context.Context, store storage.Store, e storage.Event) error {
	return store.CreateOrganization(ctx, o.Organization, e)
}

func (o *organizationRecord) save(ctx context.Context, store storage.Store, _ storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	return store.UpdateOrganization(ctx, o.Organization, until, e)
}

var (
	_ record = (*keyRecord)(nil)
	_ record = (*memberRecord)(nil)
	_ record = (*organizationRecord)(nil)
)
