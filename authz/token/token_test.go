package token_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newRing(t testing.TB, spoil func(*keyring.Config)) *keyring.Ring {
	t.Helper()
	c := keyring.Config{
		Roots: []keyring.Root{keyring.NewRoot()}, Issuer: "https://as.example", Environment: "production",
		Store: memory.New(),
	}
	if spoil != nil {
		spoil(&c)
	}
	r, err := keyring.Open(context.Background(), c)
	ok(t, err)
	return r
}

func newCodec(t testing.TB) *token.Codec {
	t.Helper()
	return token.NewCodec(newRing(t, nil))
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func smallClaims() token.Claims {
	return token.Claims{Grant: storage.NewID(now), Client: "app_1", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func smallAccess() token.Access {
	return token.Access{Claims: smallClaims()}
}

func fullAccess() token.Access {
	return token.Access{
		Claims: token.Claims{Grant: storage.NewID(now), Generation: 4_000_000_000, Client: "app_1", Organization: "org_1", Subject: "user:1",
			Epochs: storage.Epochs{Client: 1, Organization: 1 << 40, Member: 1<<64 - 1}, Revision: 123456,
			IssuedAt: now, ExpiresAt: now.Add(time.Hour)},
		Scopes: []string{"account_transactions", "send_money"}, Audience: []string{"https://api.example"},
		Metadata:   []token.Binding{{Kind: "account_id", Value: "1234999999567"}, {Kind: "uuid", Value: "c"}},
		Thumbprint: bytes.Repeat([]byte{7}, 32), Virtual: true, RefreshUntil: now.Add(24 * time.Hour),
	}
}

func smallRefresh() token.Refresh {
	return token.Refresh{Claims: smallClaims(), Secret: [16]byte{1}}
}

func fullRefresh() token.Refresh {
	return token.Refresh{
		Claims: token.Claims{Grant: storage.NewID(now), Generation: 7, Client: "app_1", Organization: "org_1", Subject: "user:1",
			Epochs: storage.Epochs{Client: 1, Organization: 2, Member: 3}, Revision: 4, IssuedAt: now, ExpiresAt: now.Add(24 * time.Hour)},
		Secret: [16]byte{1, 15: 2}, ConsentedAt: now.Add(-time.Hour), Virtual: true,
		Scopes: []string{"a", "b"}, Audience: []string{"c"}, Metadata: []token.Binding{{Kind: "k", Value: "v"}},
		AbsoluteExpiry: now.Add(365 * 24 * time.Hour), AccessUntil: now.Add(time.Hour),
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	emptyEntries := smallAccess()
	emptyEntries.Scopes = []string{"", "b", ""}
	fractions := smallAccess()
	fractions.IssuedAt, fractions.ExpiresAt = now.Add(time.Second/2), now.Add(time.Hour+time.Second/3)
	for name, a := range map[string]token.Access{
		"small": smallAccess(), "full": fullAccess(), "empty entries": emptyEntries, "fractions of seconds": fractions,
	} {
		s, err := c.SealAccess(&a)
		ok(t, err)
		if !strings.HasPrefix(s, token.AccessPrefix) || token.Kind(s) != token.AccessPrefix || !plain(s) {
			t.Errorf("%s: %s", name, s)
		}
		got := fullAccess() // what is in it before is dropped
		ok(t, c.OpenAccess(s, &got))
		a.IssuedAt, a.ExpiresAt = a.IssuedAt.Truncate(time.Second), a.ExpiresAt.Truncate(time.Second)
		if !reflect.DeepEqual(got, a) {
			t.Errorf("%s: opened\n%+v\nwant\n%+v", name, got, a)
		}
		body, err := c.EncodeAccess(&a)
		ok(t, err)
		ok(t, c.DecodeAccess(body, &got))
		if !reflect.DeepEqual(got, a) {
			t.Errorf("%s: decoded\n%+v\nwant\n%+v", name, got, a)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	row := fullRefresh()
	row.Virtual, row.Scopes, row.Audience, row.Metadata = false, nil, nil, nil
	row.AbsoluteExpiry, row.AccessUntil = time.Time{}, time.Time{}
	for name, r := range map[string]token.Refresh{"small": smallRefresh(), "virtual": fullRefresh(), "with a row": row} {
		s, err := c.SealRefresh(&r)
		ok(t, err)
		if token.Kind(s) != token.RefreshPrefix || !plain(s) {
			t.Errorf("%s: %s", name, s)
		}
		got := fullRefresh()
		ok(t, c.OpenRefresh(s, &got))
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: opened\n%+v\nwant\n%+v", name, got, r)
		}
	}
}

func TestExpiredAt(t *testing.T) {
	t.Parallel()
	a, r := smallAccess(), smallRefresh()
	for d, want := range map[time.Duration]bool{0: false, time.Hour - 1: false, time.Hour: true, 2 * time.Hour: true} {
		if a.ExpiredAt(now.Add(d)) != want || r.ExpiredAt(now.Add(d)) != want {
			t.Errorf("after %v: expired is not %v", d, want)
		}
	}
}

// plain reports whether a credential survives headers, forms and Basic as it is.
func plain(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}

// forge gives a changed token the checksum that it needs, as an attacker would.
func forge(prefix string, body []byte) string {
	return string(keyring.AppendChecksum(base64.RawURLEncoding.AppendEncode([]byte(prefix), body)))
}

func bodyOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s[4 : len(s)-keyring.ChecksumSize])
	ok(t, err)
	return b
}

// What is inside is authenticated; a body that another version of this code wrote
// is still read strictly.
func TestDecodeAccessRefusals(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	a := fullAccess()
	body, err := c.EncodeAccess(&a)
	ok(t, err)
	small := smallAccess()
	least, err := c.EncodeAccess(&small)
	ok(t, err)
	refused := func(name string, body []byte) {
		t.Helper()
		got := fullAccess()
		if err := c.DecodeAccess(body, &got); !errors.Is(err, token.ErrMalformed) || !reflect.DeepEqual(got, token.Access{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	with := func(body []byte, at int, b ...byte) []byte {
		return append(append(bytes.Clone(body[:at]), b...), body[at+1:]...)
	}
	refused("nothing", nil)
	refused("one byte more", append(bytes.Clone(body), 0))
	refused("version 2", with(body, 0, 2))
	refused("unknown flag", with(body, 1, body[1]|0x80))
	refused("no grant", append(append(bytes.Clone(least[:2]), make([]byte, 16)...), least[18:]...))
	refused("generation in two bytes", with(least, 18, 0x80, 0x00))
	refused("generation of 33 bits", with(least, 18, 0x80, 0x80, 0x80, 0x80, 0x10))
	refused("epoch without an end", append(bytes.Clone(least[:19]), bytes.Repeat([]byte{0xff}, 20)...))
	refused("list longer than the rest", with(least, len(least)-1, 0xff, 0x01))
	for n := range body {
		refused("cut short", body[:n])
	}
}

func TestOpenAccessRefusals(t *testing.T) {
	t.Parallel()
	ring := newRing(t, nil)
	c := token.NewCodec(ring)
	a := fullAccess()
	s, err := c.SealAccess(&a)
	ok(t, err)
	r := smallRefresh()
	refresh, err := c.SealRefresh(&r)
	ok(t, err)
	reference, _ := c.NewOpaque(token.ReferencePrefix, now)
	foreign, err := newCodec(t).SealAccess(&a)
	ok(t, err)
	raw := bodyOf(t, s)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(raw)
		b[at] = to
		return b
	}
	text := s[:len(s)-keyring.ChecksumSize]
	again := func(text string) string { return string(keyring.AppendChecksum([]byte(text))) }
	// raw has 1 mod 3 or 2 mod 3 bytes or none; find a spelling of the same bytes
	// with other trailing bits where there are any.
	spelled := []byte(text)
	for len(raw)%3 == 0 {
		a.Client += "x"
		s, err = c.SealAccess(&a)
		ok(t, err)
		raw, text = bodyOf(t, s), s[:len(s)-keyring.ChecksumSize]
		spelled = []byte(text)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := &spelled[len(spelled)-1]
	*last = alphabet[strings.IndexByte(alphabet, *last)+1]

	for _, tc := range []struct {
		name, s string
		want    error
	}{
		{"empty", "", token.ErrMalformed},
		{"prefix", "gwa_", token.ErrMalformed},
		{"prefix and checksum", again("gwa_"), token.ErrMalformed},
		{"JWT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", token.ErrMalformed},
		{"no prefix", s[4:], token.ErrMalformed},
		{"upper-case prefix", "GWA_" + s[4:], token.ErrMalformed},
		{"space before", " " + s, token.ErrMalformed},
		{"space after", s + " ", token.ErrMalformed},
		{"line break after", s + "\n", token.ErrMalformed},
		{"twice", s + s, token.ErrMalformed},
		{"no checksum", text, token.ErrMalformed},
		{"wrong checksum", text + "000000", token.ErrMalformed},
		{"padded", again(text + "="), token.ErrMalformed},
		{"line break inside", again(text[:20] + "\n" + text[20:]), token.ErrMalformed},
		{"four line breaks inside", again(text[:20] + "\n\n\n\n" + text[20:]), token.ErrMalformed},
		{"carriage return inside", again(text[:20] + "\r" + text[20:]), token.ErrMalformed},
		{"NUL inside", again(text[:20] + "\x00" + text[21:]), token.ErrMalformed},
		{"standard alphabet", again(text[:20] + "+/" + text[22:]), token.ErrMalformed},
		{"trailing bits", again(string(spelled)), token.ErrMalformed},
		{"too short to be sealed", forge("gwa_", raw[:token.SealedMin-1]), token.ErrMalformed},
		{"endless", again("gwa_" + strings.Repeat("A", 1<<20)), token.ErrMalformed},
		{"endless, well made", forge("gwa_", append(bytes.Clone(raw), make([]byte, 1<<20)...)), token.ErrMalformed},
		{"version 0", forge("gwa_", change(0, 0)), token.ErrMalformed},
		{"version 2", forge("gwa_", change(0, 2)), token.ErrMalformed},
		{"unknown key", forge("gwa_", change(1, 0xff)), token.ErrUnknownKey},
		{"key of records", forge("gwa_", change(4, byte(ring.CurrentKey(keyring.Record)))), token.ErrUnknownKey},
		{"other nonce", forge("gwa_", change(5, raw[5]^1)), token.ErrTampered},
		{"other first byte", forge("gwa_", change(29, raw[29]^1)), token.ErrTampered},
		{"other tag", forge("gwa_", change(len(raw)-1, raw[len(raw)-1]^1)), token.ErrTampered},
		{"one byte less", forge("gwa_", raw[:len(raw)-1]), token.ErrTampered},
		{"one byte more", forge("gwa_", append(bytes.Clone(raw), 0)), token.ErrTampered},
		{"another installation's", foreign, token.ErrTampered},
		{"refresh token", refresh, token.ErrMalformed},
		{"refresh token renamed", forge("gwa_", bodyOf(t, refresh)), token.ErrTampered},
		{"reference", reference, token.ErrMalformed},
		{"reference renamed", forge("gwa_", bodyOf(t, reference)), token.ErrTampered},
		{"secret", token.NewSecret(), token.ErrMalformed},
	} {
		got := fullAccess()
		if err := c.OpenAccess(tc.s, &got); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if !reflect.DeepEqual(got, token.Access{}) {
			t.Errorf("%s: something is left in the token", tc.name)
		}
	}
	var got token.Access
	if err := c.OpenRefresh(forge("gwr_", raw), &token.Refresh{}); !errors.Is(err, token.ErrTampered) {
		t.Errorf("access token renamed to a refresh token: %v", err)
	}
	for n := range len(s) {
		if err := c.OpenAccess(s[:n], &got); err == nil {
			t.Fatalf("cut to %d characters, it opens", n)
		}
		if n >= 4 && n < len(text) {
			if err := c.OpenAccess(again(s[:n]), &got); err == nil {
				t.Fatalf("cut to %d characters with a right checksum, it opens", n)
			}
		}
	}
	for bit := range 8 * len(raw) {
		if err := c.OpenAccess(forge("gwa_", change(bit/8, raw[bit/8]^1<<(bit%8))), &got); err == nil {
			t.Fatalf("with bit %d flipped, it opens", bit)
		}
	}
	for i := range len(s) {
		b := []byte(s)
		b[i] ^= 1
		if err := c.OpenAccess(string(b), &got); !errors.Is(err, token.ErrMalformed) {
			t.Fatalf("mistyped at %d: %v, want ErrMalformed without a key", i, err)
		}
	}
}

// Copied keys carry no token into another issuer or environment.
func TestForeignInstallations(t *testing.T) {
	t.Parallel()
	shared := keyring.Config{Roots: []keyring.Root{keyring.NewRoot()}, Store: memory.New()}
	codec := func(issuer, environment string) *token.Codec {
		return token.NewCodec(newRing(t, func(c *keyring.Config) {
			c.Roots, c.Store, c.Issuer, c.Environment = shared.Roots, shared.Store, issuer, environment
		}))
	}
	home := codec("https://as.example", "production")
	a, r := fullAccess(), smallRefresh()
	access, err := home.SealAccess(&a)
	ok(t, err)
	refresh, err := home.SealRefresh(&r)
	ok(t, err)
	code, _ := home.NewOpaque(token.CodePrefix, now)
	for name, c := range map[string]*token.Codec{
		"issuer": codec("https://as2.example", "production"), "environment": codec("https://as.example", "sandbox"),
	} {
		if err := c.OpenAccess(access, &token.Access{}); !errors.Is(err, token.ErrTampered) {
			t.Errorf("other %s: access token: %v", name, err)
		}
		if err := c.OpenRefresh(refresh, &token.Refresh{}); !errors.Is(err, token.ErrTampered) {
			t.Errorf("other %s: refresh token: %v", name, err)
		}
		if _, err := c.OpaqueKey(token.CodePrefix, code); !errors.Is(err, token.ErrTampered) {
			t.Errorf("other %s: code: %v", name, err)
		}
		if bytes.Equal(c.RefreshHash(r.Secret, r.Grant), home.RefreshHash(r.Secret, r.Grant)) {
			t.Errorf("other %s: one refresh hash", name)
		}
	}
	same := codec("https://as.example", "production")
	ok(t, same.OpenAccess(access, &token.Access{}))
	ok(t, same.OpenRefresh(refresh, &token.Refresh{}))
	if !bytes.Equal(same.RefreshHash(r.Secret, r.Grant), home.RefreshHash(r.Secret, r.Grant)) {
		t.Error("another refresh hash on another instance")
	}
}

func TestSealRefusals(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	for name, tc := range map[string]struct {
		spoil func(*token.Access)
		want  error
	}{
		"no grant":            {func(a *token.Access) { a.Grant = storage.ID{} }, token.ErrIncomplete},
		"no client":           {func(a *token.Access) { a.Client = "" }, token.ErrIncomplete},
		"no issue time":       {func(a *token.Access) { a.IssuedAt = time.Time{} }, token.ErrIncomplete},
		"no expiry":           {func(a *token.Access) { a.ExpiresAt = time.Time{} }, token.ErrIncomplete},
		"expiry at issue":     {func(a *token.Access) { a.ExpiresAt = a.IssuedAt }, token.ErrIncomplete},
		"expiry before issue": {func(a *token.Access) { a.ExpiresAt = a.IssuedAt.Add(-time.Hour) }, token.ErrIncomplete},
		"before 1970":         {func(a *token.Access) { a.IssuedAt = time.Unix(-5, 0); a.ExpiresAt = time.Unix(5, 0) }, token.ErrIncomplete},
		"short thumbprint":    {func(a *token.Access) { a.Thumbprint = make([]byte, 31) }, token.ErrIncomplete},
		"refresh before":      {func(a *token.Access) { a.RefreshUntil = a.IssuedAt }, token.ErrIncomplete},
		"too long-lived":      {func(a *token.Access) { a.ExpiresAt = now.Add(24*time.Hour + time.Second) }, token.ErrLifetime},
		"far future":          {func(a *token.Access) { a.ExpiresAt = time.Unix(1<<60, 0) }, token.ErrIncomplete},
		"many scopes":         {func(a *token.Access) { a.Scopes = make([]string, 257) }, token.ErrTooLarge},
		"much metadata":       {func(a *token.Access) { a.Metadata = make([]token.Binding, 257) }, token.ErrTooLarge},
		"a large scope":       {func(a *token.Access) { a.Scopes = []string{strings.Repeat("s", 2000)} }, token.ErrTooLarge},
	} {
		a := fullAccess()
		tc.spoil(&a)
		if s, err := c.SealAccess(&a); s != "" || !errors.Is(err, tc.want) {
			t.Errorf("access, %s: %v, want %v", name, err, tc.want)
		}
	}
	for name, tc := range map[string]struct {
		spoil func(*token.Refresh)
		want  error
	}{
		"no grant":                 {func(r *token.Refresh) { r.Grant = storage.ID{} }, token.ErrIncomplete},
		"no client":                {func(r *token.Refresh) { r.Client = "" }, token.ErrIncomplete},
		"no secret":                {func(r *token.Refresh) { r.Secret = [16]byte{} }, token.ErrIncomplete},
		"expiry before issue":      {func(r *token.Refresh) { r.ExpiresAt = now.Add(-1) }, token.ErrIncomplete},
		"consent before 1970":      {func(r *token.Refresh) { r.ConsentedAt = time.Unix(-1, 0) }, token.ErrIncomplete},
		"scopes of a grant's row":  {func(r *token.Refresh) { r.Virtual = false }, token.ErrIncomplete},
		"absolute before issue":    {func(r *token.Refresh) { r.AbsoluteExpiry = now.Add(-time.Hour) }, token.ErrIncomplete},
		"access gone before issue": {func(r *token.Refresh) { r.AccessUntil = now.Add(-time.Hour) }, token.ErrIncomplete},
		"too long-lived":           {func(r *token.Refresh) { r.ExpiresAt = now.Add(4 * 365 * 24 * time.Hour) }, token.ErrLifetime},
		"a large scope":            {func(r *token.Refresh) { r.Scopes = []string{strings.Repeat("s", 4000)} }, token.ErrTooLarge},
		"many audiences":           {func(r *token.Refresh) { r.Audience = make([]string, 257) }, token.ErrTooLarge},
	} {
		r := fullRefresh()
		tc.spoil(&r)
		if s, err := c.SealRefresh(&r); s != "" || !errors.Is(err, tc.want) {
			t.Errorf("refresh, %s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestLargestToken(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	a := smallAccess()
	for n := 1; ; n++ {
		a.Scopes = []string{strings.Repeat("s", n)}
		s, err := c.SealAccess(&a)
		if errors.Is(err, token.ErrTooLarge) {
			if n < 1300 {
				t.Errorf("only %d bytes of scopes fit", n-1)
			}
			body, err := c.EncodeAccess(&a) // goes into a reference
			ok(t, err)
			ok(t, c.DecodeAccess(body, &token.Access{}))
			return
		}
		ok(t, err)
		if len(s) > token.MaxAccessSize {
			t.Fatalf("a token of %d bytes", len(s))
		}
		ok(t, c.OpenAccess(s, &token.Access{}))
	}
}

// A token that a wider ceiling let through is refused where the ceiling is lower:
// purging a change relies on it.
func TestCeiling(t *testing.T) {
	t.Parallel()
	ring := newRing(t, nil)
	wide, narrow := token.NewCodec(ring), token.NewCodec(ring)
	narrow.MaxLifetime, narrow.MaxRefreshLifetime = time.Hour-time.Second, time.Hour-time.Second
	a, r := smallAccess(), smallRefresh()
	access, err := wide.SealAccess(&a)
	ok(t, err)
	refresh, err := wide.SealRefresh(&r)
	ok(t, err)
	body, err := wide.EncodeAccess(&a)
	ok(t, err)
	var got token.Access
	if err := narrow.OpenAccess(access, &got); !errors.Is(err, token.ErrLifetime) || got.Client != "" {
		t.Errorf("OpenAccess = %v", err)
	}
	if err := narrow.DecodeAccess(body, &got); !errors.Is(err, token.ErrLifetime) || got.Client != "" {
		t.Errorf("DecodeAccess = %v", err)
	}
	if err := narrow.OpenRefresh(refresh, &token.Refresh{}); !errors.Is(err, token.ErrLifetime) {
		t.Errorf("OpenRefresh = %v", err)
	}
	if _, err := narrow.EncodeAccess(&a); !errors.Is(err, token.ErrLifetime) {
		t.Errorf("EncodeAccess = %v", err)
	}
	narrow.MaxLifetime = time.Hour
	ok(t, narrow.OpenAccess(access, &got))
	zero := token.NewCodec(ring)
	zero.MaxLifetime = 0
	if err := zero.OpenAccess(access, &got); !errors.Is(err, token.ErrLifetime) {
		t.Errorf("a ceiling of zero lets it through: %v", err)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	at := now
	ring := newRing(t, func(c *keyring.Config) {
		c.MaxTokenLifetime = time.Hour
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	})
	advance := func(d time.Duration) {
		mu.Lock()
		at = at.Add(d)
		mu.Unlock()
		ok(t, ring.Tick(t.Context()))
	}
	c := token.NewCodec(ring)
	a, r := smallAccess(), smallRefresh()
	access, err := c.SealAccess(&a)
	ok(t, err)
	refresh, err := c.SealRefresh(&r)
	ok(t, err)
	code, key := c.NewOpaque(token.CodePrefix, now)
	hash := c.RefreshHash(r.Secret, r.Grant)
	ok(t, ring.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	advance(time.Minute)
	next, err := c.SealAccess(&a)
	ok(t, err)
	if bodyOf(t, next)[4] == bodyOf(t, access)[4] {
		t.Fatal("the test is void: the same key")
	}
	ok(t, c.OpenAccess(access, &token.Access{}))
	ok(t, c.OpenRefresh(refresh, &token.Refresh{}))
	if got, err := c.OpaqueKey(token.CodePrefix, code); err != nil || !bytes.Equal(got, key) {
		t.Errorf("a code under the old key: %v", err)
	}
	if !bytes.Equal(c.RefreshHash(r.Secret, r.Grant), hash) {
		t.Error("the hash of a refresh secret changes with the key")
	}
	advance(2 * time.Hour)
	if err := c.OpenAccess(access, &token.Access{}); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("under a retired key: %v", err)
	}
	if _, err := c.OpaqueKey(token.CodePrefix, code); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("a code under a retired key: %v", err)
	}
}

func TestRefreshHash(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	g, h := storage.NewID(now), storage.NewID(now)
	a := c.RefreshHash([16]byte{1}, g)
	if len(a) != 32 || !bytes.Equal(a, c.RefreshHash([16]byte{1}, g)) {
		t.Error("the hash is not stable")
	}
	if bytes.Equal(a, c.RefreshHash([16]byte{2}, g)) || bytes.Equal(a, c.RefreshHash([16]byte{1}, h)) {
		t.Error("the hash does not depend on secret and grant")
	}
}

// Buffers are shared between calls; contents must not be.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			mine := fullAccess()
			mine.Client = strings.Repeat(string(rune('a'+g)), 1+g*30)
			mine.Scopes = []string{mine.Client, "x"}
			var kept []token.Access
			for range 200 {
				s, err := c.SealAccess(&mine)
				if err != nil {
					t.Error(err)
					return
				}
				var got token.Access
				if err := c.OpenAccess(s, &got); err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, got)
			}
			for _, got := range kept {
				if !reflect.DeepEqual(got, mine) {
					t.Errorf("another's content: %+v", got)
					return
				}
			}
		})
	}
	wg.Wait()
}
