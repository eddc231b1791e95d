package signin_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatewright/gatewright/authz/signin"
)

func TestHashPassword(t *testing.T) {
	t.Parallel()
	one, err := signin.HashPassword(password)
	must(t, err)
	two, err := signin.HashPassword(password)
	must(t, err)
	if one == two {
		t.Error("two hashes of a password are the same: there is no salt")
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("hash %q", one)
	}
	if ok, rehash := signin.VerifyPassword(one, password); !ok || rehash {
		t.Errorf("right password: %v, rehash %v", ok, rehash)
	}
	for name, bad := range map[string]string{"empty": "", "too long": strings.Repeat("x", signin.MaxPassword+1)} {
		if _, err := signin.HashPassword(bad); err == nil {
			t.Errorf("%s password is hashed", name)
		}
	}
}

func TestVerifyPassword(t *testing.T) {
	t.Parallel()
	cheap := signin.CheapHash(password)
	old, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	long := strings.Repeat("x", 72)
	oldLong, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	must(t, err)
	for _, c := range []struct {
		name, hash, password string
		ok, rehash           bool
	}{
		{"weaker argon2id", cheap, password, true, true},
		{"bcrypt", string(old), password, true, true},
		// Of argon2's reference command line: argon2 somesalt -id -t 2 -m 16 -p 1, "password".
		{"the reference's vector", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", true, true},
		{"wrong password", cheap, password + "x", false, true},
		{"prefix of the password", cheap, password[:5], false, true},
		{"empty password", cheap, "", false, false},
		{"endless password", cheap, strings.Repeat("x", signin.MaxPassword+1), false, false},
		{"bcrypt, wrong", string(old), "wrong", false, true},
		{"bcrypt, beyond what it reads", string(oldLong), long + "y", false, true},
		{"bcrypt, dear", "$2a$31$" + strings.Repeat("a", 53), password, false, true},
		{"bcrypt, broken", "$2a$", password, false, true},
		{"no hash", "", password, false, false},
		{"the password itself", password, password, false, false},
		{"argon2i", strings.Replace(cheap, "argon2id", "argon2i", 1), password, false, false},
		{"another version", strings.Replace(cheap, "v=19", "v=16", 1), password, false, false},
		{"no salt", "$argon2id$v=19$m=64,t=1,p=1$$" + strings.Repeat("A", 43), password, false, false},
		{"no sum", "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$", password, false, false},
		{"no passes", strings.Replace(cheap, "t=1", "t=0", 1), password, false, false},
		{"no lanes", strings.Replace(cheap, "p=1", "p=0", 1), password, false, false},
		{"dear in memory", strings.Replace(cheap, "m=64", "m=4194304", 1), password, false, false},
		{"dear in passes", strings.Replace(cheap, "t=1", "t=1048576", 1), password, false, false},
		{"order of parameters", strings.Replace(cheap, "m=64,t=1", "t=1,m=64", 1), password, false, false},
		{"a part more", cheap + "$x", password, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if ok, rehash := signin.VerifyPassword(c.hash, c.password); ok != c.ok || rehash != c.rehash {
				t.Errorf("ok %v, rehash %v; want %v, %v", ok, rehash, c.ok, c.rehash)
			}
		})
	}
}

// A name that nobody has takes as long as a wrong password.
func TestUnknownUserCostsAsMuch(t *testing.T) {
	hash, err := signin.HashPassword(password)
	must(t, err)
	users, err := signin.NewStaticUsers(signin.Account{Username: "ada", PasswordHash: hash, User: signin.User{Subject: "ada"}})
	must(t, err)
	// The memory of a hash is its cost, and unlike time it does not depend on what
	// else the machine does. This test runs alone: it is not parallel.
	cost := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	attempt := func(username string) func() {
		return func() {
			if _, err := users.Authenticate(t.Context(), username, "wrong"); err == nil {
				t.Fatal("a wrong password is right")
			}
		}
	}
	known := cost(attempt("ada"))
	if known < 32<<20 {
		t.Fatalf("a wrong password costs %d bytes: no hash was computed", known)
	}
	for name, other := range map[string]uint64{
		"an unknown name": cost(attempt("nobody")),
		"an empty hash":   cost(func() { signin.VerifyPassword("", "wrong") }),
	} {
		if other < known/10*9 || other > known/10*11 {
			t.Errorf("%s costs %d bytes, a wrong password %d", name, other, known)
		}
	}
}

func TestStaticUsers(t *testing.T) {
	t.Parallel()
	users, err := signin.NewStaticUsers(signin.Account{Username: "Ada@Example.com", PasswordHash: signin.CheapHash(password), User: signin.User{Subject: "ada", Name: "Ada"}})
	must(t, err)
	ctx := context.Background()
	if u, err := users.Authenticate(ctx, " ada@EXAMPLE.com", password); err != nil || u.Subject != "ada" {
		t.Errorf("right: %+v, %v", u, err)
	}
	if _, err := users.Authenticate(ctx, "ada@example.com", "wrong"); !errors.Is(err, signin.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := users.Authenticate(ctx, "ada", password); !errors.Is(err, signin.ErrUnknownUser) {
		t.Errorf("unknown: %v", err)
	}
	if u, err := users.User(ctx, "ada"); err != nil || u.Name != "Ada" {
		t.Errorf("look-up: %+v, %v", u, err)
	}
	if _, err := users.User(ctx, "Ada"); !errors.Is(err, signin.ErrUnknownUser) {
		t.Errorf("look-up of nobody: %v", err)
	}
	good := signin.Account{Username: "ada", PasswordHash: signin.CheapHash(password), User: signin.User{Subject: "ada"}}
	for name, change := range map[string]func(a *signin.Account){
		"no name":       func(a *signin.Account) { a.Username = " " },
		"no subject":    func(a *signin.Account) { a.User.Subject = "" },
		"no hash":       func(a *signin.Account) { a.PasswordHash = "" },
		"a plain one":   func(a *signin.Account) { a.PasswordHash = password },
		"same name":     func(a *signin.Account) { a.Username, a.User.Subject = "ADA", "other" },
		"same subject":  func(a *signin.Account) { a.Username = "other" },
		"the same once": func(*signin.Account) {},
	} {
		bad := good
		change(&bad)
		if _, err := signin.NewStaticUsers(good, bad); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(signin.CheapHash(password))
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 43))
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, hash string) {
		if work, ok := signin.ParseHash(hash); ok && (work == 0 || work > signin.MaxWork) {
			t.Errorf("a hash that costs %d KiB-passes is accepted", work)
		}
	})
}

func BenchmarkHashPassword(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signin.HashPassword(password); err != nil {
			b.Fatal(err)
		}
	}
}
