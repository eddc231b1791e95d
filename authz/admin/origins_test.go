package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// An origin that no browser sends would let nobody in, and nobody would know why.
func TestOriginsAreAsBrowsersSendThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory.New())
	ensure := func(origin string) error {
		_, err := w.service.EnsureKey(t.Context(), storage.Client{ID: token.NewClientID(), Organization: "acme", Origins: []string{origin}}, token.NewSecret())
		return err
	}
	for _, origin := range []string{"https://shop.example", "https://shop.example:8443", "http://localhost:5173", "http://127.0.0.1", "https://[2001:db8::1]:8443", "chrome-extension://abcdefgh"} {
		if err := ensure(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	for _, origin := range []string{"", "*", "null", "shop.example", "https://", "https://shop.example/", "https://shop.example/app", "https://*.shop.example", "https://Shop.example",
		"HTTPS://shop.example", "https://shop.example:443", "http://shop.example:80", "https://shop.example:", "https://ada@shop.example", "https://shop.example?x", "https://shop.example#x", "https://a.example,https://b.example"} {
		err := ensure(origin)
		if !errors.Is(err, admin.ErrInvalid) || !strings.Contains(err.Error(), "https://shop.example") {
			t.Errorf("%q: %v, want an error that shows how to write it", origin, err)
		}
	}
}
