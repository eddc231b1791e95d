package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// NewMember is what a membership is to be. Subject and Roles are required: a
// person is made nothing by default.
type NewMember struct {
	// Subject is the person, as the host's sign-in names them.
	Subject string
	Name    string
	Roles   []string
}

// CreateMember makes a person a member of the actor's organization. One whose
// membership was revoked becomes a member anew, with the roles named here: the old
// ones are gone, and no token, code or consent of before works again. Rules of a
// policy that name the person apply to every membership of theirs; what they give
// must be the actor's to give, as the roles.
func (s *Service) CreateMember(ctx context.Context, a Actor, n NewMember) (storage.Member, error) {
	m, err := s.createMember(ctx, a, n)
	if errors.Is(err, ErrExists) {
		m, err = s.memberAnew(ctx, a, n)
	}
	if err != nil {
		s.recordRefusal(a, "member", "created", memberTarget(n.Subject), err)
		return storage.Member{}, err
	}
	return m, nil
}

func (s *Service) createMember(ctx context.Context, a Actor, n NewMember) (storage.Member, error) {
	if err := s.permit(ctx, a, memberObject(n.Subject), actionManage); err != nil {
		return storage.Member{}, err
	}
	if !validSubject(n.Subject) {
		return storage.Member{}, invalid("subject", fmt.Sprintf("1 to %d bytes of text without stars and control characters", maxSubject))
	}
	if err := cmp.Or(checkName(n.Name), checkRoles(n.Roles)); err != nil {
		return storage.Member{}, err
	}
	if err := s.mayGive(ctx, a, rights{organization: a.organization, subject: memberTarget(n.Subject), roles: n.Roles}); err != nil {
		return storage.Member{}, err
	}
	if err := s.openOrganization(ctx, a.organization); err != nil {
		return storage.Member{}, err
	}
	now := s.now()
	m := &memberRecord{storage.Member{Organization: a.organization, Subject: n.Subject, Name: n.Name, Roles: slices.Clone(n.Roles),
		Status: storage.Active, CreatedAt: now, UpdatedAt: now}}
	if err := s.insert(ctx, a, m); err != nil {
		return storage.Member{}, err
	}
	return m.Member, nil
}

// memberAnew begins another membership of a person whose last one was revoked.
// What is to be has been checked.
func (s *Service) memberAnew(ctx context.Context, a Actor, n NewMember) (storage.Member, error) {
	m, err := s.readMember(ctx, a, n.Subject)
	if err != nil {
		return storage.Member{}, err
	}
	if m.Status != storage.Revoked {
		return storage.Member{}, exists("member")
	}
	before := m.members()
	now := s.now()
	m.Name, m.Roles, m.Status, m.CreatedAt, m.UpdatedAt = n.Name, slices.Clone(n.Roles), storage.Active, now, now
	m.Epoch++ // which whatever was issued before is behind
	was, is, err := changed(before, m.members())
	if err != nil {
		return storage.Member{}, fmt.Errorf("admin: describing a member: %w", err)
	}
	change, err := m.save(ctx, s.store, storage.Quorum{}, s.in.Until(), s.event(a, "readmitted", m, was, is))
	switch {
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrFinal): // another was quicker
		return storage.Member{}, exists("member")
	case err != nil:
		return storage.Member{}, fmt.Errorf("admin: making a member anew: %w", err)
	}
	s.in.Feed().Apply(change)
	m.Version, m.Epoch = change.Version, change.Epoch
	return m.Member, nil
}

// Member returns one member of the actor's organization.
func (s *Service) Member(ctx context.Context, a Actor, subject string) (storage.Member, error) {
	m, err := s.readMemberPermitted(ctx, a, subject)
	if err != nil {
		s.recordRefusal(a, "member", "read", memberTarget(subject), err)
		return storage.Member{}, err
	}
	return m.Member, nil
}

func (s *Service) readMemberPermitted(ctx context.Context, a Actor, subject string) (*memberRecord, error) {
	if err := s.permit(ctx, a, memberObject(subject), actionManage); err != nil {
		return nil, err
	}
	return s.readMember(ctx, a, subject)
}

func (s *Service) readMember(ctx context.Context, a Actor, subject string) (*memberRecord, error) {
	if a.organization == "" {
		return nil, invalid("organization", "named: Host().In(organization)")
	}
	if !validSubject(subject) {
		return nil, notFound("member", "malformed_subject")
	}
	m, err := s.store.Member(ctx, a.organization, subject)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, notFound("member", "unknown")
	case err != nil:
		return nil, fmt.Errorf("admin: reading a member: %w", err)
	}
	return &memberRecord{m}, nil
}

