package keyring

import (
	"crypto/subtle"
	"encoding/base64"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Bounds of what an imported hash may cost. Dearer ones never match: a hash is
// data, and must not be able to hold the server up.
const (
	maxHash         = 512
	maxBcryptCost   = 14
	maxBcryptSecret = 72        // bcrypt ignores what comes after
	maxArgonMemory  = 128 << 10 // KiB
	maxArgonWork    = 1 << 20   // KiB times passes
	maxArgonLanes   = 16
	maxSlowSecret   = 1024
)

// slots lets a few slow hashes run at a time, so that they cannot take the
// processor from everything else.
type slots chan struct{}

func newSlots() slots { return make(slots, max(1, runtime.GOMAXPROCS(0)/2)) }

// verify compares a secret with an imported hash.
func (s slots) verify(secret, hash string) bool {
	if len(secret) > maxSlowSecret {
		return false
	}
	switch {
	case strings.HasPrefix(hash, "$argon2id$"):
		h, ok := parseArgon(hash)
		if !ok {
			return false
		}
		s <- struct{}{}
		defer func() { <-s }()
		sum := argon2.IDKey([]byte(secret), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
		return subtle.ConstantTimeCompare(sum, h.sum) == 1
	case strings.HasPrefix(hash, "$2a$"), strings.HasPrefix(hash, "$2b$"), strings.HasPrefix(hash, "$2y$"):
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || cost > maxBcryptCost || len(secret) > maxBcryptSecret {
			return false
		}
		s <- struct{}{}
		defer func() { <-s }()
		return bcrypt.CompareHashAndPassword([]byte(hash), []byte(secret)) == nil
	default:
		return false
	}
}

// argonHash is a parsed "$argon2id$v=19$m=65536,t=3,p=4$salt$sum".
type argonHash struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func parseArgon(hash string) (h argonHash, ok bool) {
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v=19" {
		return h, false
	}
	p := strings.Split(f[3], ",")
	if len(p) != 3 {
		return h, false
	}
	m, okM := parameter(p[0], "m=", maxArgonMemory)
	t, okT := parameter(p[1], "t=", maxArgonWork)
	l, okL := parameter(p[2], "p=", maxArgonLanes)
	if !okM || !okT || !okL || m*t > maxArgonWork {
		return h, false
	}
	enc := base64.RawStdEncoding.Strict()
	salt, errSalt := enc.DecodeString(f[4])
	sum, errSum := enc.DecodeString(f[5])
	if errSalt != nil || errSum != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 {
		return h, false
	}
	return argonHash{uint32(m), uint32(t), uint8(l), salt, sum}, true
}

// parameter reads "name=number" with 1 <= number <= limit.
func parameter(s, name string, limit uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && n >= 1 && n <= limit
}
