package keyring_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/gatewright/gatewright/authz/keyring"
)

func argonHash(secret string, m, t uint32, p uint8, text string) string {
	salt := []byte("saltsaltsaltsalt")
	sum := argon2.IDKey([]byte(secret), salt, t, m, p, 32)
	enc := base64.RawStdEncoding
	if text == "" {
		text = fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d", m, t, p)
	}
	return text + "$" + enc.EncodeToString(salt) + "$" + enc.EncodeToString(sum)
}

func bcryptHash(t *testing.T, secret string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	ok(t, err)
	return string(h)
}

func TestVerifySecret(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	own := r.HashSecret("right")
	bc := bcryptHash(t, "right")
	if strings.Contains(own, "right") {
		t.Fatal("the hash shows the secret")
	}
	for _, tc := range []struct {
		name         string
		secret, hash string
		ok, rehash   bool
	}{
		{"own", "right", own, true, false},
		{"argon2id", "right", argonHash("right", 64, 1, 1, ""), true, true},
		{"bcrypt 2a", "right", bc, true, true},
		{"bcrypt 2b", "right", "$2b$" + bc[4:], true, true},
		{"bcrypt 2y", "right", "$2y$" + bc[4:], true, true},

		{"own, wrong", "wrong", own, false, false},
		{"own, longer", "right ", own, false, false},
		{"own, empty", "", own, false, false},
		{"empty hash", "right", "", false, false},
		{"empty both", "", "", false, false},
		{"plain text", "right", "right", false, false},
		{"the hash itself", own, own, false, false},
		{"own, key unknown", "right", strings.Replace(own, "k=", "k=9", 1), false, false},
		{"own, key of another purpose", "right", "$hmac-sha256$k=1$" + own[strings.LastIndexByte(own, '$')+1:], false, false},
		{"own, key not a number", "right", "$hmac-sha256$k=x$AAAA", false, false},
		{"own, key negative", "right", "$hmac-sha256$k=-1$AAAA", false, false},
		{"own, key too large", "right", "$hmac-sha256$k=4294967298" + own[strings.LastIndexByte(own, '$'):], false, false},
		{"own, no hash", "right", own[:strings.LastIndexByte(own, '$')], false, false},
		{"own, empty hash", "right", own[:strings.LastIndexByte(own, '$')+1], false, false},
		{"own, cut short", "right", own[:len(own)-1], false, false},
		{"own, extended", "right", own + "A", false, false},
		{"own, upper-case prefix", "right", strings.ToUpper(own[:12]) + own[12:], false, false},
		{"argon2id, wrong", "wrong", argonHash("right", 64, 1, 1, ""), false, false},
		{"argon2id, empty secret", "", argonHash("", 64, 1, 1, ""), false, false},
		{"argon2id, too much memory", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$m=262144,t=1,p=1"), false, false},
		{"argon2id, too many passes", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$m=131072,t=9,p=1"), false, false},
		{"argon2id, overflow", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$m=4294967297,t=1,p=1"), false, false},
		{"argon2id, no passes", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$m=64,t=0,p=1"), false, false},
		{"argon2id, no lanes", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$m=64,t=1,p=0"), false, false},
		{"argon2id, old version", "right", argonHash("right", 64, 1, 1, "$argon2id$v=16$m=64,t=1,p=1"), false, false},
		{"argon2id, other order", "right", argonHash("right", 64, 1, 1, "$argon2id$v=19$t=1,m=64,p=1"), false, false},
		{"argon2i", "right", argonHash("right", 64, 1, 1, "$argon2i$v=19$m=64,t=1,p=1"), false, false},
		{"argon2id, no sum", "right", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$", false, false},
		{"argon2id, short salt", "right", "$argon2id$v=19$m=64,t=1,p=1$c2E$" + strings.Repeat("A", 43), false, false},
		{"bcrypt, wrong", "wrong", bc, false, false},
		{"bcrypt, cost 31", "right", "$2a$31$" + bc[7:], false, false},
		{"bcrypt, cut short", "right", bc[:59], false, false},
		{"bcrypt, beyond 72 bytes", strings.Repeat("a", 73), bcryptHash(t, strings.Repeat("a", 72)), false, false},
		{"sha-crypt", "right", "$6$salt$hash", false, false},
		{"endless hash", "right", own + strings.Repeat("A", 1000), false, false},
		{"endless secret", strings.Repeat("a", 1<<20), argonHash("right", 64, 1, 1, ""), false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ok, rehash := r.VerifySecret(tc.secret, tc.hash)
			if ok != tc.ok || rehash != tc.rehash {
				t.Errorf("VerifySecret = %v, %v, want %v, %v", ok, rehash, tc.ok, tc.rehash)
			}
		})
	}
}

func TestSecretKey(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	if id, ok := keyring.SecretKey(r.HashSecret("x")); !ok || id != r.CurrentKey(keyring.ClientSecret) {
		t.Errorf("SecretKey = %d, %v", id, ok)
	}
	for _, hash := range []string{"", "x", "$hmac-sha256$k=", "$hmac-sha256$k=1", "$hmac-sha256$k=x$A", "$hmac-sha256$k=-1$A", argonHash("x", 64, 1, 1, "")} {
		if id, ok := keyring.SecretKey(hash); ok {
			t.Errorf("SecretKey(%q) = %d", hash, id)
		}
	}
}

func TestCostly(t *testing.T) {
	t.Parallel()
	r := newFixed().open(t)
	for hash, want := range map[string]bool{
		"": false, r.HashSecret("x"): false,
		argonHash("x", 64, 1, 1, ""): true, bcryptHash(t, "x"): true,
	} {
		if keyring.Costly(hash) != want {
			t.Errorf("Costly(%q) = %v", hash, !want)
		}
	}
}

func FuzzVerifySecret(f *testing.F) {
	r := newFixed().open(f)
	f.Add("right", r.HashSecret("right"))
	f.Add("right", argonHash("right", 64, 1, 1, ""))
	f.Add("", "")
	f.Fuzz(func(t *testing.T, secret, hash string) {
		if keyring.Costly(hash) && len(hash) > 5 && (hash[:2] == "$2" || strings.Contains(hash, "argon")) {
			return // slow ones are tested by table
		}
		if ok, rehash := r.VerifySecret(secret, hash); ok && hash != r.HashSecret(secret) || rehash && !ok {
			t.Errorf("VerifySecret(%q, %q) = %v, %v", secret, hash, ok, rehash)
		}
	})
}

func BenchmarkVerifySecret(b *testing.B) {
	r := newFixed().open(b)
	hash := r.HashSecret("gws_0123456789abcdef0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := r.VerifySecret("gws_0123456789abcdef0123456789abcdef", hash); !ok {
			b.Fatal("refused")
		}
	}
}