// ListMembers lists the members of the actor's organization by subject, revoked
// ones included. next, if not empty, is where the following page begins.
func (s *Service) ListMembers(ctx context.Context, a Actor, p Page) (list []storage.Member, next string, err error) {
	list, next, err = s.listMembers(ctx, a, p)
	s.recordRefusal(a, "member", "listed", "", err)
	return list, next, err
}

func (s *Service) listMembers(ctx context.Context, a Actor, p Page) (list []storage.Member, next string, err error) {
	if err := s.permit(ctx, a, "member", actionManage); err != nil {
		return nil, "", err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, "", err
	}
	if a.organization == "" {
		return nil, "", invalid("organization", "named: Host().In(organization)")
	}
	if p.After != "" && !validSubject(p.After) {
		return nil, "", invalid("after", "a subject")
	}
	list, err = s.store.ListMembers(ctx, a.organization, storage.Page{After: p.After, Limit: limit + 1})
	if err != nil {
		return nil, "", fmt.Errorf("admin: listing members: %w", err)
	}
	list, next = cut(list, limit, func(m *storage.Member) string { return m.Subject })
	return list, next, nil
}

// MemberPatch says what of a member is to change; nil stays as it is.
type MemberPatch struct {
	Name  *string
	Roles *[]string
	// IfVersion, where not zero, is the version that the member must have.
	IfVersion uint64
}

// PatchMember changes name or roles of a member. Tokens that the person
// delegated carry the new roles from the next request on.
func (s *Service) PatchMember(ctx context.Context, a Actor, subject string, p MemberPatch) (storage.Member, error) {
	return s.changeMember(ctx, a, subject, "patched", p.IfVersion, func(m *memberRecord, _ time.Time) error {
		if p.Name != nil {
			if err := checkName(*p.Name); err != nil {
				return err
			}
			m.Name = *p.Name
		}
		if p.Roles != nil {
			if err := checkRoles(*p.Roles); err != nil {
				return err
			}
			m.Roles = slices.Clone(*p.Roles)
		}
		return nil
	})
}

// SuspendMember stops every token that the person delegated in this organization
// at once, until the member is resumed.
func (s *Service) SuspendMember(ctx context.Context, a Actor, subject string, o Options) (storage.Member, error) {
	return s.changeMember(ctx, a, subject, verbSuspended, o.IfVersion, turn[*memberRecord](storage.Suspended, o.EndTokens))
}

// ResumeMember makes a suspended member active again, and unexpired tokens live,
// unless o.EndTokens.
func (s *Service) ResumeMember(ctx context.Context, a Actor, subject string, o Options) (storage.Member, error) {
	return s.changeMember(ctx, a, subject, verbResumed, o.IfVersion, turn[*memberRecord](storage.Active, o.EndTokens))
}

// RevokeMember ends a membership for good, with every token delegated under it.
// The person can become a member again, which begins another: [Service.CreateMember].
func (s *Service) RevokeMember(ctx context.Context, a Actor, subject string, o Options) (storage.Member, error) {
	return s.changeMember(ctx, a, subject, verbRevoked, o.IfVersion, turn[*memberRecord](storage.Revoked, o.EndTokens))
}

// EndMemberTokens ends every token that the person delegated in this
// organization so far; the membership goes on.
func (s *Service) EndMemberTokens(ctx context.Context, a Actor, subject string, o Options) (storage.Member, error) {
	return s.changeMember(ctx, a, subject, verbTokensEnded, o.IfVersion, endTokens[*memberRecord]())
}

func (s *Service) changeMember(ctx context.Context, a Actor, subject, verb string, ifVersion uint64, apply func(*memberRecord, time.Time) error) (storage.Member, error) {
	m, err := change(ctx, s, a, edit[*memberRecord]{verb: verb, object: memberObject(subject), target: memberTarget(subject), ifVersion: ifVersion,
		read:  func(ctx context.Context) (*memberRecord, error) { return s.readMember(ctx, a, subject) },
		apply: apply})
	if err != nil {
		return storage.Member{}, err
	}
	return m.Member, nil
}

// memberObject is what the policy is asked about.
func memberObject(subject string) string {
	if !validSubject(subject) {
		return "member"
	}
	return "member:" + subject
}

// memberTarget names a member in the audit trail.
func memberTarget(subject string) string {
	if !validSubject(subject) {
		return ""
	}
	return "user:" + subject
}
