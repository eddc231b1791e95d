package memory

import (
	"iter"
	"maps"
)

// table is a map that may lie over another one: reads fall through to the parent
// and writes stay above it until merge. Rows are immutable once put.
type table[K comparable, V any] struct {
	parent *table[K, V]
	rows   map[K]V
	gone   map[K]struct{} // removed from the parent
}

func newTable[K comparable, V any]() table[K, V] {
	return table[K, V]{rows: make(map[K]V)}
}

// over returns an empty table above t.
func (t *table[K, V]) over() table[K, V] {
	return table[K, V]{parent: t}
}

func (t *table[K, V]) get(k K) (V, bool) {
	for ; t != nil; t = t.parent {
		if v, ok := t.rows[k]; ok {
			return v, true
		}
		if _, ok := t.gone[k]; ok {
			break
		}
	}
	var none V
	return none, false
}

func (t *table[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

func (t *table[K, V]) put(k K, v V) {
	if t.rows == nil {
		t.rows = make(map[K]V)
	}
	t.rows[k] = v
	delete(t.gone, k)
}

func (t *table[K, V]) remove(k K) {
	delete(t.rows, k)
	if t.parent == nil {
		return
	}
	if t.gone == nil {
		t.gone = make(map[K]struct{})
	}
	t.gone[k] = struct{}{}
}

// all yields every row in no order. The table must not be written meanwhile.
func (t *table[K, V]) all() iter.Seq2[K, V] {
	if t.parent == nil {
		return maps.All(t.rows)
	}
	return func(yield func(K, V) bool) {
		for k, v := range t.rows {
			if !yield(k, v) {
				return
			}
		}
		for k, v := range t.parent.all() {
			if _, ok := t.rows[k]; ok {
				continue
			}
			if _, ok := t.gone[k]; ok {
				continue
			}
			if !yield(k, v) {
				return
			}
		}
	}
}

// merge writes what t holds into its parent.
func (t *table[K, V]) merge() {
	for k := range t.gone {
		t.parent.remove(k)
	}
	for k, v := range t.rows {
		t.parent.put(k, v)
	}
}
