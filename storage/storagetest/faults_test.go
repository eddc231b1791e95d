package storagetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"github.com/gatewright/gatewright/storage/storagetest"
)

// fault is a store with one thing wrong, and the group of tests that must find it.
type fault struct {
	group string
	open  func() storage.Store
}

var faults = map[string]fault{
	"decides a redemption before it writes": {"Race", func() storage.Store { return &hasty{Store: memory.New()} }},
	"redeems what was dropped":              {"Race", func() storage.Store { return &stubborn{Store: memory.New()} }},
	"drops only codes":                      {"Pending", func() storage.Store { return &keeping{Store: memory.New()} }},
	"has no quorum":                         {"Quorum", func() storage.Store { return &noQuorum{Store: memory.New()} }},
	"counts admins of all environments":     {"Quorum", func() storage.Store { return &oneEnvironment{Store: memory.New()} }},
	"checks a quorum before it writes":      {"RaceRecords", func() storage.Store { return &hastyQuorum{Store: memory.New()} }},
	"updates any version":                   {"Clients", func() storage.Store { return &anyVersion{Store: memory.New()} }},
	"loses events":                          {"Clients", func() storage.Store { return &noEvents{Store: memory.New()} }},
	"folds the case of ids":                 {"Hostile", func() storage.Store { return &folding{Store: memory.New(), fold: strings.ToLower} }},
	"pads ids with spaces":                  {"Hostile", func() storage.Store { return &folding{Store: memory.New(), fold: trimRight} }},
	"reads local times":                     {"Grants", func() storage.Store { return &localTimes{Store: memory.New()} }},
	"does not copy":                         {"Redeem", func() storage.Store { return &sharing{Store: memory.New(), kept: map[string]storage.Artifact{}} }},
	"does not undo":                         {"Transact", func() storage.Store { return &noUndo{Store: memory.New()} }},
	"moves the cursor to the head":          {"Follow", func() storage.Store { return &leaping{Store: memory.New()} }},
	"numbers changes as they are committed": {"Changes", func() storage.Store { return &numbering{Store: memory.New()} }},
	"ignores the end of a context":          {"Basics", func() storage.Store { return &tireless{Store: memory.New()} }},
	"forgives reuse":                        {"Rotate", func() storage.Store { return &forgiving{Store: memory.New()} }},
	"has endless grace":                     {"Rotate", func() storage.Store { return &graceful{Store: memory.New()} }},
}

func trimRight(s string) string { return strings.TrimRight(s, " ") }

// faultVariable tells a child process which faulty store to test.
const faultVariable = "GATEWRIGHT_STORAGETEST_FAULT"

// TestFindsFaults runs the suite over each faulty store, in a process of its own,
// and requires that it fails.
func TestFindsFaults(t *testing.T) {
	t.Parallel()
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, passed := faulty(t, "^TestFaulty$/^"+f.group+"$", name); passed {
				t.Errorf("the tests of %s find nothing wrong with a store that %s\n%s", f.group, name, out)
			}
		})
	}
}

// faulty runs tests in a child process that knows the fault.
func faulty(t *testing.T, run, name string) (string, bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+run, "-test.count=1", "-test.timeout=2m")
	child.Env = append(os.Environ(), faultVariable+"="+name)
	out, err := child.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "--- FAIL: ") {
		t.Fatalf("the child did not run its tests: %v\n%s", err, out)
	}
	return string(out), err == nil
}

func TestFaulty(t *testing.T) {
	f, ok := faults[os.Getenv(faultVariable)]
	if !ok {
		t.Skip("only for the children of TestFindsFaults")
	}
	storagetest.Run(t, func(*testing.T) storage.Store { return f.open() })
}

type hasty struct{ *memory.Store }

func (s *hasty) Redeem(ctx context.Context, r storage.Redemption) (storage.Redeemed, error) {
	a, err := s.Artifact(ctx, r.Kind, r.Key)
	if r.Grant == nil || err != nil || !a.RedeemedAt.IsZero() {
		return s.Store.Redeem(ctx, r)
	}
	time.Sleep(time.Millisecond)
	if answer, err := s.Store.Redeem(ctx, r); err != nil || answer.Outcome != storage.Reused {
		return answer, err
	}
	return storage.Redeemed{Outcome: storage.Done, Grant: r.Grant.ID}, s.CreateGrant(ctx, *r.Grant)
}

type stubborn struct{ *memory.Store }

func (s *stubborn) Redeem(ctx context.Context, r storage.Redemption) (storage.Redeemed, error) {
	_, err := s.Artifact(ctx, r.Kind, r.Key)
	time.Sleep(time.Millisecond)
	answer, failed := s.Store.Redeem(ctx, r)
	if err != nil || failed != nil || answer.Outcome != storage.Unknown || r.Grant == nil {
		return answer, failed
	}
	return storage.Redeemed{Outcome: storage.Done, Grant: r.Grant.ID}, s.CreateGrant(ctx, *r.Grant)
}

