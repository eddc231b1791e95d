package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestCheckClient(t *testing.T) {
	t.Parallel()
	identity := &Identity{Client: "partner"}
	if err := identity.CheckClient("partner"); err != nil {
		t.Error(err)
	}
	for name, got := range map[string]error{
		"another":      identity.CheckClient("self"),
		"case":         identity.CheckClient("Partner"),
		"none":         identity.CheckClient(""),
		"nil":          (*Identity)(nil).CheckClient("partner"),
		"empty for ''": (&Identity{}).CheckClient(""),
	} {
		if !errors.Is(got, ErrOtherClient) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Refusals of certificates look alike: none tells whether a certificate is known.
func TestRefusalsLookAlike(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		ErrNoCertificate, ErrMalformed, ErrUntrustedPeer, ErrNotVerified, ErrKey, ErrUsage, ErrExtension, ErrExpired,
		ErrNotYetValid, ErrIssuer, ErrSubject, ErrNotRegistered, ErrRevoked, ErrOtherClient,
	} {
		w := httptest.NewRecorder()
		refuse(w, err)
		want := `{"type":"about:blank","title":"Forbidden","status":403,"code":"client_certificate_refused"}` + "\n"
		if w.Code != http.StatusForbidden || w.Body.String() != want {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	refuse(w, errors.New("unforeseen"))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("an unforeseen error: %d", w.Code)
	}
}

func TestRegistryAnswers(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	own := &refusal{http.StatusUnauthorized, "client_suspended", "suspended"}
	broken := errors.New("broken")
	var registryError *RegistryError
	for name, tt := range map[string]struct {
		client string
		err    error
		want   func(error) bool
	}{
		"no client":            {"", nil, func(err error) bool { return errors.Is(err, ErrNotRegistered) }},
		"refused in its way":   {"partner", own, func(err error) bool { return errors.Is(err, own) }},
		"failed with a client": {"partner", broken, func(err error) bool { return errors.As(err, &registryError) && errors.Is(err, broken) }},
	} {
		v, err := New(func(context.Context, Presented) (string, error) { return tt.client, tt.err }, Config{})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{f.partner.Certificate}}
		if identity, err := v.Check(r); identity != nil || !tt.want(err) {
			t.Errorf("%s: %v, %v", name, identity, err)
		}
	}
}

func TestThumbprint(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	own := ThumbprintOf(f.partner.Certificate)
	parsed, err := ParseThumbprint(own.String())
	if err != nil || parsed != own {
		t.Fatalf("%v, %v", parsed, err)
	}
	var text Thumbprint
	b, _ := own.MarshalText()
	if err := text.UnmarshalText(b); err != nil || text != own {
		t.Fatalf("%v, %v", text, err)
	}
	if err := own.CheckBound(own.String()); err != nil {
		t.Error(err)
	}
	other := ThumbprintOf(f.stranger.Certificate)
	for name, confirmation := range map[string]string{
		"another certificate": other.String(),
		"empty":               "",
		"padded":              own.String() + "=",
		"cut":                 own.String()[:42],
		"other alphabet":      "+" + own.String()[1:],
		"newline":             own.String() + "\n",
		"trailing bits":       own.String()[:42] + trailingBits(own.String()[42]),
		"hexadecimal":         sha(f.partner.Certificate),
	} {
		if err := own.CheckBound(confirmation); !errors.Is(err, ErrNotBound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Thumbprint{}).CheckBound(Thumbprint{}.String()); !errors.Is(err, ErrNotBound) {
		t.Errorf("zero to zero: %v", err)
	}
	if !(Thumbprint{}).IsZero() || own.IsZero() {
		t.Error("IsZero")
	}
}

func TestPublicKeyHash(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	renewed, err := f.ca.Issue(mtlstest.Leaf{CommonName: "someone.else", PrivateKey: f.partner.Key})
	if err != nil {
		t.Fatal(err)
	}
	own := PublicKeyHash(f.partner.Certificate)
	if PublicKeyHash(renewed.Certificate) != own || ThumbprintOf(renewed.Certificate) == ThumbprintOf(f.partner.Certificate) {
		t.Error("a renewed certificate of the same key")
	}
	if PublicKeyHash(f.stranger.Certificate) == own {
		t.Error("another key")
	}
}

// trailingBits returns another last character that decodes to the same bytes.
func trailingBits(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(alphabet) {
		if alphabet[i] == last {
			return string(alphabet[i|1])
		}
	}
	return "!"
}

func BenchmarkCheck(b *testing.B) {
	f := pairs(b)
	pins := Pins{ThumbprintOf(f.partner.Certificate): "partner"}
	direct, err := New(pins.Lookup, Config{})
	if err != nil {
		b.Fatal(err)
	}
	proxied, err := New(pins.Lookup, Config{Proxy: &Proxy{Header: ClientCert(), Trusted: func(*http.Request) bool { return true }}})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{f.partner.Certificate}}
	r.Header.Set("Client-Cert", b64(f.partner.Certificate))
	for name, v := range map[string]*Verifier{"TLS": direct, "ClientCert": proxied} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Check(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
