package memory_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"pgregory.net/rapid"
)

// token is a refresh token that was issued.
type token struct {
	generation uint32
	secret     []byte
	access     time.Time // expiry of the access token issued with it
}

// family is a tiny model of one grant: which token is the current one, and
// whether its predecessor may be retried. Everything it says is written down
// here a second time, in other words than in the store.
type family struct {
	store   *memory.Store
	virtual *storage.Grant // nil where the grant had a row from the start
	client  storage.Client
	now     time.Time
	secrets uint64

	issued     []token
	current    int // index of the current token
	graced     int // index of the token that may be retried, -1 for none
	rotatedAt  time.Time
	expiresAt  time.Time
	idleAt     time.Time
	ended      bool
	reused     bool      // ended by a reuse
	endedUntil time.Time // how long the end must be told
	epochs     storage.Epochs
	accessLife time.Duration
}

var start = time.UnixMilli(1_700_000_000_000).UTC()

const client, organization = "key", "merchant"

func event() storage.Event { return storage.Event{} } // records nothing

func (f *family) secret() []byte {
	f.secrets++
	return binary.BigEndian.AppendUint64(nil, f.secrets)
}

func newFamily(t *rapid.T) *family {
	ctx := context.Background()
	f := &family{store: memory.New(), now: start, graced: -1, accessLife: 10 * time.Minute}
	f.client = storage.Client{ID: client, Organization: organization, Status: storage.Active}
	err := errors.Join(
		f.store.CreateOrganization(ctx, storage.Organization{ID: organization, Status: storage.Active}, event()),
		f.store.CreateClient(ctx, f.client, event()),
		f.store.CreateClient(ctx, storage.Client{ID: "other", Organization: organization, Status: storage.Active}, event()),
	)
	if err != nil {
		t.Fatal(err)
	}
	f.client.Version = 1
	f.expiresAt = start.Add(rapid.SampledFrom([]time.Duration{20 * time.Minute, 100 * time.Hour}).Draw(t, "life"))
	f.idleAt = start.Add(30 * time.Minute)
	g := storage.Grant{
		ID: storage.ID{15: 1}, Client: client, Organization: organization, Refresh: f.secret(),
		ExpiresAt: f.expiresAt, IdleAt: f.idleAt, AccessUntil: start.Add(f.accessLife),
	}
	if rapid.Bool().Draw(t, "virtual") {
		f.virtual = &g
	} else {
		g.Generation = rapid.Uint32Range(0, 5).Draw(t, "first generation")
		if err := f.store.CreateGrant(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	f.issued = []token{{g.Generation, g.Refresh, g.AccessUntil}}
	return f
}

// expect says what presenting the token must lead to.
func (f *family) expect(i int, by string, grace time.Duration) storage.Outcome {
	dead := f.ended || !f.now.Before(f.expiresAt) || !f.now.Before(f.idleAt) || f.client.Epoch > f.epochs.Client
	switch {
	case by != client || dead:
		return storage.Unknown
	case f.client.Status != storage.Active:
		return storage.Inactive
	case i == f.current:
		return storage.Done
	case i == f.graced && f.now.Sub(f.rotatedAt) < grace:
		return storage.Graced
	default:
		return storage.Reused
	}
}

func (f *family) rotation(i int, by string, grace time.Duration) storage.Rotation {
	return storage.Rotation{
		ID: storage.ID{15: 1}, Client: by, From: f.issued[i].generation, Presented: f.issued[i].secret, Next: f.secret(),
		At: f.now, Grace: grace, IdleAt: f.now.Add(30 * time.Minute), AccessUntil: f.now.Add(f.accessLife),
		Until: f.now.Add(time.Hour), Skew: time.Minute, Virtual: f.virtual,
	}
}

// present shows a token, and moves the model as the rule says.
func (f *family) present(t *rapid.T) {
	// Mostly the current token and what may pass for its predecessor, or most
	// families would end at their second step.
	last := len(f.issued) - 1
	i := rapid.SampledFrom([]int{
		f.current, f.current, f.current, f.current, f.current, max(f.graced, 0), max(last-1, 0), max(last-2, 0), last / 2,
	}).Draw(t, "token")
	by := rapid.SampledFrom([]string{client, client, client, client, client, "other"}).Draw(t, "by")
	grace := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Minute, time.Hour}).Draw(t, "grace")
	want := f.expect(i, by, grace)
	r := f.rotation(i, by, grace)
	got, err := f.store.Rotate(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != want {
		t.Fatalf("presenting token %d of %d (current %d): got %v, want %v", i, len(f.issued), f.current, got.Outcome, want)
	}
	switch got.Outcome {
	case storage.Done, storage.Graced:
		if f.reused {
			t.Fatal("a token was issued after a reuse")
		}
		if got.Grant.Generation <= f.issued[f.current].generation {
			t.Fatal("a generation was given twice")
		}
		f.graced = -1
		if got.Outcome == storage.Done {
			f.graced = f.current
		}
		f.issued = append(f.issued, token{got.Grant.Generation, r.Next, r.AccessUntil})
		f.current = len(f.issued) - 1
		f.rotatedAt, f.idleAt = f.now, r.IdleAt
	case storage.Reused:
		f.ended, f.reused, f.endedUntil = true, true, r.Until
	}
}

// forge shows what was never issued: another secret, or a generation to come.
func (f *family) forge(t *rapid.T) {
	r := f.rotation(f.current, client, time.Hour)
	if rapid.Bool().Draw(t, "to come") {
		r.From += rapid.Uint32Range(1, 5).Draw(t, "ahead")
	} else {
		r.Presented = f.secret()
	}
	want := storage.Unknown
	if f.expect(f.current, client, 0) == storage.Inactive {
		want = storage.Inactive
	}
	got, err := f.store.Rotate(context.Background(), r)
	if err != nil || got.Outcome != want {
		t.Fatalf("a forged token got %v (%v), want %v", got.Outcome, err, want)
	}
}

var errLook = errors.New("only looking")

// check looks, in transactions that are undone, what each token would do.
func (f *family) check(t *rapid.T) {
	live := 0
	for i := range f.issued {
		err := f.store.Transact(context.Background(), func(ctx context.Context, tx storage.Store) error {
			got, err := tx.Rotate(ctx, f.rotation(i, client, 0))
			if err != nil {
				return err
			}
			if got.Outcome == storage.Done {
				live++
				if f.reused {
					t.Fatalf("token %d lives after a reuse", i)
				}
			}
			return errLook
		})
		if !errors.Is(err, errLook) {
			t.Fatal(err)
		}
	}
	if live > 1 {
		t.Fatalf("%d generations are live", live)
	}
	// Access tokens of earlier generations are dead for whoever follows the
	// changes, as long as they could live.
	id := storage.ID{15: 1}
	found, err := f.store.LookupChanges(context.Background(), []storage.ChangeKey{{Kind: storage.GrantChange, ID: string(id[:])}})
	if err != nil {
		t.Fatal(err)
	}
	for i, issued := range f.issued {
		superseded := i != f.current && f.now.Before(issued.access)
		if superseded && (len(found) == 0 || found[0].MinGeneration <= issued.generation) {
			t.Fatalf("the access token of generation %d is not told to be dead", issued.generation)
		}
	}
	if len(found) > 0 && found[0].MinGeneration > f.issued[f.current].generation {
		t.Fatal("the access token of the current generation is told to be dead")
	}
	if f.ended && f.now.Before(f.endedUntil) && (len(found) == 0 || !found[0].Ended) {
		t.Fatal("the end of the grant is not told")
	}
}

func TestRotateModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFamily(t)
		ctx := context.Background()
		update := func(t *rapid.T, edit func(*storage.Client)) {
			edit(&f.client)
			change, err := f.store.UpdateClient(ctx, f.client, storage.Quorum{}, f.now.Add(time.Hour), event())
			if err != nil {
				t.Fatal(err)
			}
			f.client.Version = change.Version
		}
		t.Repeat(map[string]func(*rapid.T){
			"":          f.check,
			"present":   f.present,
			"forge":     f.forge,
			"present 2": f.present,
			"present 3": f.present,
			"present 4": f.present,
			"present 5": f.present,
			"wait": func(t *rapid.T) {
				f.now = f.now.Add(rapid.SampledFrom([]time.Duration{
					time.Millisecond, time.Millisecond, time.Second, time.Minute, 10 * time.Minute, time.Hour,
				}).Draw(t, "wait"))
			},
			"suspend or resume": func(t *rapid.T) {
				update(t, func(c *storage.Client) { c.Status = storage.Active + storage.Suspended - c.Status })
			},
			"end": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") != 0 {
					t.Skip("rarely")
				}
				_, err := f.store.EndGrant(ctx, storage.End{
					ID: storage.ID{15: 1}, Client: client, At: f.now, Reason: "revoked", Until: f.now.Add(time.Hour), Virtual: f.virtual,
				})
				if errors.Is(err, storage.ErrNotFound) && !f.now.Before(f.expiresAt) {
					return // expired and swept
				}
				if err != nil {
					t.Fatal(err)
				}
				if !f.ended {
					f.ended, f.endedUntil = true, f.now.Add(time.Hour)
				}
			},
			"end tokens": func(t *rapid.T) {
				if rapid.IntRange(0, 19).Draw(t, "really") != 0 {
					t.Skip("rarely")
				}
				update(t, func(c *storage.Client) { c.Epoch++ })
			},
			"sweep": func(t *rapid.T) {
				if _, err := f.store.Sweep(ctx, f.now, 10); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}
