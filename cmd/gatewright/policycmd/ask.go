package policycmd

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/gatewright/gatewright/policy"
)

// word is the answer in a word.
func word(allowed bool) string {
	if allowed {
		return "allow"
	}
	return "deny"
}

func (c *call) decision(d policy.Decision) {
	if c.format == "json" {
		answer := map[string]any{"decision": word(d.Allowed), "reason": d.Reason, "revision": d.Revision}
		if d.Reason == policy.ReasonInvalidQuestion {
			answer["hint"] = malformedHint
		}
		c.json(answer)
		return
	}
	c.printf("%s (%s)\n", word(d.Allowed), d.Reason)
	c.malformed(d)
}

// malformedHint says what may be wrong with a question.
const malformedHint = "the question is malformed: write the subject as user:ID or key:ID and name the organization; say what role it has by --role NAME"

// malformed says beside the answer that the question is no question.
func (c *call) malformed(d policy.Decision) {
	if d.Reason == policy.ReasonInvalidQuestion {
		fmt.Fprintln(c.io.Err, malformedHint)
	}
}

// asking reads the flags that every question has, and those that more adds, and
// gives the policy, the question so far and the other arguments.
func (c *call) asking(more func(*flag.FlagSet, *asker)) (*policy.Engine, policy.Question, []string, error) {
	f := c.flags()
	var s source
	var a asker
	s.register(f)
	a.circumstances(f)
	more(f, &a)
	args, err := c.parse(f)
	if err != nil {
		return nil, policy.Question{}, nil, err
	}
	q, err := a.question()
	if err != nil {
		return nil, q, nil, err
	}
	e, err := s.engine()
	return e, q, args, err
}

// askingPermission is asking for one permission.
func (c *call) askingPermission(more func(*flag.FlagSet, *asker)) (*policy.Engine, policy.Question, error) {
	e, q, args, err := c.asking(func(f *flag.FlagSet, a *asker) {
		f.StringVar(&a.organization, "org", "", "organization")
		more(f, a)
	})
	switch {
	case err != nil:
	case len(args) != 1:
		err = usagef("name one permission, as in transaction:read")
	default:
		if q.Object, q.Action, err = permission(args[0]); err == nil && q.Organization == "" && e.Model().Organizations() {
			err = usagef("the model has organizations: name one with --org")
		}
	}
	return e, q, err
}

func runCheck(c *call) error {
	e, q, args, err := c.asking(func(f *flag.FlagSet, a *asker) { a.person(f) })
	if err != nil {
		return err
	}
	d, err := e.Check(c.ctx, q, args...)
	if wrong := (*policy.ValuesError)(nil); errors.As(err, &wrong) {
		return asUsage(err)
	}
	if err != nil {
		return err
	}
	c.decision(d)
	return nil
}

func runExplain(c *call) error {
	e, q, args, err := c.asking(func(f *flag.FlagSet, a *asker) { a.person(f) })
	if err != nil {
		return err
	}
	if q, err = e.Model().QuestionOf(q, args...); err != nil {
		return asUsage(err)
	}
	x, err := e.Explain(c.ctx, q)
	if err != nil {
		return err
	}
	c.explanation(x)
	return nil
}

func (c *call) explanation(x policy.Explanation) {
	if c.format == "json" {
		c.json(x)
		return
	}
	c.printf("%s (%s)\n", word(x.Decision.Allowed), x.Decision.Reason)
	c.malformed(x.Decision)
	for _, r := range x.Rules {
		c.printf("  matches: %s\n", r)
	}
	for _, n := range x.Nearest {
		c.printf("  hint: %s\n", n)
	}
	if x.Decision.Allowed {
		return
	}
	for _, m := range x.Candidates {
		c.printf("  nearly: %s\n          fails: %s\n", m.MatchedRule, strings.Join(m.Failing, "; "))
	}
}

func runCan(c *call) error {
	e, q, err := c.askingPermission(func(f *flag.FlagSet, a *asker) {
		f.StringVar(&a.subject, "subject", "key:someone", "who asks")
		a.person(f)
	})
	if err != nil {
		return err
	}
	d, err := e.Decide(c.ctx, q)
	if err != nil {
		return err
	}
	c.decision(d)
	return nil
}

func runWhoCan(c *call) error {
	e, q, err := c.askingPermission(func(*flag.FlagSet, *asker) {})
	if err != nil {
		return err
	}
	h, err := e.WhoCan(c.ctx, q)
	if err != nil {
		return err
	}
	if c.format == "json" {
		c.json(h)
		return nil
	}
	for _, r := range h.Roles {
		c.printf("role:%s\n", r)
	}
	for _, s := range h.Subjects {
		c.printf("%s\n", s)
	}
	if len(h.Roles)+len(h.Subjects) == 0 {
		c.printf("nobody\n")
	}
	return nil
}

func runSimulate(c *call) error {
	f := c.flags()
	replay := f.String("replay", "", "decision log")
	dir, err := c.directory(f)
	if err != nil {
		return err
	}
	if *replay == "" {
		return usagef("--replay is required")
	}
	e, err := compile(filesIn(dir))
	if err != nil {
		return err
	}
	log, err := os.Open(*replay)
	if err != nil {
		return err
	}
	defer log.Close()
	impact, err := e.Replay(c.ctx, log)
	if err != nil {
		return err
	}
	if c.format == "json" {
		c.json(impact)
		return nil
	}
	c.impact(impact)
	return nil
}

// impact tells what a policy would change.
func (c *call) impact(impact policy.Impact) {
	for _, d := range impact.Changed {
		r := d.Record
		who := r.Subject
		if len(r.Roles) > 0 {
			who += " (" + strings.Join(r.Roles, ", ") + ")"
		}
		c.printf("%s: %s %s in %s: %s (%s) becomes %s (%s), %d times\n", who, r.Action, r.Object, r.Organization,
			word(r.Allowed), r.Reason, word(d.Now.Allowed), d.Now.Reason, d.Count)
	}
	c.printf("%d decisions replayed, %d would change, %d skipped\n", impact.Replayed, impact.Changes, impact.Skipped)
	if impact.Masked {
		c.printf("the log hides ids: rules that name single ids were not met\n")
	}
}
