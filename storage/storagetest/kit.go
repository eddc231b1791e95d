package storagetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * hour
)

// kit is a test with the store it is about.
type kit struct {
	*testing.T
	Options
	store storage.Store
	ctx   context.Context
	now   time.Time // whole milliseconds
	tag   string    // unique to the test, part of all names
	n     int
	spent map[string]bool // what claimed has claimed
}

func newKit(t *testing.T, o Options, s storage.Store) *kit {
	return &kit{
		T: t, Options: o, store: s, ctx: t.Context(),
		now: time.Now().UTC().Truncate(time.Millisecond), tag: unique(),
	}
}

// sub runs a part of the test under a name of its own.
func (k *kit) sub(name string, fn func(k *kit)) {
	k.Helper()
	k.T.Run(name, func(t *testing.T) {
		inner := *k
		inner.T, inner.ctx, inner.tag = t, t.Context(), unique()
		fn(&inner)
	})
}

func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x", b)
}

// name returns a name that nothing else has.
func (k *kit) name(what string) string {
	k.n++
	return fmt.Sprintf("%s-%s-%d", what, k.tag, k.n)
}

// key returns 32 random bytes.
func (k *kit) key() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatalf("unexpected error: %v", err)
	}
}

var sentinels = []error{
	storage.ErrNotFound, storage.ErrExists, storage.ErrConflict, storage.ErrFinal,
	storage.ErrLastHolder, storage.ErrSeen, storage.ErrUnavailable,
}

// is requires this sentinel and no other.
func (k *kit) is(err, sentinel error) {
	k.Helper()
	if !errors.Is(err, sentinel) {
		k.Fatalf("got error %v, want %v", err, sentinel)
	}
	for _, other := range sentinels {
		if other != sentinel && errors.Is(err, other) {
			k.Errorf("error %v is %v, but %v too", err, sentinel, other)
		}
	}
}

// unavailable requires an error that callers take for [storage.ErrUnavailable].
func (k *kit) unavailable(what string, err error) {
	k.Helper()
	if err == nil {
		k.Errorf("%s: no error", what)
	}
	for _, s := range sentinels {
		if s != storage.ErrUnavailable && errors.Is(err, s) {
			k.Errorf("%s: got error %v, which is a definite answer", what, err)
		}
	}
}

// refused requires some error.
func (k *kit) refused(what string, err error) {
	k.Helper()
	if err == nil {
		k.Errorf("%s was not refused", what)
	}
}

// equal compares records as the contract keeps them.
func (k *kit) equal(what string, want, got any) {
	k.Helper()
	if d := difference(want, got); d != "" {
		k.Errorf("%s%s", what, d)
	}
}

// text writes a record, so that it shares nothing with it.
func (k *kit) text(record any) string {
	k.Helper()
	text, err := json.Marshal(record)
	k.must(err)
	return string(text)
}

// instances returns the store and, where the options can open one, another
// instance over the same data.
func (k *kit) instances() []storage.Store {
	k.Helper()
	if k.Another == nil {
		return []storage.Store{k.store}
	}
	return []storage.Store{k.store, k.Another(k.T, k.store)}
}

// event makes an event that can be found again.
func (k *kit) event(kind, target string) storage.Event {
	return storage.Event{
		ID: storage.NewID(k.now), At: k.now, Type: kind, Outcome: "ok",
		Actor: "host", Target: k.name("event:" + target),
	}
}

func (k *kit) recorded(e storage.Event) {
	k.Helper()
	events, err := k.store.Events(k.ctx, storage.EventFilter{Target: e.Target})
	k.must(err)
	if len(events) != 1 {
		k.Fatalf("%d events are recorded, want the one of the command", len(events))
	}
	events[0].Seq, events[0].Chain = 0, nil
	k.equal("event", e, events[0])
}

func (k *kit) notRecorded(e storage.Event) {
	k.Helper()
	events, err := k.store.Events(k.ctx, storage.EventFilter{Target: e.Target})
	k.must(err)
	if len(events) != 0 {
		k.Errorf("the event of a refused command is recorded")
	}
}

// change reads the recorded change, nil if there is none.
func (k *kit) change(kind storage.ChangeKind, id string) *storage.Change {
	k.Helper()
	found, err := k.store.LookupChanges(k.ctx, []storage.ChangeKey{{Kind: kind, ID: id}})
	k.must(err)
	switch len(found) {
	case 0:
		return nil
	case 1:
		return &found[0]
	}
	k.Fatalf("one key has %d changes", len(found))
	return nil
}

func (k *kit) grantChange(id storage.ID) *storage.Change {
	k.Helper()
	return k.change(storage.GrantChange, string(id[:]))
}

// changed requires that the change is recorded, not numbered yet, and returned
// as it is recorded.
func (k *kit) changed(want, returned storage.Change) {
	k.Helper()
	recorded := k.change(want.Kind, want.ID)
	if recorded == nil {
		k.Fatalf("no change is recorded")
	}
	k.equal("recorded change", want, *recorded)
	k.equal("returned change", want, returned)
}
