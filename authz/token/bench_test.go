package token_test

import (
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// typical is what a merchant's key gets.
func typical() token.Access {
	return token.Access{
		Claims: token.Claims{Grant: storage.NewID(now), Client: "app_abcdefghijklmnopqrstuvwx", Organization: "org_abcdefgh",
			Revision: 123456, IssuedAt: now, ExpiresAt: now.Add(time.Hour)},
		Scopes: []string{"accounts", "transactions", "transfers"}, Audience: []string{"https://api.example.com"}, Virtual: true,
	}
}

func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector makes sync.Pool drop what it is given")
	}
	c := newCodec(t)
	a := typical()
	s, err := c.SealAccess(&a)
	ok(t, err)
	var got token.Access
	if n := testing.AllocsPerRun(200, func() { _, _ = c.SealAccess(&a) }); n > 1 {
		t.Errorf("SealAccess: %v allocations, want the token alone", n)
	}
	if n := testing.AllocsPerRun(200, func() { _ = c.OpenAccess(s, &got) }); n > 2 {
		t.Errorf("OpenAccess: %v allocations, want the strings and one list", n)
	}
	bad := []byte(s)
	bad[40] ^= 1
	forged := string(bad)
	if n := testing.AllocsPerRun(200, func() { _ = c.OpenAccess(forged, &got) }); n != 0 {
		t.Errorf("a refusal costs %v allocations", n)
	}
}

func BenchmarkSealAccess(b *testing.B) {
	c := newCodec(b)
	a := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.SealAccess(&a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenAccess(b *testing.B) {
	c := newCodec(b)
	a := typical()
	s, err := c.SealAccess(&a)
	ok(b, err)
	var got token.Access
	b.ReportAllocs()
	for b.Loop() {
		if err := c.OpenAccess(s, &got); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewOpaque(b *testing.B) {
	c := newCodec(b)
	b.ReportAllocs()
	for b.Loop() {
		c.NewOpaque(token.CodePrefix, now)
	}
}

func BenchmarkOpaqueKey(b *testing.B) {
	c := newCodec(b)
	tok, _ := c.NewOpaque(token.CodePrefix, now)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.OpaqueKey(token.CodePrefix, tok); err != nil {
			b.Fatal(err)
		}
	}
}
