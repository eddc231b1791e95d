package storage

import (
	"context"
	"time"
)

// Organization is a tenant: what owns clients and has members.
type Organization struct {
	ID        string
	Name      string
	Status    Status
	Epoch     uint64
	Labels    map[string]string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   uint64
}

// Member is a person's membership of one organization. A revoked one is over for
// good; the person may become a member again, which begins another one in the
// same record, with a higher Epoch ([Directory.UpdateMember]).
type Member struct {
	Organization string
	// Subject is the person, as the host's sign-in names them.
	Subject string
	Name    string
	Roles   []string
	Status  Status
	Epoch   uint64

	CreatedAt time.Time
	UpdatedAt time.Time
	Version   uint64
}

// Directory keeps organizations and their members. Its commands follow the
// rules of [Clients].
type Directory interface {
	CreateOrganization(ctx context.Context, o Organization, e Event) error
	Organization(ctx context.Context, id string) (Organization, error)
	UpdateOrganization(ctx context.Context, o Organization, until time.Time, e Event) (Change, error)
	ListOrganizations(ctx context.Context, p Page) ([]Organization, error)

	CreateMember(ctx context.Context, m Member, e Event) error
	Member(ctx context.Context, organization, subject string) (Member, error)
	// UpdateMember makes an active member of a revoked one only if m.Epoch is
	// higher than the stored one, so that whatever was issued under the revoked
	// membership stays dead; CreatedAt is m's then. Anything else is [ErrFinal].
	UpdateMember(ctx context.Context, m Member, q Quorum, until time.Time, e Event) (Change, error)
	ListMembers(ctx context.Context, organization string, p Page) ([]Member, error)
}

// MemberKey is the id under which changes of a membership are kept.
func MemberKey(organization, subject string) string { return organization + "\x00" + subject }
