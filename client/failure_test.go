package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/jose"
)

// TestTokenRefusals: a refused token request is an error with the bank's code,
// for everybody who waited, and nothing is sent to the API.
func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		code   string
	}{
		"wrong secret":     {401, `{"error":"invalid_client"}`, "invalid_client"},
		"wrong scope":      {400, `{"error":"invalid_scope","error_description":"send_money"}`, "invalid_scope"},
		"missing metadata": {400, `{"error":"invalid_request"}`, "invalid_request"},
		"replayed":         {409, `{"code":"message_replayed"}`, "message_replayed"},
		"away":             {503, `{"code":"temporarily_unavailable"}`, "temporarily_unavailable"},
		"no token":         {200, `{"token_type":"bearer"}`, CodeMalformed},
		"created":          {201, `{"token_type":"bearer","access_token":"a","expires_in":5}`, CodeNone},
		"a redirect":       {302, `{}`, CodeNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, jose.Compatible)
			b.refuse = func(string) (int, string) { return tt.status, tt.body }
			var log bytes.Buffer
			c := b.client(t, func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			h := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money"))
			body := &closer{Reader: strings.NewReader(`{}`)}
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL("customers", "1234xxxxxx567", "transfers"), body)
			_, err := h.Transport.RoundTrip(req)
			var e *Error
			if !errors.As(err, &e) || e.Op != "token" || e.Status != tt.status || e.Code != tt.code || e.MsgID == "" {
				t.Fatalf("%v", err)
			}
			if !body.closed {
				t.Error("the body was not closed")
			}
			if b.calls.Load() != 0 {
				t.Error("the API was called")
			}
			for _, secret := range []string{testAccount, testSecret} {
				if strings.Contains(err.Error()+log.String(), secret) {
					t.Errorf("%v / %s", err, log.String())
				}
			}
			if !strings.Contains(log.String(), "token refused") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// TestFailuresAreNotKept: the next call asks again.
func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.refuse = func(string) (int, string) { return 503, `{}` }
	c := b.client(t, nil)
	h := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money"))
	url := c.URL("customers", "1234xxxxxx567", "transfers")
	if _, _, err := get(t, h, url); err == nil {
		t.Fatal("no error")
	}
	b.mu.Lock()
	b.refuse = nil
	b.mu.Unlock()
	if a, _, err := get(t, h, url); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	// A retry whose new token cannot be had is that error, not the stale answer.
	b.killTokens()
	b.mu.Lock()
	b.refuse = func(string) (int, string) { return 403, `{"error":"access_denied"}` }
	b.mu.Unlock()
	_, _, err := get(t, h, url)
	var e *Error
	if !errors.As(err, &e) || e.Op != "token" || e.Code != "access_denied" {
		t.Errorf("%v", err)
	}
}

// keySource is one that fails or changes.
type keySource struct {
	mu   sync.Mutex
	keys *jose.PublicKeys
	err  error
}

func (s *keySource) PublicKeys(context.Context, string) (*jose.PublicKeys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.err
}

// TestRequestFailures: each way in which a request fails has its code.
func TestRequestFailures(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.hook = func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]string{}) }
	strangerKeys := func() *jose.PublicKeys {
		f := fixtures()
		k, err := jose.PublicKeyFromCertificate("", f.stranger.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := jose.NewPublicKeys(k)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}()
	for name, tt := range map[string]struct {
		change func(*Config)
		body   string
		code   string
		status int
	}{
		"not JSON":               {nil, `{`, CodeUnusable, 0},
		"a member twice":         {nil, `{"a":1,"a":2}`, CodeUnusable, 0},
		"an empty body":          {nil, ``, CodeUnusable, 0},
		"too large":              {func(c *Config) { c.MaxRequest = 10 }, `{"a":"0123456789"}`, CodeUnusable, 0},
		"no keys of the bank":    {func(c *Config) { c.BankKeys = &keySource{err: errors.New("away")} }, `{}`, CodeKeys, 0},
		"another's keys":         {func(c *Config) { c.BankKeys = strangerKeys }, `{}`, CodeUntrusted, 0},
		"the answer is large":    {func(c *Config) { c.MaxResponse = 100 }, `{}`, CodeUntrusted, 0},
		"strict, bank is not":    {func(c *Config) { c.Binding = jose.Strict }, `{}`, CodeUntrusted, 0},
		"another client's id":    {func(c *Config) { c.ClientID = "somebody" }, `{}`, CodeUnsealed, 403},
		"nobody listens":         {func(c *Config) { c.BaseURL = "https://127.0.0.1:1/" }, `{}`, CodeUnreachable, 0},
		"the bank takes forever": {func(c *Config) { c.Timeout = 1 }, `{}`, CodeUnreachable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := b.client(t, tt.change)
			_, _, err := post(t, as(t, c, KeyID()), c.URL("hook"), strings.NewReader(tt.body))
			var e *Error
			if !errors.As(err, &e) || e.Code != tt.code || e.Status != tt.status || e.MsgID == "" {
				t.Fatalf("%v", err)
			}
			if e.Unwrap() == nil {
				t.Error("no cause")
			}
		})
	}
}

// TestCutShort: an answer that ends early is unreachable, in sealed and in plain
// answers.
func TestCutShort(t *testing.T) {
	t.Parallel()
	cut := network{roundTrip(func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"pay`), failingReader{})
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body), ContentLength: -1}, nil
	})}
	b := newBank(t, jose.Compatible)
	c := b.client(t, nil)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url, nil)
	_, err := c.ask(req, "token", cut)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	sealing, err := jose.NewTransport(jose.TransportConfig{Base: cut, Key: fixtures().sign, Bank: b.keys.Public(), Binding: jose.Compatible})
	if err != nil {
		t.Fatal(err)
	}
	get, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url, nil)
	_, err = sealing.RoundTrip(get)
	if err = failure("request", "1", new(atomic.Bool), err); !errors.As(err, &e) || e.Code != CodeUnreachable {
		t.Errorf("%v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
