package client

import (
	"context"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// BenchmarkTokenCached is what a token that is there costs a request.
func BenchmarkTokenCached(b *testing.B) {
	c := newTokenCache(DefaultMaxTokens, time.Second, time.Now)
	who := Application(Metadata{AccountID: testAccount}, "send_money")
	c.put(who.cacheKey(), accessToken{"t", time.Now().Add(time.Hour)})
	fetch := func(context.Context, string) (accessToken, error) { panic("not needed") }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.get(b.Context(), who.cacheKey(), "", fetch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequest is a sealed GET over a kept connection, with the test bank's
// side of it: two RSA private operations there and one here.
func BenchmarkRequest(b *testing.B) {
	bank := newBank(b, jose.Compatible)
	c := bank.client(b, nil)
	h := as(b, c, Application(Metadata{AccountID: testAccount}, "send_money"))
	url := c.URL("customers", "1234xxxxxx567", "transfers")
	b.ReportAllocs()
	for b.Loop() {
		if a, _, err := get(b, h, url); err != nil || a.status != 200 {
			b.Fatal(a, err)
		}
	}
}
