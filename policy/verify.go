package policy

import (
	"context"
	"time"
)

// rounds goes through every set again and again, a few at a time.
type rounds struct {
	names []string
	next  int
}

// verifySome reads a few sets anew and compares them with what is in force, so
// that within SyncConfig.Reload every one was. Normally nothing differs; but a
// store that fell over to a copy which had missed the last changes may have
// given their revisions to others since.
func (l *Live) verifySome(ctx context.Context, start time.Time) error {
	v := &l.verify
	if v.next >= len(v.names) {
		v.names, v.next = l.engine.current.Load().organizations(v.names[:0]), 0
	}
	polls := max(int(l.config.Reload/l.config.Poll), 1)
	for range (len(v.names) + polls - 1) / polls {
		if v.next >= len(v.names) {
			return nil
		}
		name := v.names[v.next]
		v.next++
		set, err := l.read(ctx, name)
		if err != nil {
			return err
		}
		if l.differs(set) {
			if err := l.load(ctx, name, set.Revision, true, start); err != nil {
				return err
			}
		}
	}
	return nil
}

// differs reports whether a set that was read has the revision that is in force
// and other rows, or could not be put in force before.
func (l *Live) differs(set RuleSet) bool {
	s := l.engine.current.Load()
	current := s.set(set.Organization)
	if set.Organization == everyOrganization {
		current = s.common
	}
	if !current.until.IsZero() {
		return true
	}
	if s.revisionOf(set.Organization) != set.Revision {
		return false
	}
	return !diffRows(l.stored(s.def, set.Organization, current), set.Rows).IsEmpty()
}

// organizations names those that have rules of their own, and every one.
func (s *snapshot) organizations(names []string) []string {
	names = append(names, everyOrganization)
	for _, shard := range s.shards {
		for org := range shard {
			names = append(names, org)
		}
	}
	return names
}
