package policycmd

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/policy"
)

func runApply(c *call) error {
	f := c.flags()
	dry := f.Bool("dry-run", false, "check and test only")
	revision := f.Int64("revision", -1, "refuse unless the rules have this revision")
	actor := f.String("actor", "", "who makes the change")
	noTest := f.Bool("no-test", false, "do not run the test suites of the directory")
	store := storeFlag(f)
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return usagef("name a directory and a file of changes (- for standard input)")
	}
	at, err := c.open(args[0], *store)
	if err != nil {
		return err
	}
	defer at.close()
	changes, err := c.readChanges(at.model, args[1])
	if err != nil {
		return err
	}
	organization, err := changes.organization(at.model, args[1])
	if err != nil {
		return err
	}
	now, err := at.live.Rules(c.ctx, organization)
	if err != nil {
		return err
	}
	change := policy.Change{Organization: organization, Revision: now.Revision, Add: changes.add.Rows(), Remove: changes.remove.Rows(), Actor: *actor, At: time.Now().UTC()}
	if *revision < 0 || uint64(*revision) == now.Revision {
		if err := changes.fits(now.Rows, args[1]); err != nil {
			return err
		}
	}
	if *revision >= 0 {
		change.Revision = uint64(*revision)
	}
	return c.apply(at, args[0], change, *dry, *noTest)
}

// apply checks and tests a change, and stores it unless it is a dry run.
func (c *call) apply(at *place, dir string, change policy.Change, dry, noTest bool) error {
	p, err := at.live.Prepare(c.ctx, change)
	if err != nil {
		return err
	}
	if !noTest {
		if err := c.testChange(at, dir, change); err != nil {
			return err
		}
	}
	revision := change.Revision
	if !dry {
		if revision, err = p.Store(c.ctx); err != nil {
			return err
		}
	}
	if c.format == "json" {
		c.json(map[string]any{"organization": change.Organization, "revision": revision, "applied": !dry, "change": p.Difference()})
		return nil
	}
	c.printf("%s", p.Difference())
	if dry {
		c.printf("nothing applied; the rules of %q stay at revision %d\n", change.Organization, revision)
		return nil
	}
	c.printf("applied; the rules of %q are at revision %d\n", change.Organization, revision)
	return nil
}

func runHistory(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "one organization; all if not given")
	limit := f.Int("limit", 50, "how many changes")
	store := storeFlag(f)
	dir, err := c.directory(f)
	if err != nil {
		return err
	}
	at, err := c.open(dir, *store)
	if err != nil {
		return err
	}
	defer at.close()
	organizations := []string{*organization}
	if *organization == "" {
		if organizations, err = at.sets(c.ctx); err != nil {
			return err
		}
	}
	all := []policy.Change{}
	for _, org := range organizations {
		changes, err := at.live.History(c.ctx, org, 0, *limit)
		if err != nil {
			return err
		}
		all = append(all, changes...)
	}
	slices.SortStableFunc(all, func(a, b policy.Change) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Organization, b.Organization), cmp.Compare(b.Revision, a.Revision))
	})
	if c.format == "json" {
		c.json(map[string]any{"changes": all})
		return nil
	}
	for _, change := range all {
		c.printf("%s revision %d, %s, by %s\n", change.Organization, change.Revision, change.At.Format(time.RFC3339), cmp.Or(change.Actor, "nobody named"))
		c.printf("%s", policy.Difference{Added: change.Add, Removed: change.Remove})
	}
	return nil
}

func runRollback(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "organization, or * for the rules of every one")
	to := f.Int64("to", -1, "revision to go back to")
	dry := f.Bool("dry-run", false, "check and test only")
	actor := f.String("actor", "", "who makes the change")
	noTest := f.Bool("no-test", false, "do not run the test suites of the directory")
	store := storeFlag(f)
	dir, err := c.directory(f)
	if err != nil {
		return err
	}
	if *organization == "" || *to < 0 {
		return usagef("--org and --to are required")
	}
	at, err := c.open(dir, *store)
	if err != nil {
		return err
	}
	defer at.close()
	change, err := at.live.RollbackTo(c.ctx, *organization, uint64(*to))
	if err != nil {
		return err
	}
	change.Actor, change.At = *actor, time.Now().UTC()
	return c.apply(at, dir, change, *dry, *noTest)
}

func runDiff(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "organization, or * for the rules of every one")
	from := f.Int64("from", -1, "revision")
	to := f.Int64("to", -1, "revision")
	store := storeFlag(f)
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	var d policy.Difference
	switch {
	case *organization != "" && *from >= 0 && *to >= 0 && len(args) == 1:
		at, err := c.open(args[0], *store)
		if err != nil {
			return err
		}
		defer at.close()
		if d, err = at.live.Diff(c.ctx, *organization, uint64(*from), uint64(*to)); err != nil {
			return err
		}
	case *organization == "" && *from < 0 && *to < 0 && len(args) == 2:
		old, err := readRules(args[0])
		if err != nil {
			return err
		}
		next, err := readRules(args[1])
		if err != nil {
			return err
		}
		d = policy.Diff(old, next)
	default:
		return usagef("name two directories or files; or --org, --from, --to and a directory")
	}
	if c.format == "json" {
		c.json(d)
		return nil
	}
	c.printf("%s", d)
	if d.IsEmpty() {
		c.printf("no difference\n")
	}
	return nil
}

// readRules reads the rules of a directory, or of one file.
func readRules(name string) (policy.Rules, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "policy.csv")
	}
	return policy.ReadRules(disk{}, name)
}
