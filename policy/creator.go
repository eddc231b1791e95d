package policy

import (
	"context"
	"fmt"
)

// CreatorFunc tells under whom a subject stands in an organization, as who
// created a key; none if false. What the creator may not do, or no longer, the
// subject may not do either. It is asked at every decision that the rules allow,
// so that it should answer from memory. An error denies.
//
// The creator's own rules count beside the roles and the boundary that are
// given, and so do the creator's standing and creator. A chain of more than
// eight, as of two who created each other, leaves nothing.
type CreatorFunc func(ctx context.Context, organization, subject string) (creator Holder, ok bool, err error)

// maxCreators bounds a chain of creators.
const maxCreators = 8

// eachCreator hands over the creator of a subject, the creator's creator and so
// on, while more are wanted. One who may not act at all has an empty boundary.
func (e *Engine) eachCreator(ctx context.Context, organization, subject string, each func(Holder) (more bool, err error)) error {
	if e.creator == nil {
		return nil
	}
	for range maxCreators {
		creator, ok, err := e.creator(ctx, organization, subject)
		if err != nil {
			return &StandingError{fmt.Errorf("its creator: %w", err)}
		}
		if !ok {
			return nil
		}
		creator.Organization = organization
		active, err := e.active(ctx, organization, creator.Subject)
		if err != nil {
			return err
		}
		if !active {
			creator.Boundary = []string{}
		}
		more, err := each(creator)
		if err != nil || !more || creator.Subject == "" {
			return err
		}
		subject = creator.Subject
	}
	_, err := each(Holder{Organization: organization, Boundary: []string{}})
	return err
}

// withinCreators asks for a subject's creators what the subject asks. It gives
// the first who may not, nil if all may.
func (e *Engine) withinCreators(ctx context.Context, q *Question, may func(*Question) (bool, error)) (bar *Holder, err error) {
	err = e.eachCreator(ctx, q.Organization, q.Subject, func(creator Holder) (bool, error) {
		try := *q
		try.Subject, try.Roles, try.Boundary = creator.Subject, creator.Roles, creator.Boundary
		allowed := !capped(try.Boundary, q.Object, q.Action)
		if allowed {
			var err error
			if allowed, err = may(&try); err != nil {
				return false, err
			}
		}
		if !allowed {
			bar = &creator
		}
		return allowed, nil
	})
	return bar, err
}
