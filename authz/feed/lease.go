package feed

import "time"

// instant is a moment on both clocks.
type instant struct {
	mono time.Time // with a monotonic reading
	wall int64     // Unix nanoseconds
}

// clock reads both clocks. A time from [time.Now] has both; a host's own clock
// may be a wall clock alone.
func (f *Feed) clock() instant {
	t := f.cfg.Now()
	if t == t.Round(0) { // no monotonic reading
		return instant{time.Now(), t.UnixNano()}
	}
	return instant{t, t.UnixNano()}
}

// fresh reports whether the lease holds: on the monotonic clock, which stands
// still while a machine sleeps, and on the wall clock, which may be set. A clock
// that is behind the start of the lease was set back and proves nothing.
func (f *Feed) fresh(now instant) bool {
	l := f.lease.Load()
	if l == nil {
		return false
	}
	mono := now.mono.Sub(l.mono)
	wall := time.Duration(now.wall - l.wall)
	return mono >= 0 && mono < f.cfg.Lease && wall >= 0 && wall < f.cfg.Lease
}
