package token_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
)

var opaque = []string{
	token.CodePrefix, token.DevicePrefix, token.RequestPrefix,
	token.ReferencePrefix, token.InteractionPrefix, token.RegistrationPrefix,
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	for _, prefix := range opaque {
		tok, key := c.NewOpaque(prefix, now)
		other, otherKey := c.NewOpaque(prefix, now)
		if token.Kind(tok) != prefix || !plain(tok) || tok == other || bytes.Equal(key, otherKey) || len(key) != token.OpaqueKeySize {
			t.Errorf("%s: %s under %x, %s under %x", prefix, tok, key, other, otherKey)
		}
		got, err := c.OpaqueKey(prefix, tok)
		if err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %x, %v, want %x", prefix, got, err, key)
		}
		if bytes.Contains(bodyOf(t, tok), key[6:]) {
			t.Errorf("%s: the credential shows its key", prefix)
		}
		for _, as := range opaque {
			if as == prefix {
				continue
			}
			if _, err := c.OpaqueKey(as, tok); !errors.Is(err, token.ErrMalformed) {
				t.Errorf("%s passes for %s: %v", prefix, as, err)
			}
			if _, err := c.OpaqueKey(as, forge(as, bodyOf(t, tok))); !errors.Is(err, token.ErrTampered) {
				t.Errorf("%s renamed to %s: %v", prefix, as, err)
			}
		}
	}
}

func TestOpaqueKeysSortByTime(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	var last []byte
	for i := range 100 {
		_, key := c.NewOpaque(token.CodePrefix, now.Add(time.Duration(i)*time.Millisecond))
		if bytes.Compare(last, key) >= 0 {
			t.Fatalf("%x comes after %x", last, key)
		}
		last = key
	}
}

func TestOpaqueRefusals(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	tok, _ := c.NewOpaque(token.CodePrefix, now)
	raw := bodyOf(t, tok)
	text := tok[:len(tok)-keyring.ChecksumSize]
	again := func(text string) string { return string(keyring.AppendChecksum([]byte(text))) }
	change := func(at int, to byte) string {
		b := bytes.Clone(raw)
		b[at] = to
		return forge(token.CodePrefix, b)
	}
	foreign, _ := newCodec(t).NewOpaque(token.CodePrefix, now)
	a := smallAccess()
	access, err := c.SealAccess(&a)
	ok(t, err)
	for _, tc := range []struct {
		name, prefix, tok string
		want              error
	}{
		{"empty", token.CodePrefix, "", token.ErrMalformed},
		{"empty prefix", "", tok, token.ErrMalformed},
		{"prefix of a sealed token", token.AccessPrefix, access, token.ErrMalformed},
		{"access token", token.CodePrefix, access, token.ErrMalformed},
		{"another installation's", token.CodePrefix, foreign, token.ErrTampered},
		{"unknown key", token.CodePrefix, change(1, 9), token.ErrUnknownKey},
		{"version 0", token.CodePrefix, change(0, 0), token.ErrMalformed},
		{"other time", token.CodePrefix, change(5, raw[5]^1), token.ErrTampered},
		{"other random", token.CodePrefix, change(11, raw[11]^1), token.ErrTampered},
		{"other tag", token.CodePrefix, change(47, raw[47]^1), token.ErrTampered},
		{"shorter", token.CodePrefix, forge(token.CodePrefix, raw[:45]), token.ErrMalformed},
		{"longer", token.CodePrefix, forge(token.CodePrefix, append(bytes.Clone(raw), 0, 0, 0)), token.ErrMalformed},
		{"line breaks", token.CodePrefix, again(text[:20] + "\n\n\n\n" + text[20:64]), token.ErrMalformed},
		{"space", token.CodePrefix, again(text[:67] + " "), token.ErrMalformed},
		{"wrong checksum", token.CodePrefix, text + "000000", token.ErrMalformed},
		{"upper-case prefix", token.CodePrefix, again("GWC_" + text[4:]), token.ErrMalformed},
	} {
		if key, err := c.OpaqueKey(tc.prefix, tc.tok); key != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %x, %v, want %v", tc.name, key, err, tc.want)
		}
	}
	for bit := range 8 * len(raw) {
		if key, err := c.OpaqueKey(token.CodePrefix, change(bit/8, raw[bit/8]^1<<(bit%8))); err == nil {
			t.Fatalf("with bit %d flipped: %x", bit, key)
		}
	}
	for _, prefix := range []string{"", "x", token.AccessPrefix, token.RefreshPrefix, token.SecretPrefix, "gwz_"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewOpaque(%q) did not panic", prefix)
				}
			}()
			c.NewOpaque(prefix, now)
		}()
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	s := token.NewSecret()
	if s == token.NewSecret() || !plain(s) || token.Kind(s) != token.SecretPrefix || !token.CheckSecret(s) {
		t.Errorf("a new secret %q", s)
	}
	again := func(text string) string { return string(keyring.AppendChecksum([]byte(text))) }
	text := s[:len(s)-keyring.ChecksumSize]
	for name, bad := range map[string]string{
		"empty": "", "prefix": token.SecretPrefix, "cut short": s[:len(s)-1], "longer": s + "0",
		"no prefix": s[4:], "other prefix": "gwa_" + s[4:], "wrong checksum": text + "000000",
		"short, right checksum": again(text[:len(text)-1]), "long, right checksum": again(text + "A"),
		"line break": again(text[:20] + "\n" + text[20:]), "trailing bits": again(text[:len(text)-1] + "_"),
		"space": " " + s,
	} {
		if token.CheckSecret(bad) {
			t.Errorf("%s: %q passes", name, bad)
		}
	}
}

