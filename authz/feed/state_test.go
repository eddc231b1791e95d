package feed

import (
	"fmt"
	"hash/maphash"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/storage"
)

func anyState() *rapid.Generator[state] {
	return rapid.Custom(func(t *rapid.T) state {
		return state{
			version: rapid.Uint64Range(0, 4).Draw(t, "version"), epoch: rapid.Uint64Range(0, 4).Draw(t, "epoch"),
			until: rapid.Int64Range(0, 4).Draw(t, "until"), minGen: rapid.Uint32Range(0, 4).Draw(t, "generation"),
			status: storage.Status(rapid.IntRange(0, 3).Draw(t, "status")), ended: rapid.Bool().Draw(t, "ended"),
		}
	})
}

// Changes may come twice and in any order: polls, lookups and own commits mix.
func TestMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyState().Draw(t, "a"), anyState().Draw(t, "b"), anyState().Draw(t, "c")
		if a.merge(b) != b.merge(a) {
			t.Fatalf("%+v and %+v: the order matters", a, b)
		}
		if a.merge(b).merge(c) != a.merge(b.merge(c)) {
			t.Fatalf("%+v, %+v and %+v: the grouping matters", a, b, c)
		}
		m := a.merge(b)
		if m.merge(b) != m || m.merge(a) != m || a.merge(a) != a {
			t.Fatalf("%+v and %+v: twice is not once", a, b)
		}
		if m.version < a.version || m.epoch < a.epoch || m.minGen < a.minGen || m.until < a.until || a.ended && !m.ended {
			t.Fatalf("%+v and %+v: lowered to %+v", a, b, m)
		}
		if a.version > b.version && m.status != a.status {
			t.Fatalf("%+v and %+v: the status is not the newer one's", a, b)
		}
	})
}

// The table is a map.
func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var table table[string]
		model := map[string]uint64{}
		seed := maphash.MakeSeed()
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key"))
			hash := maphash.String(seed, key) % 7 // collisions galore
			table.put(&node[string]{hash: hash, key: key, state: state{version: uint64(i)}})
			model[key] = uint64(i)
			if table.used != len(model) {
				t.Fatalf("%d entries, want %d", table.used, len(model))
			}
		}
		for i := range 70 {
			key := fmt.Sprint(i)
			n := table.get(maphash.String(seed, key)%7, key)
			want, there := model[key]
			if there != (n != nil) || there && n.state.version != want {
				t.Fatalf("key %s: %v, want %d, %v", key, n, want, there)
			}
		}
	})
}
