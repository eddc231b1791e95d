package jose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// jwksServer serves what answer writes, over TLS, and counts.
func jwksServer(t *testing.T, answer http.HandlerFunc) (url string, roots *x509.CertPool, hits *atomic.Int32) {
	t.Helper()
	hits = new(atomic.Int32)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		answer(w, r)
	}))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv.URL, roots, hits
}

func TestRemote(t *testing.T) {
	t.Parallel()
	ring := testKeyring(t)
	var down atomic.Bool
	url, roots, hits := jwksServer(t, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(500)
			return
		}
		ring.ServeHTTP(w, r)
	})
	r, err := NewRemote(url, RemoteConfig{RootCAs: roots, AllowPrivate: true, RefreshAfter: time.Minute, RetryAfter: time.Second, StaleFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var offset atomic.Int64
	r.now = func() time.Time { return time.Unix(1_700_000_000, offset.Load()) }
	pass := func(d time.Duration) { offset.Add(int64(d)) }

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := r.PublicKeys(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if hits.Load() != 1 {
		t.Fatalf("%d fetches for 8 callers", hits.Load())
	}
	// A kid that is missing: one look, and not again at once.
	pass(2 * time.Second)
	for range 3 {
		if _, err := r.PublicKeys(t.Context(), "unknown"); err != nil {
			t.Fatal(err)
		}
	}
	if hits.Load() != 2 {
		t.Errorf("%d fetches, want one more for the missing kid", hits.Load())
	}
	if err := ring.Replace(Keys{Signing: []*PrivateKey{nextKey()}, Decryption: []*PrivateKey{bankDecryption()}}); err != nil {
		t.Fatal(err)
	}
	pass(2 * time.Second)
	keys, err := r.PublicKeys(t.Context(), "next")
	if err != nil || !keys.hasVerifying("next") || keys.hasVerifying("bank-sig") {
		t.Errorf("after a rotation: %v", err)
	}
	// The server fails: the last keys count for a while, and no longer.
	down.Store(true)
	pass(2 * time.Minute)
	if _, err := r.PublicKeys(t.Context(), "other"); err != nil {
		t.Errorf("stale: %v", err)
	}
	pass(2 * time.Hour)
	if _, err := r.PublicKeys(t.Context(), ""); err == nil {
		t.Error("keys of two hours ago still count")
	}
	down.Store(false)
	pass(2 * time.Second)
	if _, err := r.PublicKeys(t.Context(), ""); err != nil {
		t.Errorf("not recovered: %v", err)
	}
}

func TestRemoteRefuses(t *testing.T) {
	t.Parallel()
	good := testKeyring(t).JWKS()
	write := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
	}
	redirected, _, _ := jwksServer(t, write(good))
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		cfg    RemoteConfig
		text   string
	}{
		"private address": {write(good), RemoteConfig{}, "not public"},
		"too large":       {write([]byte(strings.Repeat(" ", 2000) + string(good))), RemoteConfig{AllowPrivate: true, MaxBytes: 1000}, "over 1000 bytes"},
		"no keys":         {write([]byte(`{"keys":[]}`)), RemoteConfig{AllowPrivate: true}, "no key"},
		"no JSON":         {write([]byte(`<html>`)), RemoteConfig{AllowPrivate: true}, "strict JSON"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, redirected, http.StatusFound) },
			RemoteConfig{AllowPrivate: true}, "answered 302"},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, RemoteConfig{AllowPrivate: true}, "answered 404"},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(2 * time.Second):
			}
		}, RemoteConfig{AllowPrivate: true, Timeout: 50 * time.Millisecond}, "JWKS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, roots, hits := jwksServer(t, tt.answer)
			tt.cfg.RootCAs = roots
			r, err := NewRemote(url, tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := r.PublicKeys(t.Context(), ""); err == nil || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%v, want one about %q", err, tt.text)
				}
			}
			if hits.Load() > 1 {
				t.Errorf("%d fetches within RetryAfter", hits.Load())
			}
		})
	}
	url, _, _ := jwksServer(t, write(good))
	r, err := NewRemote(url, RemoteConfig{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.PublicKeys(t.Context(), ""); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err = NewRemote(url, RemoteConfig{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.PublicKeys(ctx, ""); err != nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "certificate") {
		t.Errorf("canceled: %v", err)
	}
}

func TestNewRemoteRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "keys.json", "/keys", "http://a.example/keys", "ftp://a.example/keys", "https://u:p@a.example/keys", "https://a.example/keys#x", "https:///keys", "://"} {
		if _, err := NewRemote(url, RemoteConfig{}); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
	if _, err := NewRemote("http://a.example/keys", RemoteConfig{InsecureAllowHTTP: true}); err != nil {
		t.Error(err)
	}
	if _, err := NewRemote("https://a.example/keys", RemoteConfig{Timeout: -1}); err == nil {
		t.Error("a negative timeout was accepted")
	}
}

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false,
		"192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false,
		"fec0::1": false, "ff02::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "2001::1": false,
		"64:ff9b::7f00:1": false, "100::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "2606:4700::1111%1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