// keeping forgets that a person may still have a question to answer.
type keeping struct{ *memory.Store }

func (s *keeping) PutArtifact(ctx context.Context, a storage.Artifact) error {
	if a.Kind == storage.Interaction {
		a.Subject, a.Account = "", nil
	}
	return s.Store.PutArtifact(ctx, a)
}

type noQuorum struct{ *memory.Store }

func (s *noQuorum) UpdateClient(ctx context.Context, c storage.Client, _ storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	return s.Store.UpdateClient(ctx, c, storage.Quorum{}, until, e)
}

type oneEnvironment struct{ *memory.Store }

func (s *oneEnvironment) CreateClient(ctx context.Context, c storage.Client, e storage.Event) error {
	c.Environment = "production"
	return s.Store.CreateClient(ctx, c, e)
}

type hastyQuorum struct{ *memory.Store }

func (s *hastyQuorum) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	err := s.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
		if _, err := tx.UpdateClient(ctx, c, q, until, e); err != nil {
			return err
		}
		return errLook
	})
	if !errors.Is(err, errLook) {
		return storage.Change{}, err
	}
	time.Sleep(time.Millisecond)
	return s.Store.UpdateClient(ctx, c, storage.Quorum{}, until, e)
}

var errLook = errors.New("only looking")

type anyVersion struct{ *memory.Store }

func (s *anyVersion) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	if stored, err := s.Client(ctx, c.ID); err == nil {
		c.Version = stored.Version
	}
	return s.Store.UpdateClient(ctx, c, q, until, e)
}

type noEvents struct{ *memory.Store }

func (s *noEvents) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, _ storage.Event) (storage.Change, error) {
	return s.Store.UpdateClient(ctx, c, q, until, storage.Event{})
}

type folding struct {
	*memory.Store
	fold func(string) string
}

func (s *folding) CreateClient(ctx context.Context, c storage.Client, e storage.Event) error {
	c.ID = s.fold(c.ID)
	return s.Store.CreateClient(ctx, c, e)
}

func (s *folding) Client(ctx context.Context, id string) (storage.Client, error) {
	return s.Store.Client(ctx, s.fold(id))
}

type localTimes struct{ *memory.Store }

func (s *localTimes) Grant(ctx context.Context, id storage.ID) (storage.Grant, error) {
	g, err := s.Store.Grant(ctx, id)
	g.ConsentedAt = g.ConsentedAt.In(time.FixedZone("here", 3600))
	return g, err
}

// sharing gives every reader the same bytes.
type sharing struct {
	*memory.Store
	kept map[string]storage.Artifact
}

func (s *sharing) Artifact(ctx context.Context, kind storage.ArtifactKind, key []byte) (storage.Artifact, error) {
	a, err := s.Store.Artifact(ctx, kind, key)
	if kept, ok := s.kept[string(key)]; ok {
		a.Sealed = kept.Sealed
	}
	s.kept[string(key)] = a
	return a, err
}

type noUndo struct{ *memory.Store }

func (s *noUndo) Transact(ctx context.Context, fn func(context.Context, storage.Store) error) error {
	return fn(ctx, s)
}

// leaping takes the head for the cursor, as one does who numbers rows while they
// are written.
type leaping struct{ *memory.Store }

func (s *leaping) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (storage.ChangeBatch, error) {
	batch, err := s.Store.ChangesSince(ctx, cursor, now, limit)
	batch.Next = batch.Head
	return batch, err
}

type numbering struct{ *memory.Store }

func (s *numbering) EndGrant(ctx context.Context, e storage.End) (storage.Change, error) {
	change, err := s.Store.EndGrant(ctx, e)
	if err == nil {
		_, err = s.Stamp(ctx, 100)
	}
	return change, err
}

type tireless struct{ *memory.Store }

func (s *tireless) Claim(ctx context.Context, namespace string, key []byte, until time.Time) error {
	return s.Store.Claim(context.WithoutCancel(ctx), namespace, key, until)
}

type forgiving struct{ *memory.Store }

func (s *forgiving) Rotate(ctx context.Context, r storage.Rotation) (storage.Rotated, error) {
	if g, err := s.Grant(ctx, r.ID); err == nil && r.From < g.Generation && r.Grace == 0 {
		return storage.Rotated{Outcome: storage.Unknown}, nil
	}
	return s.Store.Rotate(ctx, r)
}

type graceful struct{ *memory.Store }

func (s *graceful) Rotate(ctx context.Context, r storage.Rotation) (storage.Rotated, error) {
	if r.Grace > 0 {
		r.Grace = 24 * time.Hour
	}
	return s.Store.Rotate(ctx, r)
}
