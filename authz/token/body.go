package token

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// The body of a token is a sequence of unsigned varints, of strings led by their
// length, and of lists led by their number. The version byte outside of it says
// which members there are and in what order.

const (
	thumbprintSize = 32
	maxListed      = 256 // entries of one list
	// maxUnix bounds times (the year 10000), so that none overflows.
	maxUnix = 253402300800
)

// tooLong reports whether a list has more entries than a token may.
func tooLong(scopes, audience []string, metadata []Binding) bool {
	return len(scopes) > maxListed || len(audience) > maxListed || len(metadata) > maxListed
}

func appendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendString(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }

func appendList(b []byte, list []string) []byte {
	b = appendUint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendBindings(b []byte, list []Binding) []byte {
	b = appendUint(b, uint64(len(list)))
	for _, m := range list {
		b = appendString(appendString(b, m.Kind), m.Value)
	}
	return b
}

// validSpan reports whether both times can be encoded, in this order.
func validSpan(from, to time.Time) bool {
	return from.Unix() >= 0 && to.Unix() <= maxUnix && to.Unix() > from.Unix()
}

func seconds(from, to time.Time) uint64 { return uint64(to.Unix() - from.Unix()) }

// exceeds reports whether a token lives longer than limit, in whole seconds as it
// is encoded.
func exceeds(from, to time.Time, limit time.Duration) bool {
	return to.Unix()-from.Unix() > int64(limit/time.Second)
}

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// reader takes a body apart. After the first fault everything reads as zero and
// done reports false.
type reader struct {
	rest []byte
	text string // the whole body once more; strings are parts of it
	bad  bool
}

func newReader(body []byte) reader { return reader{rest: body} }

func (r *reader) fail() { r.bad, r.rest = true, nil }

// done reports whether everything was read, and nothing is left over.
func (r *reader) done() bool { return !r.bad && len(r.rest) == 0 }

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) id(id *storage.ID) {
	if len(r.rest) < len(id) {
		r.fail()
		return
	}
	copy(id[:], r.rest)
	r.rest = r.rest[len(id):]
}

func (r *reader) bytes(n int) []byte {
	if len(r.rest) < n {
		r.fail()
		return nil
	}
	b := append([]byte(nil), r.rest[:n]...)
	r.rest = r.rest[n:]
	return b
}

// uint reads a varint in its shortest form.
func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) uint32() uint32 {
	v := r.uint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v)
}

// time reads a number of seconds since 1970.
func (r *reader) time() int64 {
	v := r.uint()
	if v > maxUnix {
		r.fail()
		return 0
	}
	return int64(v)
}

// after reads a number of seconds after base, at least one.
func (r *reader) after(base int64) int64 {
	v := r.time()
	if v == 0 || base+v > maxUnix {
		r.fail()
		return 0
	}
	return base + v
}

// string reads a string as a part of one copy of what was left of the body when
// the first string was read.
func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	if r.text == "" {
		r.text = string(r.rest)
	}
	at := len(r.text) - len(r.rest)
	r.rest = r.rest[n:]
	return r.text[at : at+int(n)]
}

// count reads the number of entries, each of which takes at least size bytes.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > maxListed || n*uint64(size) > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// lists reads two lists into one allocation.
func (r *reader) lists() (a, b []string) {
	n := r.count(1)
	list := make([]string, 0, min(n+4, 2*maxListed))
	for range n {
		list = append(list, r.string())
	}
	m := r.count(1)
	for range m {
		list = append(list, r.string())
	}
	if n > 0 {
		a = list[:n:n]
	}
	if m > 0 {
		b = list[n:]
	}
	return a, b
}

func (r *reader) bindings() []Binding {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	list := make([]Binding, n)
	for i := range list {
		list[i] = Binding{Kind: r.string(), Value: r.string()}
	}
	return list
}
