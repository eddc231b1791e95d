package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// candidates are requests, one of each kind that the rules of an organization
// can tell apart: an object and an action that is compared with certain texts,
// and with certain beginnings of texts, is either one of those texts, or all that
// matters of it is the longest of those beginnings. Deciding one request of each
// kind tells what roles give, whatever the matcher makes of the comparisons.
type candidates struct {
	def          *modelDef
	set          *orgSet
	organization string
	rows         []row
	kind         map[string]*kinds // of sub, obj and act
	// conditions of rules: each may hold, fail, or be about something unknown.
	conditions []supposition
}

// supposition is a condition of a rule, about which something is supposed.
type supposition struct{ function, attribute, text string }

// candidate is a value of a request, and the pattern of all values that rules
// treat like it.
type candidate struct{ value, pattern string }

// isStar reports whether a value has a star in it that is no pattern.
func (c candidate) isStar() bool { return c.value == c.pattern && strings.Contains(c.value, "*") }

// nobody is a text that no rule and no matcher holds.
const nobody = "\x00"

// maxCandidateCost bounds how many rules are looked at to answer one question.
const maxCandidateCost = 1 << 21

// newCandidates reads a matcher and the rules in force. The error is a
// [CannotTellError].
func newCandidates(d *modelDef, o *orgSet, organization string) (*candidates, error) {
	if err := d.asksQuestions(); err != nil {
		return nil, err
	}
	c := &candidates{def: d, set: o, organization: organization, rows: o.ruleRows(d), kind: map[string]*kinds{}}
	for _, f := range []string{"sub", "obj", "act"} {
		c.kind[f] = &kinds{map[string]bool{}, map[string]bool{}}
	}
	if err := c.read(d.matcher); err != nil {
		return nil, err
	}
	return c, nil
}

// addBoundary lets permissions tell requests apart.
func (c *candidates) addBoundary(boundary []string) {
	for _, p := range boundary {
		base, tree, action, ok := splitPermission(p)
		if !ok {
			continue // which permits nothing
		}
		if action != "*" {
			c.kind["act"].texts[action] = true
		}
		if base != "*" {
			c.kind["obj"].texts[base] = true
			if tree {
				c.kind["obj"].beginnings[base+":"] = true
			}
		}
	}
}

// subjects gives the subject of a holder, or for nobody in particular one
// subject of each kind that no rule names.
func (c *candidates) subjects(h Holder) []string {
	if h.Subject != "" {
		return []string{h.Subject}
	}
	subjects := []string{"key:" + nobody}
	if len(c.kind["sub"].beginnings) == 0 {
		return subjects
	}
	subjects = append(subjects, "user:"+nobody, nobody)
	for begin := range c.kind["sub"].beginnings {
		subjects = append(subjects, begin+nobody)
	}
	return subjects
}

// each decides every candidate until more is false.
func (c *candidates) each(ctx context.Context, people int, decide func(object, action candidate, suppose map[supposition]truth) (more bool, err error)) error {
	objects, actions := c.kind["obj"].list(), c.kind["act"].list()
	truths := []truth{yes, no}
	if c.def.rule.index("eft") >= 0 {
		truths = append(truths, unknown)
	}
	cost := len(objects) * len(actions) * people
	if c.set.fallback != nil {
		cost *= len(c.rows)
	}
	for range c.conditions {
		if cost *= len(truths); cost > maxCandidateCost {
			break
		}
	}
	if cost > maxCandidateCost {
		return &CannotTellError{fmt.Sprintf("the rules tell %d objects, %d actions and %d conditions apart, which is too many to try", len(objects), len(actions), len(c.conditions)),
			"write rules on fewer objects, or a model like the starter model, whose patterns are compared without trying"}
	}
	suppose := map[supposition]truth{}
	var all func(i int, object, action candidate) (bool, error)
	all = func(i int, object, action candidate) (bool, error) {
		if i == len(c.conditions) {
			return decide(object, action, suppose)
		}
		for _, t := range truths {
			suppose[c.conditions[i]] = t
			if more, err := all(i+1, object, action); err != nil || !more {
				return more, err
			}
		}
		return true, nil
	}
	for _, object := range objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, action := range actions {
			if more, err := all(0, object, action); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// allows decides one candidate for one subject.
func (c *candidates) allows(h Holder, subject string, object, action candidate, suppose map[supposition]truth) (bool, error) {
	if capped(h.Boundary, object.value, action.value) {
		return false, nil
	}
	q := Question{Organization: h.Organization, Subject: subject, Roles: h.Roles, Object: object.value, Action: action.value}
	f := &facts{roles: h.Roles, suppose: suppose}
	if c.set.fallback == nil {
		allowed, _ := c.set.search(c.def, &q, f)
		return allowed, nil
	}
	values, err := c.set.fallback.values(&q)
	if err != nil {
		return false, err
	}
	reason, err := c.set.fallback.enforce(q.Organization, subject, f, values)
	return reason == ReasonAllowed, err
}

// lacking names something that one of a receiver's subjects may do and one of a
// holder's may not, "" if there is nothing.
func (c *candidates) lacking(ctx context.Context, holder, receiver Holder) (missing string, err error) {
	c.addBoundary(holder.Boundary)
	c.addBoundary(receiver.Boundary)
	receivers, holders := c.subjects(receiver), c.subjects(holder)
	err = c.each(ctx, len(receivers)+len(holders), func(object, action candidate, suppose map[supposition]truth) (bool, error) {
		given := false
		for _, subject := range receivers {
			allowed, err := c.allows(receiver, subject, object, action, suppose)
			if err != nil {
				return false, err
			}
			given = given || allowed
		}
		if !given {
			return true, nil
		}
		for _, subject := range holders {
			allowed, err := c.allows(holder, subject, object, action, suppose)
			if err != nil {
				return false, err
			}
			if !allowed {
				missing = right{object: object.pattern, action: action.pattern}.String()
				return false, nil
			}
		}
		return true, nil
	})
	return missing, err
}

// permissions lists what someone may do, each kind of request that another
// permission covers left out.
func (c *candidates) permissions(ctx context.Context, who Holder) ([]string, error) {
	subjects := c.subjects(who)
	permissions := []string{}
	err := c.each(ctx, len(subjects), func(object, action candidate, suppose map[supposition]truth) (bool, error) {
		given := right{object: object.pattern, action: action.pattern}
		if bounded(given, permissions) || strings.Contains(strings.TrimSuffix(action.pattern, ":*"), ":") {
			return true, nil
		}
		for _, subject := range subjects {
			allowed, err := c.allows(who, subject, object, action, suppose)
			if err != nil {
				return false, err
			}
			if !allowed {
				continue
			}
			p := formatPermission(given.object, given.action)
			if !ValidPermission(p) || object.isStar() || action.isStar() {
				return false, &CannotTellError{fmt.Sprintf("that the action %q may be done to %q cannot be written as a permission", given.action, given.object),
					"ask Decide or WhoCan about single requests, or write objects with colons, as in transaction:42"}
			}
			permissions = append(permissions, p)
			return true, nil
		}
		return true, nil
	})
	slices.Sort(permissions)
	return permissions, err
}
