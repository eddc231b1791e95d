package signin_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

// from makes a browser's requests come from an address, as the test's
// ClientAddress believes.
func (b *browser) from(address string) *browser {
	b.send = func(r *http.Request) { r.Header.Set("Test-Address", address) }
	return b
}

func believing(s *setup) {
	s.ClientAddress = func(r *http.Request) (netip.Addr, error) { return netip.ParseAddr(r.Header.Get("Test-Address")) }
}

func (b *browser) fail(t *testing.T, at, username string, times int) {
	t.Helper()
	page := b.get(at)
	for range times {
		b.wantPage(b.submit(page, "username", username, "password", "wrong"), http.StatusBadRequest, "is wrong")
	}
}

// Over an account's limit not even the right password is tried, from anywhere.
func TestAccountLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, believing, func(s *setup) { s.Attempts.Account = 3 })
	for i, username := range []string{"bob", "BOB", " bob "} {
		w.browser().from(fmt.Sprintf("192.0.2.%d", i)).fail(t, authorize(), username, 1)
	}
	asked := w.users.asked.Load()
	b := w.browser().from("192.0.2.77")
	got := b.submit(b.get(authorize()), "username", "bob", "password", password)
	b.wantPage(got, http.StatusTooManyRequests, "There were too many failed attempts. Please try again in")
	b.wantPage(got, http.StatusTooManyRequests, loginForm)
	if wait, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 900 {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	if w.users.asked.Load() != asked {
		t.Error("a throttled attempt reached the host")
	}
	reasons := map[string]int{}
	for _, e := range w.events("signin.failed", 4) {
		reasons[e.Reason]++
	}
	if reasons["throttled"] != 1 {
		t.Errorf("reasons %v", reasons)
	}
	// Others are served, and so is Bob when the window is over.
	b.wantPage(b.signIn(authorize(), "ada@example.com"), http.StatusOK, consentForm)
	w.clock.advance(31 * time.Minute)
	b.wantPage(w.browser().from("192.0.2.77").signIn(authorize(), "bob"), http.StatusOK, consentForm)
}

// A stranger at one address does not lock a person out at the others.
func TestOneStrangerLocksNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, believing)
	stranger := w.browser().from("192.0.2.1")
	stranger.fail(t, authorize(), "bob", 10)
	stranger.wantPage(stranger.submit(stranger.get(authorize()), "username", "bob", "password", password), http.StatusTooManyRequests, loginForm)
	b := w.browser().from("192.0.2.2")
	b.wantPage(b.signIn(authorize(), "bob"), http.StatusOK, consentForm)
}

// Addresses together cannot guess on for ever.
func TestStrangersTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, believing, func(s *setup) { s.Attempts.Account, s.Attempts.AccountAddress = 6, 2 })
	for i := range 3 {
		w.browser().from(fmt.Sprintf("192.0.2.%d", i)).fail(t, authorize(), "bob", 2)
	}
	b := w.browser().from("192.0.2.77")
	b.wantPage(b.submit(b.get(authorize()), "username", "bob", "password", password), http.StatusTooManyRequests, loginForm)
}

// An address that tries many accounts is stopped; an IPv6 one with its network.
func TestAddressLimit(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][3]string{
		"IPv4":   {"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"},
		"IPv6":   {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"},
		"zoned":  {"fe80::1%eth0", "fe80::1%eth1", "192.0.2.9"},
		"mapped": {"::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, believing, func(s *setup) { s.Attempts.Account, s.Attempts.Address = 2, 5 })
			for i := range 5 {
				w.browser().from(addresses[0]).fail(t, authorize(), fmt.Sprintf("user%d", i), 1)
			}
			b := w.browser().from(addresses[1])
			b.wantPage(b.submit(b.get(authorize()), "username", "bob", "password", password), http.StatusTooManyRequests, loginForm)
			b = w.browser().from(addresses[2])
			b.wantPage(b.signIn(authorize(), "bob"), http.StatusOK, consentForm)
		})
	}
}

// Strangers who guess do not lock out the browser that a person uses; that one
// has a limit of its own.
func TestKnownBrowserIsNotLockedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, believing, func(s *setup) { s.Attempts.Account, s.Attempts.Address = 2, 4 })
	home := w.browser().from("192.0.2.1")
	home.signIn(authorize(), "bob")
	home.submit(home.get("/oauth2/session/"), "sign_out", "1")

	stranger := w.browser().from("192.0.2.1")
	stranger.fail(t, authorize(), "bob", 2)
	stranger.fail(t, authorize(), "ada@example.com", 2)
	page := stranger.get(authorize())
	stranger.wantPage(stranger.submit(page, "username", "bob", "password", password), http.StatusTooManyRequests, loginForm)

	home.wantPage(home.signIn(authorize(), "bob"), http.StatusOK, consentForm)
	// It is known for Bob's account only.
	page = home.get(authorize("prompt", "login"))
	home.wantPage(home.submit(page, "username", "ada@example.com", "password", password), http.StatusTooManyRequests, loginForm)
	// And who has the browser may not guess on.
	home.fail(t, authorize("prompt", "login"), "bob", 2)
	home.wantPage(home.submit(page, "username", "bob", "password", password), http.StatusTooManyRequests, loginForm)
}

// Many attempts at once do not get past the limit together.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Attempts.Account = 3 })
	w.users.delay = 5 * time.Millisecond
	b := w.browser()
	page := b.get(authorize())
	var mu sync.Mutex
	var wg sync.WaitGroup
	statuses := map[int]int{}
	for range 40 {
		wg.Go(func() {
			got := b.submit(page, "username", "bob", "password", "wrong")
			mu.Lock()
			defer mu.Unlock()
			statuses[got.Status]++
		})
	}
	wg.Wait()
	if statuses[http.StatusBadRequest] != 3 || statuses[http.StatusTooManyRequests] != 37 || w.users.asked.Load() != 3 {
		t.Errorf("statuses %v, the host was asked %d times; want 3 tries", statuses, w.users.asked.Load())
	}
}

// However many sign in at once, with the right password nobody is refused.
func TestHonestLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Attempts.Account, s.Attempts.Address = 1, 1 })
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			b := w.browser()
			page := b.get(authorize())
			if got := b.submit(page, "username", []string{"bob", "ada@example.com"}[i%2], "password", password); got.Status != http.StatusSeeOther {
				t.Errorf("status %d", got.Status)
			}
		})
	}
	wg.Wait()
}

// Without an address to count for, nobody signs in.
func TestAddressUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, believing)
	b := w.browser()
	got := b.submit(b.get(authorize()), "username", "bob", "password", password)
	if got.Status != http.StatusBadRequest || w.users.asked.Load() != 0 {
		t.Errorf("status %d, asked %d times", got.Status, w.users.asked.Load())
	}
}
