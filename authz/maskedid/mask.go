package maskedid

import "crypto/subtle"

const (
	shownFirst = 4 // characters at the start that stay
	shownLast  = 3 // characters at the end that stay
	minLen     = shownFirst + 1 + shownLast
	maxLen     = 64
)

// Mask returns the mask of id. It returns [ErrID] unless id has 8 to 64
// characters, each 0-9 or A-Z: a shorter one would have nothing left to hide.
func Mask(id string) (string, error) {
	if !valid(id) {
		return "", ErrID
	}
	var b [maxLen]byte
	n := copy(b[:], id)
	for i := shownFirst; i < n-shownLast; i++ {
		b[i] = 'x'
	}
	return string(b[:n]), nil
}

// Match tells whether masked is exactly the mask of id. An id that cannot be
// masked matches nothing.
func Match(masked, id string) bool { return Check(masked, id) == nil }

// Check returns nil if masked is exactly the mask of id, else one of [ErrID],
// [ErrMissing], [ErrUnmasked], [ErrMalformed] and [ErrMismatch]. The characters
// that are shown are compared in constant time.
func Check(masked, id string) error {
	if !valid(id) {
		return ErrID
	}
	if err := form(masked); err != nil {
		return err
	}
	if len(masked) != len(id) {
		return ErrMismatch
	}
	if subtle.ConstantTimeCompare(shown(masked), shown(id)) != 1 {
		return ErrMismatch
	}
	return nil
}

// form says what keeps s from being a mask; nil if it is one.
func form(s string) error {
	switch {
	case s == "":
		return ErrMissing
	case valid(s):
		return ErrUnmasked
	case len(s) < minLen || len(s) > maxLen:
		return ErrMalformed
	}
	for i := range len(s) {
		if i < shownFirst || i >= len(s)-shownLast {
			if !plain(s[i]) {
				return ErrMalformed
			}
		} else if s[i] != 'x' {
			return ErrMalformed
		}
	}
	return nil
}

// valid tells whether s is an id that can be masked.
func valid(s string) bool {
	if len(s) < minLen || len(s) > maxLen {
		return false
	}
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return true
}

func plain(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' }

// shown returns what a mask leaves of s, on the stack of the caller.
func shown(s string) []byte {
	b := make([]byte, 0, shownFirst+shownLast)
	b = append(b, s[:shownFirst]...)
	return append(b, s[len(s)-shownLast:]...)
}
