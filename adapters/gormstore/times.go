package gormstore

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Times are kept as Unix milliseconds, and the zero time as 0.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// milli brings a time to what is kept of it.
func milli(t time.Time) time.Time { return fromMillis(toMillis(t)) }

// forever stands for a change that is never over, so that the larger is the later.
const forever = math.MaxInt64

func toUntil(t time.Time) int64 {
	if t.IsZero() {
		return forever
	}
	return t.UnixMilli()
}

func fromUntil(ms int64) time.Time {
	if ms == forever {
		return time.Time{}
	}
	return fromMillis(ms)
}

// passed reports whether an expiry has come; the zero time never comes.
func passed(expiry, now time.Time) bool {
	return !expiry.IsZero() && !now.Before(expiry)
}

// most is how long an id may be, in bytes, so that two fit into a key.
const most = 255

// largest is how long content and documents may be, in bytes: well below what the
// columns of all databases hold, since MySQL would cut longer ones.
const largest = 8 << 20

// storable reports whether a database can hold an id: another one cannot be
// there and need not be looked for.
func storable(ids ...string) bool {
	for _, id := range ids {
		if len(id) > most || !utf8.ValidString(id) || strings.IndexByte(id, 0) >= 0 {
			return false
		}
	}
	return true
}

// checkID refuses ids that cannot be kept.
func checkID(what string, ids ...string) error {
	if !storable(ids...) {
		return &invalid{what + ": an id must be UTF-8 without NUL, of at most 255 bytes"}
	}
	return nil
}

func checkBytes(what string, b []byte, longest int) error {
	if len(b) > longest {
		return &invalid{what + " is too long"}
	}
	return nil
}

// clip makes a text of the audit trail storable: it may hold what a caller of
// the API has sent, and must never make a command fail.
func clip(s string, longest int) string {
	if utf8.ValidString(s) && len(s) <= longest && strings.IndexByte(s, 0) < 0 {
		return s
	}
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
	for len(s) > longest {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// limited brings a limit to what [storage.Page] documents.
func limited(limit int) int {
	if limit < 1 {
		return 100
	}
	return min(limit, 1000)
}

// bytesOf leaves empty values out of the database.
func bytesOf(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
