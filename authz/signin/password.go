package signin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// MaxPassword is the longest password in bytes.
const MaxPassword = 1024

// cost is what an argon2id hash takes: memory in KiB, passes and lanes.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

// standard is the second recommended option of RFC 9106 section 4.
var standard = cost{memory: 64 << 10, passes: 3, lanes: 4}

// Bounds of what a stored hash may cost: it is data, and must not be able to
// hold the server up.
const (
	maxMemory     = 256 << 10 // KiB
	maxWork       = 1 << 20   // KiB times passes
	maxLanes      = 16
	maxBcryptCost = 14
	maxBcrypt     = 72 // bytes; bcrypt ignores what comes after
)

// hashing lets a few hashes run at a time: each takes 64 MiB and every processor.
var hashing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// HashPassword hashes a password for storage with argon2id (RFC 9106) and a
// random salt. The result is text in the usual form, "$argon2id$v=19$...". It is
// an error if the password is empty or longer than [MaxPassword]; what else
// makes a good one is the host's to say.
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > MaxPassword {
		return "", fmt.Errorf("signin: a password has 1 to %d bytes", MaxPassword)
	}
	return standard.hash(password), nil
}

func (c cost) hash(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // crypto/rand never fails since Go 1.24
	sum := c.sum(password, salt, 32)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes,
		enc.EncodeToString(salt), enc.EncodeToString(sum))
}

func (c cost) sum(password string, salt []byte, size uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, size)
}

// VerifyPassword compares a password with a stored hash: one of [HashPassword],
// of argon2id with other parameters, or of bcrypt. With rehash it asks for a new
// hash of the password to be stored, because the old one is weaker.
//
// An empty hash never matches and takes as long as one of HashPassword: call it
// so for a name that nobody has. A few hashes are computed at a time; it may
// wait for the others.
func VerifyPassword(hash, password string) (ok, rehash bool) {
	if password == "" || len(password) > MaxPassword {
		return false, false
	}
	if strings.HasPrefix(hash, "$2") {
		return verifyBcrypt(hash, password), true
	}
	h, err := parseHash(hash)
	if err != nil {
		standard.sum(password, make([]byte, 16), 32)
		return false, false
	}
	sum := h.cost.sum(password, h.salt, uint32(len(h.sum)))
	weaker := h.cost.memory < standard.memory || h.cost.passes < standard.passes || len(h.sum) < 32
	return subtle.ConstantTimeCompare(sum, h.sum) == 1, weaker
}

func verifyBcrypt(hash, password string) bool {
	n, err := bcrypt.Cost([]byte(hash))
	if err != nil || n > maxBcryptCost || len(password) > maxBcrypt {
		return false
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// parsedHash is the text of an argon2id hash taken apart.
type parsedHash struct {
	cost      cost
	salt, sum []byte
}

var errHash = errors.New("signin: not a password hash that is supported")

// parseHash reads "$argon2id$v=19$m=65536,t=3,p=4$salt$sum".
func parseHash(hash string) (parsedHash, error) {
	var h parsedHash
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, errHash
	}
	numbers := strings.Split(f[3], ",")
	if len(numbers) != 3 {
		return h, errHash
	}
	memory, okM := number(numbers[0], "m=", maxMemory)
	passes, okT := number(numbers[1], "t=", maxWork)
	lanes, okP := number(numbers[2], "p=", maxLanes)
	if !okM || !okT || !okP || memory*passes > maxWork {
		return h, errHash
	}
	var errSalt, errSum error
	enc := base64.RawStdEncoding.Strict()
	h.salt, errSalt = enc.DecodeString(f[4])
	h.sum, errSum = enc.DecodeString(f[5])
	if errSalt != nil || errSum != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errHash
	}
	h.cost = cost{uint32(memory), uint32(passes), uint8(lanes)}
	return h, nil
}

// number reads "name=digits" with a value from 1 to limit.
func number(s, name string, limit uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && n >= 1 && n <= limit
}
