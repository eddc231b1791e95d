package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// SyncConfig says how an engine follows its store. The zero value works.
type SyncConfig struct {
	// Poll is how often the store is asked for news; 0 means 200 ms.
	Poll time.Duration
	// Lease is how long the rules may be relied on after the start of the last
	// answer of the store; 0 means 900 ms. Past it every decision denies as
	// stale. It is more than Poll.
	Lease time.Duration
	// Reload is within which time every set is read anew, a few at each poll,
	// for a store that lost changes may give their revisions to others; 0 means
	// a minute.
	Reload time.Duration
	// Timeout bounds each question to the store; 0 means half of Lease.
	Timeout time.Duration
	// OnError is told what goes wrong while following: the store does not
	// answer, or holds rules that do not compile. It must not block.
	OnError func(error)
}

// Live is an engine kept in step with a store, and the way to change its rules.
// It is safe for concurrent use.
type Live struct {
	engine *Engine
	store  Store
	config SyncConfig
	static map[string][]row // rules that are part of the program
	cursor uint64
	wake   chan struct{}
	mu     sync.Mutex // one synchronization at a time
	verify rounds
}

// Open loads the rules of a store on top of those of a configuration, which are
// part of the program and are not stored, and gives an engine that follows the
// store while [Live.Run] runs.
func Open(ctx context.Context, c Config, store Store, sync SyncConfig) (*Live, error) {
	if store == nil {
		return nil, &ConfigError{"Store", "is required"}
	}
	sync.fill()
	if sync.Poll <= 0 || sync.Lease <= sync.Poll || sync.Timeout <= 0 {
		return nil, &ConfigError{"Sync", "needs 0 < Poll < Lease and a Timeout above 0"}
	}
	engine, err := New(c)
	if err != nil {
		return nil, err
	}
	l := &Live{engine: engine, store: store, config: sync, wake: make(chan struct{}, 1), static: partition(c.Model.def, c.Rules.rows)}
	engine.followed = true
	// Nothing is decided before the first load; and as that may take longer
	// than the lease, what happened meanwhile is asked for right after.
	engine.renew(time.Time{}, 0, time.Now)
	if err := l.first(ctx); err != nil {
		return nil, err
	}
	return l, l.Sync(ctx)
}

func (s *SyncConfig) fill() {
	if s.Poll == 0 {
		s.Poll = 200 * time.Millisecond
	}
	if s.Lease == 0 {
		s.Lease = 900 * time.Millisecond
	}
	if s.Reload == 0 {
		s.Reload = time.Minute
	}
	if s.Timeout == 0 {
		s.Timeout = s.Lease / 2
	}
	if s.OnError == nil {
		s.OnError = func(error) {}
	}
}

// Engine decides by the rules now in force.
func (l *Live) Engine() *Engine { return l.engine }

// Run follows the store until the context ends. Without it the lease runs out
// and every decision denies.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(l.config.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-l.wake:
		}
		if err := l.Sync(ctx); err != nil && ctx.Err() == nil {
			l.config.OnError(err)
		}
	}
}

// Hint asks for news now: a notification came that something changed. It only
// shortens the wait; the store's revisions are the truth.
func (l *Live) Hint() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Sync asks the store for news once and puts what changed in force. Rules that
// do not compile leave the ones before in force until the lease runs out.
func (l *Live) Sync(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := time.Now()
	cursor, back := l.cursor, false
	for more := true; more; {
		news, err := l.news(ctx, cursor)
		if err != nil {
			return err
		}
		if !back && news.Head < l.cursor {
			// The store went back in time: compare everything with it.
			back, cursor = true, 0
			continue
		}
		for _, c := range news.Changed {
			if err := l.load(ctx, c.Organization, c.Revision, back, start); err != nil {
				// Ask for the same again, and let the lease run out.
				return err
			}
		}
		cursor, more = news.Next, news.More
	}
	l.cursor = cursor
	if err := l.verifySome(ctx, start); err != nil {
		return err
	}
	l.engine.renew(start, l.config.Lease, time.Now)
	return nil
}

func (l *Live) news(ctx context.Context, cursor uint64) (News, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	news, err := l.store.RuleNews(ctx, cursor)
	if err != nil {
		return news, fmt.Errorf("policy: asking the store for news: %w", err)
	}
	return news, nil
}

func (l *Live) read(ctx context.Context, organization string) (RuleSet, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	set, err := l.store.LoadRules(ctx, organization)
	if err != nil {
		return set, fmt.Errorf("policy: loading rules: %w", err)
	}
	set.Organization = organization
	return set, nil
}

// first loads everything. The cursor is read before the rules, so that a change
// which falls between is told again.
func (l *Live) first(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	news, err := l.news(ctx, 0)
	if err != nil {
		return err
	}
	if err := l.loadAll(ctx, time.Now()); err != nil {
		return err
	}
	l.cursor = news.Head
	return nil
}

// loadAll loads every set and swaps the whole.
func (l *Live) loadAll(ctx context.Context, start time.Time) error {
	sets, err := l.readAll(ctx)
	if err != nil {
		return err
	}
	l.engine.changes.Lock()
	defer l.engine.changes.Unlock()
	next, broken, err := l.assemble(l.engine.current.Load(), sets, start)
	if err != nil {
		return err
	}
	l.engine.current.Store(next)
	for _, b := range broken {
		l.config.OnError(b)
	}
	return nil
}

