package keyring

import (
	"strings"
	"testing"
)

// What costs too much is refused before any of it is paid.
func TestArgonBounds(t *testing.T) {
	t.Parallel()
	tail := "$c2FsdHNhbHRzYWx0c2FsdA$" + strings.Repeat("A", 43)
	for parameters, want := range map[string]bool{
		"m=65536,t=3,p=4":      true,
		"m=19456,t=2,p=1":      true,
		"m=131072,t=8,p=16":    true,
		"m=131072,t=9,p=1":     false,
		"m=131073,t=1,p=1":     false,
		"m=64,t=16385,p=1":     false,
		"m=64,t=1,p=17":        false,
		"m=64,t=4294967297":    false,
		"m=64,t=-1,p=1":        false,
		"m=64,t=1,p=1,keyid=a": false,
		"m=64, t=1,p=1":        false,
	} {
		if _, ok := parseArgon("$argon2id$v=19$" + parameters + tail); ok != want {
			t.Errorf("%s: %v, want %v", parameters, ok, want)
		}
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	s := newSlots()
	if cap(s) < 1 {
		t.Fatal("no slow hash can ever be checked")
	}
	s.verify("x", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$"+strings.Repeat("A", 43))
	if len(s) != 0 {
		t.Error("a slot is not given back")
	}
}
