package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/policy"
	gormmysql "gorm.io/driver/mysql"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// instanceVariable makes the test program a second instance that follows rules
// in the database it names.
const instanceVariable = "GATEWRIGHT_INTEROP_RULES"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(instanceVariable); dsn != "" {
		if err := followRules(dsn); err != nil {
			fmt.Fprintln(os.Stderr, "second instance:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// opensTill is what instances are asked again and again, once for each of two
// organizations.
var opensTill = policy.Question{Organization: "acme", Subject: "key:1", Roles: []string{"teller"}, Object: "till:1", Action: "open"}

// answer is what an instance says to a question, and when.
type answer struct {
	Organization string
	Allowed      bool
	Reason       string
	Revision     uint64
	Status       int // how the error is told to a client, 0 if there is none
	At           time.Time
}

// ask asks an engine and tells an error by its status.
func ask(e *policy.Engine, organization string) answer {
	q := opensTill
	q.Organization = organization
	d, err := e.Decide(context.Background(), q)
	a := answer{Organization: organization, Allowed: d.Allowed, Reason: d.Reason, Revision: d.Revision, At: time.Now()}
	var refusal interface{ Refusal() (int, string) }
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		a.Status, _ = refusal.Refusal()
	default:
		a.Status = 500
	}
	return a
}

// applied is the answer of an instance to a change.
type applied struct {
	Revision uint64
	Problem  string // "", "conflict", "invalid" or the error
	Then     answer // what it says right after
	At       time.Time
}

func apply(l *policy.Live, c policy.Change) applied {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var a applied
	var err error
	a.Revision, err = l.Apply(ctx, c)
	a.At = time.Now()
	var invalid *policy.InvalidError
	switch {
	case err == nil:
	case errors.Is(err, policy.ErrConflict):
		a.Problem = "conflict"
	case errors.As(err, &invalid):
		a.Problem = "invalid"
	default:
		a.Problem = err.Error()
	}
	a.Then = ask(l.Engine(), c.Organization)
	return a
}

// said is a line of the second instance: an answer that differs from the one
// before, or the outcome of a change that it was told to apply.
type said struct {
	Answer  *answer  `json:",omitempty"`
	Applied *applied `json:",omitempty"`
}

// openRules follows the rules in a database, with the bounds that everybody has
// who sets none.
func openRules(ctx context.Context, db *gorm.DB) (*policy.Live, *gormstore.Store, error) {
	store, err := gormstore.New(ctx, db, gormstore.Options{Migrate: true})
	if err != nil {
		return nil, nil, err
	}
	l, err := policy.Open(ctx, policy.Config{Model: policy.DefaultModel(), Rules: policy.RulesOf()}, policystore.New(store), policy.SyncConfig{})
	return l, store, err
}

// followRules is the second instance: it writes a line whenever an answer
// changes, and applies the changes it reads, until its input ends.
func followRules(dsn string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dialector := gormmysql.Open(dsn)
	if strings.HasPrefix(dsn, "postgres") {
		dialector = gormpostgres.Open(dsn)
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	l, _, err := openRules(ctx, db)
	if err != nil {
		return err
	}
	go func() { _ = l.Run(ctx) }()
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	say := func(s said) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(s)
	}
	go func() {
		last := map[string]answer{}
		for ctx.Err() == nil {
			for _, organization := range []string{"acme", "globex"} {
				a := ask(l.Engine(), organization)
				if b := last[organization]; a.Reason != b.Reason || a.Allowed != b.Allowed || a.Status != b.Status {
					last[organization] = a
					say(said{Answer: &a})
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var c policy.Change
		if in.Decode(&c) != nil {
			return nil
		}
		a := apply(l, c)
		say(said{Applied: &a})
	}
}

// instance is the second instance, seen from the first.
type instance struct {
	t       *testing.T
	in      *json.Encoder
	answers map[string]chan answer
	applied chan applied
}

// secondInstance starts a process that follows the rules in a database.
func secondInstance(t *testing.T, dsn string) *instance {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), instanceVariable+"="+dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	i := &instance{t: t, in: json.NewEncoder(in), answers: map[string]chan answer{"acme": make(chan answer, 1000), "globex": make(chan answer, 1000)}, applied: make(chan applied, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := json.NewDecoder(out); ; {
			var s said
			if lines.Decode(&s) != nil {
				return
			}
			if s.Answer != nil {
				i.answers[s.Answer.Organization] <- *s.Answer
			}
			if s.Applied != nil {
				i.applied <- *s.Applied
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-done
		_ = cmd.Wait()
	})
	return i
}

// next is the next answer of an organization that differs from the one before.
func (i *instance) next(when, organization string) answer {
	i.t.Helper()
	select {
	case a := <-i.answers[organization]:
		return a
	case <-after(15_000):
		i.t.Fatalf("%s: the second instance says nothing new", when)
		return answer{}
	}
}

// quiet fails if any answer of an organization has changed.
func (i *instance) quiet(when, organization string) {
	i.t.Helper()
	select {
	case a := <-i.answers[organization]:
		i.t.Errorf("%s: the second instance now says %+v", when, a)
	default:
	}
}

// tell has the second instance apply a change.
func (i *instance) tell(c policy.Change) { must(i.t, i.in.Encode(c)) }

func (i *instance) outcome() applied {
	i.t.Helper()
	select {
	case a := <-i.applied:
		return a
	case <-after(15_000):
		i.t.Fatal("the second instance does not answer a change")
		return applied{}
	}
}

// after is a time in milliseconds from now.
func after(ms int) <-chan time.Time { return time.After(time.Duration(ms) * time.Millisecond) }