// readAll reads every set, that for every organization in any case.
func (l *Live) readAll(ctx context.Context) (map[string]RuleSet, error) {
	sets := map[string]RuleSet{everyOrganization: {Organization: everyOrganization}}
	if store, ok := l.store.(AllRules); ok {
		all, err := store.LoadAllRules(ctx)
		if err != nil {
			return nil, fmt.Errorf("policy: loading rules: %w", err)
		}
		for _, set := range all {
			sets[set.Organization] = set
		}
		return sets, nil
	}
	names, err := l.store.RuleSets(ctx)
	if err != nil {
		return nil, fmt.Errorf("policy: listing rule sets: %w", err)
	}
	for _, name := range append(names, everyOrganization) {
		if sets[name], err = l.read(ctx, name); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// stored gives the rows in force that are not part of the program.
func (l *Live) stored(d *modelDef, org string, set *orgSet) [][]string {
	static := map[string]int{}
	for _, r := range l.static[org] {
		static[rowKey(r.fields)]++
	}
	var rows [][]string
	for _, r := range set.ownRows(d) {
		if key := rowKey(r.fields); static[key] > 0 {
			static[key]--
			continue
		}
		rows = append(rows, r.fields)
	}
	return rows
}

// assemble compiles loaded sets. A set of one organization that does not compile
// keeps the rules it had, for as long as the lease.
func (l *Live) assemble(old *snapshot, sets map[string]RuleSet, start time.Time) (*snapshot, []error, error) {
	d := old.def
	rows, err := l.rows(d, sets[everyOrganization])
	if err != nil {
		return nil, nil, err
	}
	common, err := compileSet(d, nil, everyOrganization, rows, 1+sets[everyOrganization].Revision)
	if err != nil {
		return nil, nil, err
	}
	next := &snapshot{def: d, seed: old.seed, common: common}
	for org := range l.static {
		if _, ok := sets[org]; !ok {
			sets[org] = RuleSet{Organization: org}
		}
	}
	var broken []error
	for org, set := range sets {
		if org == everyOrganization {
			continue
		}
		rows, err := l.rows(d, set)
		var compiled *orgSet
		if err == nil {
			compiled, err = compileSet(d, common, org, rows, set.Revision)
		}
		if err != nil {
			broken = append(broken, &SetError{org, err})
			if compiled, err = old.keep(common, org, start.Add(l.config.Lease)); err != nil {
				return nil, nil, err
			}
		}
		next.put(compiled)
	}
	return next, broken, nil
}

// SetError says that the stored rules of one organization do not compile. Its
// former rules stay in force until the lease runs out; then its questions are
// denied as stale, and no other organization's.
type SetError struct {
	Organization string
	Err          error
}

func (e *SetError) Error() string {
	return fmt.Sprintf("policy: stored rules of organization %q: %v", e.Organization, e.Err)
}

// Unwrap gives the cause.
func (e *SetError) Unwrap() error { return e.Err }

// rows joins the rules of the program with stored ones, and checks that the
// latter are about the organization they are stored for.
func (l *Live) rows(d *modelDef, set RuleSet) ([]row, error) {
	rules := RulesOf(set.Rows...)
	if err := checkSet(d, set.Organization, rules); err != nil {
		return nil, err
	}
	return append(slices.Clone(l.static[set.Organization]), rules.rows...), nil
}

// checkSet validates rows that are kept for one organization.
func checkSet(d *modelDef, organization string, rules Rules) error {
	found := validateRules(d, rules)
	if found.errors() == nil {
		for org, rows := range partition(d, rules.rows) {
			if org != organization && len(rows) > 0 {
				found.add(rows[0].finding(Error, "wrong-organization", 0, fmt.Sprintf("the rule is for %q and kept for %q", org, organization), "change it where it belongs"))
			}
		}
	}
	return found.errors()
}

// load loads one set, unless it is in force already. After the store went back
// in time, whatever it has is put in force, an older revision too.
func (l *Live) load(ctx context.Context, organization string, revision uint64, back bool, start time.Time) error {
	if !back && l.engine.inForce(RuleRevision{organization, revision}) {
		return nil
	}
	// What this instance applies while the set is being read stays.
	have := l.engine.current.Load().revisionOf(organization)
	set, err := l.read(ctx, organization)
	if err != nil {
		return err
	}
	over := set.Revision
	if back {
		over = max(over, have)
	}
	err = l.enforce(set, over)
	if err == nil || organization == everyOrganization {
		return err
	}
	l.engine.changes.Lock()
	defer l.engine.changes.Unlock()
	s := l.engine.current.Load()
	kept, keepErr := s.keep(s.common, organization, start.Add(l.config.Lease))
	if keepErr != nil {
		return keepErr
	}
	l.engine.current.Store(s.withSet(kept))
	l.config.OnError(&SetError{organization, err})
	return nil
}

// enforce compiles a set and puts it in force, unless one is that is newer than
// the given revision.
func (l *Live) enforce(set RuleSet, over uint64) error {
	e := l.engine
	e.changes.Lock()
	defer e.changes.Unlock()
	s := e.current.Load()
	if s.revisionOf(set.Organization) > over {
		return nil
	}
	next, err := l.prepare(s, set, l.config.OnError)
	if err != nil {
		return err
	}
	e.current.Store(next)
	return nil
}

// prepare compiles a snapshot with another set. With tolerate, organizations that
// do not go with new rules for every one are denied, instead of refusing these.
func (l *Live) prepare(s *snapshot, set RuleSet, tolerate func(error)) (*snapshot, error) {
	rows, err := l.rows(s.def, set)
	if err != nil {
		return nil, err
	}
	if set.Organization != everyOrganization {
		compiled, err := compileSet(s.def, s.common, set.Organization, rows, set.Revision)
		if err != nil {
			return nil, err
		}
		return s.withSet(compiled), nil
	}
	common, err := compileSet(s.def, nil, everyOrganization, rows, 1+set.Revision)
	if err != nil {
		return nil, err
	}
	return s.over(common, tolerate)
}
