package policy

import (
	"context"
	"time"
)

// Decide answers a question. It allows only what a rule allows, no rule denies,
// the boundary leaves in and the subject's standing permits. An error comes with
// a decision that denies: the subject's standing could not be learned, or the
// rules are stale; hosts answer it with 503.
func (e *Engine) Decide(ctx context.Context, q Question) (Decision, error) {
	s := e.current.Load()
	if s == nil {
		return Decision{Reason: ReasonNoPolicy}, nil
	}
	d, err := e.decide(ctx, s, &q)
	if e.log != nil {
		e.log.record(e.now(), &q, d)
	}
	return d, err
}

// DecideAll answers several questions from one snapshot, so that no change
// falls between them. The first error ends it; decisions not made deny.
func (e *Engine) DecideAll(ctx context.Context, questions []Question) ([]Decision, error) {
	s := e.current.Load()
	decisions := make([]Decision, len(questions))
	for i := range questions {
		decisions[i].Reason = ReasonNoPolicy
	}
	if s == nil {
		return decisions, nil
	}
	for i := range questions {
		d, err := e.decide(ctx, s, &questions[i])
		decisions[i] = d
		if e.log != nil {
			e.log.record(e.now(), &questions[i], d)
		}
		if err != nil {
			return decisions, err
		}
	}
	return decisions, nil
}

func (e *Engine) decide(ctx context.Context, s *snapshot, q *Question) (Decision, error) {
	if !validQuestion(q, s.def.request.index("dom") >= 0, e.anySubject) {
		return Decision{Reason: ReasonInvalidQuestion}, nil
	}
	set := s.set(q.Organization)
	revision := set.revision()
	if err := e.freshFor(set); err != nil {
		return Decision{Reason: ReasonStale, Revision: revision}, err
	}
	if reason, err := e.mayAct(ctx, q); reason != "" {
		return Decision{Reason: reason, Revision: revision}, err
	}
	allowed, reason := set.ask(s.def, q, e.now)
	if !allowed {
		return Decision{Reason: reason, Revision: revision}, nil
	}
	if capped(q.Boundary, q.Object, q.Action) {
		return Decision{Reason: ReasonBoundary, Revision: revision}, nil
	}
	bar, err := e.barrier(ctx, s.def, set, q)
	switch {
	case err != nil:
		return Decision{Reason: ReasonStale, Revision: revision}, err
	case bar != nil:
		return Decision{Reason: ReasonBoundary, Revision: revision}, nil
	}
	return Decision{Allowed: true, Reason: reason, Revision: revision}, nil
}

// barrier is the creator of a subject, or the creator's creator and so on, who
// may not do what is asked; nil if there is none.
func (e *Engine) barrier(ctx context.Context, d *modelDef, set *orgSet, q *Question) (*Holder, error) {
	if e.creator == nil {
		return nil, nil
	}
	return e.withinCreators(ctx, q, func(try *Question) (bool, error) {
		allowed, _ := set.ask(d, try, e.now)
		return allowed, nil
	})
}

// mayAct gives the reason why a subject may not act at all, "" if it may.
func (e *Engine) mayAct(ctx context.Context, q *Question) (reason string, err error) {
	if e.standing == nil {
		return "", nil
	}
	standing, err := e.standing(ctx, q.Organization, q.Subject)
	if err != nil {
		return ReasonStale, &StandingError{err}
	}
	return string(standing), nil
}

// StandingError says that the standing of a subject could not be learned.
type StandingError struct{ Err error }

func (e *StandingError) Error() string {
	return "policy: standing of the subject: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *StandingError) Unwrap() error { return e.Err }

// Refusal says how the error is told to a client.
func (e *StandingError) Refusal() (status int, code string) { return 503, "policy_unavailable" }

// ask looks for rules that allow or deny.
func (o *orgSet) ask(d *modelDef, q *Question, now func() time.Time) (bool, string) {
	if o.fallback != nil {
		return o.askFallback(q, now)
	}
	var f *facts
	if len(d.shape.conditions) != 0 {
		f = &facts{roles: q.Roles, scopes: q.Scopes, attributes: q.Attributes, now: now}
	}
	return o.search(d, q, f)
}

// search looks for compiled rules that allow or deny; facts may be nil where the
// model has no conditions.
func (o *orgSet) search(d *modelDef, q *Question, f *facts) (bool, string) {
	var buf [64]uint32
	in := input{object: q.Object, action: q.Action}
	in.who = o.tier.whoIs(buf[:0], q.Subject, q.Roles)
	if len(in.who) == 0 {
		return false, ReasonNoMatchingRule
	}
	if d.shape.object&relRole != 0 {
		in.groups = o.tier.groupsOf(q.Object)
	}
	allow, deny := o.tier.match(&in, f)
	if below := o.tier.below; deny == 0 && below != nil && (allow == 0 || below.denies) {
		var also uint32
		also, deny = below.match(&in, f)
		allow |= also
	}
	switch {
	case deny != 0:
		return false, ReasonExplicitDeny
	case allow != 0:
		return true, ReasonAllowed
	}
	return false, ReasonNoMatchingRule
}

// whoIs gives the numbers of everything a subject is: itself, the roles it is
// known to hold, and what both inherit.
func (t *tier) whoIs(who []uint32, subject string, roles []string) []uint32 {
	who = append(who, t.reach(subject)...)
	if t.shape.subject&relRole == 0 {
		return who
	}
	var buf [128]byte
	for _, role := range roles {
		name := append(buf[:0], role...)
		if len(role) < 5 || role[:5] != "role:" {
			name = append(append(buf[:0], "role:"...), role...)
		}
		who = append(who, t.reachBytes(name)...)
	}
	return who
}

func (o *orgSet) askFallback(q *Question, now func() time.Time) (bool, string) {
	f := &facts{roles: q.Roles, scopes: q.Scopes, attributes: q.Attributes, now: now}
	reason, err := o.fallback.decide(q, f)
	if err != nil {
		return false, ReasonInvalidQuestion
	}
	return reason == ReasonAllowed, reason
}
