package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// TrailFilter selects events of the audit trail; empty members do not filter.
type TrailFilter struct {
	// Actor and Target are "key:...", "user:..." or "host".
	Actor  string
	Target string
	// Type is that of the event, "key.suspended".
	Type string
	// From is inclusive, To is not.
	From, To time.Time
	// After continues a listing.
	After storage.ID
	// Limit is 1 to 500; 0 is 100.
	Limit int
}

// Trail lists what happened in the actor's organization, the oldest first. next,
// if not zero, is where the following page begins. An event that was still being
// written while a page was read may have an id before its end: who follows the
// trail to the last event reads it in the order of the sealed chain,
// [authz.Installation.Trail].
func (s *Service) Trail(ctx context.Context, a Actor, f TrailFilter) (events []storage.Event, next storage.ID, err error) {
	events, next, err = s.trail(ctx, a, f)
	s.recordRefusal(a, "audit", "read", "", err)
	return events, next, err
}

func (s *Service) trail(ctx context.Context, a Actor, f TrailFilter) (events []storage.Event, next storage.ID, err error) {
	if err := s.permit(ctx, a, "audit", actionRead); err != nil {
		return nil, next, err
	}
	limit, err := Page{Limit: f.Limit}.limit()
	if err != nil {
		return nil, next, err
	}
	if a.organization == "" {
		return nil, next, invalid("organization", "named: Host().In(organization)")
	}
	for _, text := range []struct{ field, value string }{{"actor", f.Actor}, {"target", f.Target}, {"type", f.Type}} {
		if text.value != "" && checkText(text.field, text.value, maxSubject) != nil {
			return nil, next, invalid(text.field, "plain text")
		}
	}
	events, err = s.store.Events(ctx, storage.EventFilter{Organization: a.organization, Actor: f.Actor, Target: f.Target, Type: f.Type,
		From: f.From, To: f.To, After: f.After, Limit: limit + 1})
	if err != nil {
		return nil, next, fmt.Errorf("admin: reading the audit trail: %w", err)
	}
	if len(events) > limit {
		events = events[:limit]
		next = events[limit-1].ID
	}
	return events, next, nil
}
