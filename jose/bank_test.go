package jose

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// spender is a Spend func over a map.
type spender struct {
	mu   sync.Mutex
	used map[string]time.Time
	down error
}

func (s *spender) spend(_ context.Context, client, id string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	if s.used == nil {
		s.used = map[string]time.Time{}
	}
	key := client + "\x00" + id
	if _, seen := s.used[key]; seen {
		return ErrReplayed
	}
	s.used[key] = until
	return nil
}

func (s *spender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.used)
}

// bank is one server under test, called without a network.
type bank struct {
	handler http.Handler
	spender *spender
	calls   int
	last    *http.Request
	body    string
}

const testOrigin = "https://api.bank.example"

// newBank serves one client, which a header names, as a stand-in for the
// certificate: "client" or "stranger".
func newBank(t testing.TB, binding Binding, change func(*ServerConfig), next http.HandlerFunc) *bank {
	t.Helper()
	b := &bank{spender: &spender{}}
	cfg := Bank(testKeyring(t))
	cfg.Binding = binding
	cfg.Issuer, cfg.Origin = "bank", testOrigin
	cfg.Spend = b.spender.spend
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Resolve = func(r *http.Request) (Peer, error) {
		switch r.Header.Get("Test-Certificate") {
		case "client":
			return Peer{ID: "client", Verify: []*PublicKey{clientKey().Public()}, Encrypt: clientKey().Public()}, nil
		case "stranger":
			return Peer{ID: "stranger", Verify: []*PublicKey{strangerKey().Public()}, Encrypt: strangerKey().Public()}, nil
		}
		return Peer{}, errors.New("no certificate")
	}
	if change != nil {
		change(&cfg)
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.handler = s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.calls++
		b.last = r
		body, _ := io.ReadAll(r.Body)
		b.body = string(body)
		if next != nil {
			next(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"echo":`+orNull(body)+`}`)
	}))
	return b
}

func orNull(p []byte) string {
	if len(p) == 0 {
		return "null"
	}
	return string(p)
}

// RoundTrip lets a Transport call the bank, over HTTP/1.1's own framing.
func (b *bank) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	b.handler.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = r
	if r.Method == http.MethodHead { // as net/http does
		res.Body = http.NoBody
	}
	return res, nil
}

// certificate adds the stand-in header.
type certificate struct {
	name string
	base http.RoundTripper
}

func (c certificate) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Test-Certificate", c.name)
	return c.base.RoundTrip(r)
}

func newClient(t testing.TB, binding Binding, base http.RoundTripper, change func(*TransportConfig)) *http.Client {
	t.Helper()
	cfg := TransportConfig{
		Base: certificate{"client", base}, Key: clientKey(), Bank: testKeyring(t).Public(), Binding: binding,
		ClientID: "client", BankID: "bank",
	}
	if change != nil {
		change(&cfg)
	}
	tr, err := NewTransport(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: tr}
}

func do(t testing.TB, c *http.Client, method, path, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, testOrigin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = nil
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v (%s, %v)", method, path, err, ReasonOf(err), errors.Unwrap(errors.Unwrap(err)))
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.ContentLength >= 0 && int(res.ContentLength) != len(got) {
		t.Errorf("ContentLength %d for %d bytes", res.ContentLength, len(got))
	}
	return res.StatusCode, string(got), res.Header
}

// sealFor makes a request's body as a client does.
func sealFor(t testing.TB, payload string, claims *Claims) string {
	t.Helper()
	sealed, err := Seal(nil, []byte(payload), clientKey(), bankDecryption().Public(), SealOptions{Claims: claims})
	if err != nil {
		t.Fatal(err)
	}
	return string(sealed)
}

func requestClaimsAt(now time.Time) *Claims {
	return &Claims{
		Issuer: "client", Audience: "bank", IssuedAt: now, Expiry: now.Add(time.Minute),
		ID: "m1", Method: "POST", URL: testOrigin + "/v1/transfers",
	}
}

// send posts a finished body and opens the answer as the client would.
func send(t testing.TB, b *bank, method, path, body string, change func(*http.Request)) (int, string, *httptest.ResponseRecorder) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Test-Certificate", "client")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("MsgId", "m1")
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, r)
	if rec.Body.Len() == 0 {
		return rec.Code, "", rec
	}
	m, err := Open(rec.Body.Bytes(), []*PrivateKey{clientKey(), strangerKey()}, []*PublicKey{bankSigning().Public()}, OpenOptions{})
	if err != nil {
		return rec.Code, "", rec
	}
	return rec.Code, string(m.Payload), rec
}
