package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

func both(t *testing.T, run func(t *testing.T, binding jose.Binding)) {
	for _, binding := range []jose.Binding{jose.Compatible, jose.Strict} {
		t.Run(binding.String(), func(t *testing.T) {
			t.Parallel()
			run(t, binding)
		})
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, binding jose.Binding) {
		b := newBank(t, binding)
		c := b.client(t, nil)
		mask, err := Mask(testAccount)
		if err != nil || mask != "1234xxxxxx567" {
			t.Fatal(mask, err)
		}
		transfers := c.URL("customers", mask, "transfers")
		partner := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money", "beneficiary_management"))
		for range 3 {
			a, res, err := post(t, partner, transfers, strings.NewReader(`{"amount":"1.00"}`))
			if err != nil || a.status != 200 || a.For != testAccount || a.Got != `{"amount":"1.00"}` || a.Scope != "beneficiary_management send_money" {
				t.Fatalf("%+v %v", a, err)
			}
			if MsgID(res) == "" || res.Request.Header.Get("MsgId") != MsgID(res) {
				t.Error("no message id on the response's request")
			}
			for _, secret := range []string{"Authorization", "X-Ibm-Client-Secret"} {
				if res.Request.Header.Get(secret) != "" {
					t.Errorf("the response shows %s", secret)
				}
			}
		}
		if n := b.tokenRequests.Load(); n != 1 {
			t.Errorf("%d token requests for three calls", n)
		}
		// The same scopes in another order are the same token; other metadata another.
		same := as(t, c, Application(Metadata{AccountID: testAccount}, "beneficiary_management send_money", "send_money"))
		if _, _, err := get(t, same, transfers); err != nil || b.tokenRequests.Load() != 1 {
			t.Errorf("%v, %d token requests", err, b.tokenRequests.Load())
		}
		other := as(t, c, Application(Metadata{AccountID: otherAccount}, "send_money"))
		if a, _, err := get(t, other, transfers); err != nil || a.For != otherAccount {
			t.Errorf("%+v %v", a, err)
		}
		if a, _, err := get(t, as(t, c, Application(Metadata{EmiratesID: "7841999999999999567"}, "send_money")), transfers); err != nil || a.Code != "masked_id_refused" {
			t.Errorf("%+v %v", a, err)
		}
		if a, _, err := get(t, as(t, c, KeyID()), c.URL("branches")); err != nil || a.status != 200 {
			t.Errorf("%+v %v", a, err)
		}
		if a, _, err := get(t, as(t, c, KeyAndSecret()), c.URL("fx_rates")); err != nil || a.status != 200 {
			t.Errorf("%+v %v", a, err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, h := range b.seen[:5] {
			if h.Get("X-IBM-Client-Secret") != "" {
				t.Errorf("call %d with a token sent the secret as well", i)
			}
		}
		ids := map[string]bool{}
		for _, h := range b.seen {
			if ids[h.Get("MsgId")] {
				t.Error("a message id twice")
			}
			ids[h.Get("MsgId")] = true
		}
	})
}

// TestSelfSigned: the certificate is shown whatever issuers the server names.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := b.client(t, func(c *Config) { c.Certificate = fixtures().selfSigned.TLS() })
	if a, _, err := get(t, as(t, c, KeyID()), c.URL("branches")); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	if !c.CertificateExpiry().Equal(fixtures().selfSigned.Certificate.NotAfter) {
		t.Error(c.CertificateExpiry())
	}
}

// TestCallersCredentials: what a caller puts there does not reach the bank.
func TestCallersCredentials(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := b.client(t, nil)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL("branches"), nil)
	req.SetBasicAuth("a", "b")
	req.Header.Set("X-IBM-Client-Id", "somebody")
	req.Header.Set("X-Ibm-Client-Secret", "guess")
	req.Header.Add("MsgId", "1")
	req.Header.Add("MsgId", "1")
	if a, _, err := do(t, as(t, c, KeyID()), req); err != nil || a.status != 200 {
		t.Fatalf("%+v %v", a, err)
	}
	h := b.seen[0]
	if h.Get("Authorization") != "" || h.Get("X-IBM-Client-Id") != testClient || h.Get("X-IBM-Client-Secret") != "" || len(h.Values("MsgId")) != 1 || h.Get("MsgId") == "1" {
		t.Errorf("%v", h)
	}
	if req.Header.Get("X-IBM-Client-Id") != "somebody" {
		t.Error("the caller's request was changed")
	}
}

