package token_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Whatever is sealed comes back the same.
func TestAccessProperty(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(-1, 40, 60)
		a := token.Access{
			Claims: token.Claims{
				Grant:        storage.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return storage.ID(b) != storage.ID{} }).Draw(t, "grant")),
				Generation:   rapid.Uint32().Draw(t, "generation"),
				Client:       rapid.StringN(1, 40, 60).Draw(t, "client"),
				Organization: text.Draw(t, "organization"),
				Subject:      text.Draw(t, "subject"),
				Epochs: storage.Epochs{Client: rapid.Uint64().Draw(t, "client epoch"),
					Organization: rapid.Uint64().Draw(t, "organization epoch"), Member: rapid.Uint64().Draw(t, "member epoch")},
				Revision: rapid.Uint64().Draw(t, "revision"),
				IssuedAt: time.Unix(rapid.Int64Range(0, 1<<37).Draw(t, "issued"), 0).UTC(),
			},
			Virtual: rapid.Bool().Draw(t, "virtual"),
		}
		a.ExpiresAt = a.IssuedAt.Add(time.Duration(rapid.IntRange(1, 86400).Draw(t, "lifetime")) * time.Second)
		if rapid.Bool().Draw(t, "refresh") {
			a.RefreshUntil = a.IssuedAt.Add(time.Duration(rapid.IntRange(1, 1<<20).Draw(t, "refresh until")) * time.Second)
		}
		if list := rapid.SliceOfN(text, 0, 6).Draw(t, "scopes"); len(list) > 0 {
			a.Scopes = list
		}
		if list := rapid.SliceOfN(text, 0, 6).Draw(t, "audience"); len(list) > 0 {
			a.Audience = list
		}
		for range rapid.IntRange(0, 3).Draw(t, "metadata") {
			a.Metadata = append(a.Metadata, token.Binding{Kind: text.Draw(t, "kind"), Value: text.Draw(t, "value")})
		}
		if rapid.Bool().Draw(t, "bound") {
			a.Thumbprint = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "thumbprint")
		}
		s, err := c.SealAccess(&a)
		if err != nil {
			t.Fatal(err)
		}
		var got token.Access
		if err := c.OpenAccess(s, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, a) {
			t.Fatalf("opened\n%+v\nwant\n%+v", got, a)
		}
	})
}

// A body has one spelling: what decodes is what encodes.
func FuzzDecodeAccess(f *testing.F) {
	c := newCodec(f)
	c.MaxLifetime = 1 << 62
	small, full := smallAccess(), fullAccess()
	for _, a := range []*token.Access{&small, &full} {
		body, err := c.EncodeAccess(a)
		ok(f, err)
		f.Add(body)
		f.Add(append(bytes.Clone(body), 0))
		f.Add(body[:len(body)-1])
	}
	f.Add([]byte{1, 0, 0xff, 40: 0x80})
	f.Fuzz(func(t *testing.T, body []byte) {
		given := bytes.Clone(body)
		var a token.Access
		if err := c.DecodeAccess(given, &a); err != nil {
			if !reflect.DeepEqual(a, token.Access{}) {
				t.Error("something is left in the token")
			}
			return
		}
		clear(given) // nothing of it may be kept
		again, err := c.EncodeAccess(&a)
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%x decodes, and encodes as %x, %v", body, again, err)
		}
	})
}

// Nothing that this installation did not make opens.
func FuzzOpen(f *testing.F) {
	c := newCodec(f)
	a, r := fullAccess(), fullRefresh()
	access, err := c.SealAccess(&a)
	ok(f, err)
	refresh, err := c.SealRefresh(&r)
	ok(f, err)
	code, _ := c.NewOpaque(token.CodePrefix, now)
	f.Add(access)
	f.Add(refresh)
	f.Add(code)
	f.Add(token.NewSecret())
	f.Add("gwa_\n000000")
	f.Fuzz(func(t *testing.T, s string) {
		if err := c.OpenAccess(s, &token.Access{}); err == nil && s != access {
			t.Errorf("%q opens", s)
		}
		if err := c.OpenRefresh(s, &token.Refresh{}); err == nil && s != refresh {
			t.Errorf("%q opens", s)
		}
		if _, err := c.OpaqueKey(token.CodePrefix, s); err == nil && s != code {
			t.Errorf("%q opens", s)
		}
		if token.CheckSecret(s) && token.Kind(s) != token.SecretPrefix {
			t.Errorf("%q is a secret", s)
		}
	})
}
