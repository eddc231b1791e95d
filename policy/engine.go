package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what an [Engine] decides by.
type Config struct {
	// Model is required: [DefaultModel], or one read with [ParseModel].
	Model Model
	// Rules are required, if only an empty set read from an empty file. Those
	// of [DefaultRules] define the built-in roles.
	Rules Rules
	// Standing says whether a subject may act at all, whatever the rules say.
	// Nil if the caller of Decide has made sure.
	Standing StandingFunc
	// Creator says under whom a subject stands, and caps it by what the creator
	// may do at the moment. If nil, only the boundary of a question caps.
	Creator CreatorFunc
	// Now is the clock for conditions on time; nil means time.Now.
	Now func() time.Time
	// Log receives decisions; nil keeps none. See [DecisionLog].
	Log *DecisionLog
	// InsecureAnySubject lets subjects be called anything, as in Casbin's own
	// examples. The host takes over that no subject from outside ever has the
	// name of a role.
	InsecureAnySubject bool
}

// Standing is whether a subject may act at all. It is no rule that an author
// could edit.
type Standing string

// Standings of a subject. Each but [Active] is the reason of the decision.
const (
	Active           Standing = ""
	Suspended        Standing = ReasonSuspended
	Revoked          Standing = ReasonRevoked
	Expired          Standing = ReasonExpired
	Unknown          Standing = ReasonUnknownKey
	WrongEnvironment Standing = ReasonWrongEnvironment
)

// StandingFunc tells the standing of a subject in an organization. It is asked
// at every decision, so that it should answer from memory. An error denies.
type StandingFunc func(ctx context.Context, organization, subject string) (Standing, error)

// Engine decides. It is safe for concurrent use; decisions are served from one
// immutable snapshot while changes prepare the next. The zero Engine denies
// everything.
type Engine struct {
	current atomic.Pointer[snapshot]
	lease   atomic.Pointer[lease]
	changes sync.Mutex // serializes changes, never decisions

	standing   StandingFunc
	creator    CreatorFunc
	now        func() time.Time
	log        *DecisionLog
	anySubject bool
	followed   bool // rules come from a store
}

// ErrFollowed: the rules of the engine come from a store, through [Live].
var ErrFollowed = errors.New("policy: the engine follows a store; change the rules there")

// ErrUnknownRole is in the chain of an [UnknownRoleError].
var ErrUnknownRole = errors.New("policy: unknown role")

// UnknownRoleError names a role that no rule of the organization knows.
type UnknownRoleError struct{ Role string }

func (e *UnknownRoleError) Error() string { return fmt.Sprintf("policy: unknown role %q", e.Role) }

// Unwrap gives [ErrUnknownRole].
func (e *UnknownRoleError) Unwrap() error { return ErrUnknownRole }

// Refusal says how the error is told to a client of an administrative API.
func (e *UnknownRoleError) Refusal() (status int, code string) { return 422, "unknown_role" }

// CannotTellError is the answer to a question about everything that roles give,
// where the model or the number of its rules does not allow an answer that is
// certain. Nothing is guessed: ask about single requests, or do as Fix says.
type CannotTellError struct{ Why, Fix string }

func (e *CannotTellError) Error() string {
	return "policy: what roles give cannot be told: " + e.Why + "; " + e.Fix
}

// Refusal says how the error is told to a client of an administrative API.
func (e *CannotTellError) Refusal() (status int, code string) { return 501, "policy_cannot_tell" }

// ErrNoPolicy is the answer of an engine that was never configured.
var ErrNoPolicy = errors.New("policy: the engine has no policy")

// ConfigError names a field of a [Config] that is missing or wrong.
type ConfigError struct{ Field, Problem string }

func (e *ConfigError) Error() string {
	return fmt.Sprintf("policy: Config.%s: %s", e.Field, e.Problem)
}

// New compiles a model and its rules. The error is a [*ConfigError] or an
// [*InvalidError] with every finding.
func New(c Config) (*Engine, error) {
	if c.Model.IsZero() {
		return nil, &ConfigError{"Model", "is required; DefaultModel() is one"}
	}
	if c.Rules.IsZero() {
		return nil, &ConfigError{"Rules", "are required; DefaultRules() define the built-in roles"}
	}
	s, err := compile(c.Model.def, c.Rules, map[string]uint64{everyOrganization: 1})
	if err != nil {
		return nil, err
	}
	e := &Engine{standing: c.Standing, creator: c.Creator, now: c.Now, log: c.Log, anySubject: c.InsecureAnySubject}
	if e.now == nil {
		e.now = time.Now
	}
	e.current.Store(s)
	return e, nil
}

// Default is an engine with [DefaultModel] and [DefaultRules]: the built-in
// roles, in every organization.
func Default() (*Engine, error) {
	return New(Config{Model: DefaultModel(), Rules: DefaultRules()})
}

// Model is the model the engine decides by.
func (e *Engine) Model() Model {
	s := e.current.Load()
	if s == nil {
		return Model{}
	}
	return Model{s.def}
}

// Replace compiles all rules anew and puts them in force at once, or changes
// nothing and says why. Decisions go on meanwhile.
func (e *Engine) Replace(rules Rules) error {
	if rules.IsZero() {
		return &ConfigError{"Rules", "are required"}
	}
	if e.followed {
		return ErrFollowed
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s := e.current.Load()
	if s == nil {
		return ErrNoPolicy
	}
	return e.replace(Model{s.def}, rules)
}

// replace swaps model and rules, with every revision raised.
func (e *Engine) replace(m Model, rules Rules) error {
	old := e.current.Load()
	// The common revision counts for every organization, also for those that
	// lose rules of their own, so raise it above all that was.
	highest := old.common.revision()
	for _, shard := range old.shards {
		for _, set := range shard {
			highest = max(highest, set.revision())
		}
	}
	s, err := compile(m.def, rules, map[string]uint64{everyOrganization: highest + 1})
	if err != nil {
		return err
	}
	e.current.Store(s)
	return nil
}
