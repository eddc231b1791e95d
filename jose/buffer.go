package jose

import (
	"math/bits"
	"sync"
)

// Buffers come in power-of-four classes so that a small message neither clears
// nor keeps a large one's memory. What is larger than the largest class is
// cleared and left to the garbage collector.
const (
	minBufferBits = 12 // 4 KiB
	maxBufferBits = 22 // 4 MiB
	bufferClasses = (maxBufferBits-minBufferBits)/2 + 1
)

var bufferPools [bufferClasses]sync.Pool

// buffer is scratch memory that may have held plaintext. It belongs to one
// caller from newBuffer to free, which clears all of it.
type buffer struct {
	b []byte
}

func bufferClass(n int) int {
	if n <= 1<<minBufferBits {
		return 0
	}
	return (bits.Len(uint(n-1)) - minBufferBits + 1) / 2
}

// newBuffer returns an empty buffer with room for at least n bytes.
func newBuffer(n int) *buffer {
	class := bufferClass(n)
	if class >= bufferClasses {
		return &buffer{b: make([]byte, 0, n)}
	}
	if v, ok := bufferPools[class].Get().(*buffer); ok {
		return v
	}
	return &buffer{b: make([]byte, 0, 1<<(minBufferBits+2*class))}
}

// extend returns the next n bytes after the current content, growing if need be.
func (b *buffer) extend(n int) []byte {
	start := len(b.b)
	b.reserve(n)
	b.b = b.b[:start+n]
	return b.b[start:]
}

// reserve makes room for n more bytes; an outgrown backing array is cleared.
func (b *buffer) reserve(n int) {
	need := len(b.b) + n
	if need <= cap(b.b) {
		return
	}
	next := newBuffer(max(need, 2*cap(b.b)))
	next.b = append(next.b, b.b...)
	b.b, next.b = next.b, b.b
	next.free()
}

// free clears the buffer and gives it back. A nil buffer is fine.
func (b *buffer) free() {
	if b == nil {
		return
	}
	b.wipe()
	class := bufferClass(cap(b.b))
	if class < bufferClasses && cap(b.b) == 1<<(minBufferBits+2*class) {
		bufferPools[class].Put(b)
	}
}

// wipe clears all of the buffer, whatever of it is in use.
func (b *buffer) wipe() {
	clear(b.b[:cap(b.b)])
	b.b = b.b[:0]
}
