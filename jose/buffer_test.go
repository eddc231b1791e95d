package jose

import (
	"bytes"
	"testing"
)

func TestBuffer(t *testing.T) {
	t.Parallel()
	fill := func(b *buffer, n int) { copy(b.extend(n), bytes.Repeat([]byte{7}, n)) }
	for _, n := range []int{0, 1, 4096, 4097, 16384, 16385, 1 << 20, 1<<22 - 1, 1 << 22, 1<<22 + 1} {
		b := newBuffer(n)
		if cap(b.b) < n || len(b.b) != 0 {
			t.Fatalf("%d: capacity %d", n, cap(b.b))
		}
		fill(b, n)
		b.extend(cap(b.b) + 1) // outgrows it
		if n > 0 && (b.b[0] != 7 || b.b[n-1] != 7) {
			t.Errorf("%d: the content was lost in growing", n)
		}
		b.b = b.b[:min(1, n)] // what is not in use is wiped too
		b.wipe()
		if bytes.IndexByte(b.b[:cap(b.b)], 7) >= 0 {
			t.Errorf("%d: a wiped buffer keeps its content", n)
		}
		b.free()
	}
	// Too large for the pool, so nobody else can have it afterwards.
	large := newBuffer(1<<maxBufferBits + 1)
	fill(large, 1<<maxBufferBits)
	old := large.b
	large.extend(cap(old))
	if bytes.IndexByte(old, 7) >= 0 {
		t.Error("an outgrown buffer keeps its content")
	}
	fresh := large.b[:cap(large.b)]
	large.free()
	if bytes.IndexByte(fresh, 7) >= 0 {
		t.Error("a freed buffer keeps its content")
	}
	var none *buffer
	none.free()
}
