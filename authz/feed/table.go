package feed

import "sync/atomic"

// table is a hash table that is read without a lock while one writer at a time
// adds to it. Entries are replaced, never changed, and go only when the table is
// rebuilt. Its zero value is empty.
type table[K comparable] struct {
	slots atomic.Pointer[slots[K]]
	used  int // the writer's
}

type slots[K comparable] struct {
	mask uint64
	at   []atomic.Pointer[node[K]]
}

type node[K comparable] struct {
	hash  uint64
	key   K
	state state
	owner *owner
}

const minSlots = 16

// get finds an entry, nil if there is none.
func (t *table[K]) get(hash uint64, key K) *node[K] {
	s := t.slots.Load()
	if s == nil {
		return nil
	}
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		n := s.at[i].Load()
		if n == nil || n.hash == hash && n.key == key {
			return n
		}
	}
}

// empty reports whether nothing was ever put.
func (t *table[K]) empty() bool { return t.slots.Load() == nil }

// put adds or replaces an entry. Only the writer calls it.
func (t *table[K]) put(n *node[K]) {
	s := t.slots.Load()
	if s == nil || 2*(t.used+1) > len(s.at) {
		s = t.resize(t.used + 1)
	}
	if s.set(n) {
		t.used++
	}
}

// set stores n and reports whether its key is new.
func (s *slots[K]) set(n *node[K]) bool {
	for i := n.hash & s.mask; ; i = (i + 1) & s.mask {
		old := s.at[i].Load()
		if old == nil || old.hash == n.hash && old.key == n.key {
			s.at[i].Store(n)
			return old == nil
		}
	}
}

// resize copies everything into slots for at least n entries at a load of at
// most one half after doubling.
func (t *table[K]) resize(n int) *slots[K] {
	size := minSlots
	for size < 4*n {
		size *= 2
	}
	next := &slots[K]{mask: uint64(size - 1), at: make([]atomic.Pointer[node[K]], size)}
	if old := t.slots.Load(); old != nil {
		for i := range old.at {
			if n := old.at[i].Load(); n != nil {
				next.set(n)
			}
		}
	}
	t.slots.Store(next)
	return next
}