func TestHeaderNames(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := b.client(t, func(c *Config) { c.ClientIDHeader = "x-ibm-client-id" }) // any spelling
	if a, _, err := get(t, as(t, c, KeyID()), c.URL("branches")); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	c = b.client(t, func(c *Config) { c.ClientIDHeader = "App-Key" })
	_, _, err := get(t, as(t, c, KeyID()), c.URL("branches"))
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnsealed || e.Status != http.StatusForbidden || e.MsgID == "" {
		t.Errorf("%v", err)
	}
}

func TestForeignURLs(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := b.client(t, nil)
	h := as(t, c, KeyAndSecret())
	for _, url := range []string{
		"https://evil.example/rb/api/v1/branches", "http://" + strings.TrimPrefix(b.url, "https://") + "/branches",
		strings.Replace(b.url, "127.0.0.1", "localhost", 1) + "/branches", "https://127.0.0.1/rb/api/v1/branches",
		strings.Replace(b.url, "https://", "https://evil.example@", 1) + "/../..", "/rb/api/v1/branches", "https:branches",
	} {
		body := &closer{Reader: strings.NewReader(`{}`)}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(url, "@") { // the same origin; the user is not sent
			continue
		}
		if _, err := h.Transport.RoundTrip(req); !errors.Is(err, ErrForeignURL) {
			t.Errorf("%s: %v", url, err)
		}
		if !body.closed {
			t.Errorf("%s: the body was not closed", url)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL("branches"), nil)
	req.Host = "evil.example"
	if _, err := h.Do(req); !errors.Is(err, ErrForeignURL) {
		t.Errorf("Host: %v", err)
	}
	if b.calls.Load() != 0 {
		t.Error("a call came through")
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

// TestRedirects: one that leads elsewhere is not followed, even by a caller who
// would like to.
func TestRedirects(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.hook = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
	}
	c := b.client(t, nil)
	h := as(t, c, KeyAndSecret())
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, c.URL("hook"), nil)
	if a, _, err := do(t, h, req); err != nil || a.status != http.StatusTemporaryRedirect {
		t.Errorf("%+v %v", a, err)
	}
	h.CheckRedirect = nil
	if _, err := h.Do(req); !errors.Is(err, ErrForeignURL) {
		t.Errorf("%v", err)
	}
}

// TestOneTokenInFlight: however many wait, one request fetches.
func TestOneTokenInFlight(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.slow = 100 * time.Millisecond
	c := b.client(t, nil)
	h := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money"))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if a, _, err := get(t, h, c.URL("customers", "1234xxxxxx567", "transfers")); err != nil || a.status != 200 {
				t.Errorf("%+v %v", a, err)
			}
		})
	}
	wg.Wait()
	if n := b.tokenRequests.Load(); n != 1 {
		t.Errorf("%d token requests", n)
	}
	// And again when all are refused at once.
	b.killTokens()
	for range 16 {
		wg.Go(func() {
			if a, _, err := get(t, h, c.URL("customers", "1234xxxxxx567", "transfers")); err != nil || a.status != 200 {
				t.Errorf("%+v %v", a, err)
			}
		})
	}
	wg.Wait()
	if n := b.tokenRequests.Load(); n != 2 {
		t.Errorf("%d token requests after all tokens died", n)
	}
}

// TestExpiry: a token is renewed shortly before its end.
func TestExpiry(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	now := time.Now()
	var mu sync.Mutex
	c := b.client(t, func(c *Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		c.ExpiryMargin = 10 * time.Second
	})
	h := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money"))
	for i, tt := range []struct {
		later time.Duration
		want  int64
	}{{0, 1}, {3589 * time.Second, 1}, {2 * time.Second, 2}, {time.Minute, 2}} {
		mu.Lock()
		now = now.Add(tt.later)
		mu.Unlock()
		if _, _, err := get(t, h, c.URL("customers", "1234xxxxxx567", "transfers")); err != nil {
			t.Fatal(err)
		}
		if n := b.tokenRequests.Load(); n != tt.want {
			t.Errorf("%d: %d token requests, want %d", i, n, tt.want)
		}
	}
}