func TestClientID(t *testing.T) {
	t.Parallel()
	id := token.NewClientID()
	if id == token.NewClientID() || !plain(id) || id != strings.ToLower(id) || !strings.HasPrefix(id, token.ClientIDPrefix) || len(id) != 28 {
		t.Errorf("a new client id %q", id)
	}
	if token.Kind(id) != "" {
		t.Errorf("Kind(%q) = %q", id, token.Kind(id))
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"gwa_x": "gwa_", "gwr_x": "gwr_", "gws_x": "gws_", "gwc_x": "gwc_", "gwo_x": "gwo_", "gwn_x": "gwn_",
		"": "", "gwa": "", "gwa_": "", "GWA_x": "", "gwz_x": "", " gwa_x": "", "gwk_x": "", "eyJhbGciOiJFUzI1NiJ9.e30.x": "",
	} {
		if got := token.Kind(s); got != want {
			t.Errorf("Kind(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestKeyID(t *testing.T) {
	t.Parallel()
	ring := newRing(t, nil)
	c := token.NewCodec(ring)
	a, r := smallAccess(), smallRefresh()
	access, err := c.SealAccess(&a)
	ok(t, err)
	refresh, err := c.SealRefresh(&r)
	ok(t, err)
	code, _ := c.NewOpaque(token.CodePrefix, now)
	for _, tok := range []string{access, refresh, code} {
		if id, ok := token.KeyID(tok); !ok || id != ring.CurrentKey(keyring.AccessToken) {
			t.Errorf("KeyID(%s) = %d, %v", tok, id, ok)
		}
	}
	for name, tok := range map[string]string{
		"empty": "", "prefix": "gwa_", "short": access[:11], "JWT": "eyJhbGciOiJFUzI1NiJ9.e30.x",
		"other version": "gwa_AgAAAAEA", "line break": "gwa_AQA\nAAEA", "not base64": "gwa_AQ+/AAEA",
		"secret": "gws_AQAAAAEAAAAAAAAAAAAAAAAAAAAA",
	} {
		if id, ok := token.KeyID(tok); ok {
			t.Errorf("%s: KeyID = %d", name, id)
		}
	}
}
