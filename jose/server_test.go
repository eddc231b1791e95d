package jose

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, binding := range []Binding{Compatible, Strict} {
		t.Run(binding.String(), func(t *testing.T) {
			t.Parallel()
			b := newBank(t, binding, nil, nil)
			c := newClient(t, binding, b, nil)
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				status, body, h := do(t, c, method, "/v1/transfers?dry=1&x=%2F", `{"amount":"1.00"}`)
				if status != 201 || body != `{"echo":{"amount":"1.00"}}` {
					t.Errorf("%s: %d %s", method, status, body)
				}
				if h.Get("Content-Type") != "application/json" || b.body != `{"amount":"1.00"}` {
					t.Errorf("%s: content type %q, the handler read %q", method, h.Get("Content-Type"), b.body)
				}
				m, ok := FromContext(b.last.Context())
				if !ok || m.ClientID != "client" || m.MsgID == "" || m.MsgID != b.last.Header.Get("MsgId") {
					t.Errorf("%s: message %+v", method, m)
				}
				if (m.Claims != nil) != (binding == Strict) {
					t.Errorf("%s: claims %+v", method, m.Claims)
				}
			}
			for _, method := range []string{"GET", "DELETE", "OPTIONS"} {
				status, body, _ := do(t, c, method, "/v1/accounts", "")
				if status != 201 || body != `{"echo":null}` {
					t.Errorf("%s: %d %s", method, status, body)
				}
				if _, ok := FromContext(b.last.Context()); ok {
					t.Errorf("%s: a message without a body", method)
				}
			}
			status, body, h := do(t, c, "HEAD", "/v1/accounts", "")
			if status != 201 || body != "" || h.Get("Content-Length") != "" {
				t.Errorf("HEAD: %d %q %v", status, body, h)
			}
			if b.spender.count() != 4 {
				t.Errorf("%d ids spent, want those of the 4 sealed requests", b.spender.count())
			}
		})
	}
}

// TestHonestRepeat: two equal requests under different ids both work.
func TestHonestRepeat(t *testing.T) {
	t.Parallel()
	for _, binding := range []Binding{Compatible, Strict} {
		b := newBank(t, binding, nil, nil)
		c := newClient(t, binding, b, nil)
		for range 2 {
			if status, _, _ := do(t, c, "POST", "/token", `{"grant_type":"client_credentials"}`); status != 201 {
				t.Errorf("%s: %d", binding, status)
			}
		}
		if b.calls != 2 {
			t.Errorf("%s: the handler ran %d times", binding, b.calls)
		}
	}
}

// TestServerRefuses: each refusal is sealed, the handler does not run, and no
// id is spent.
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	now := time.Now()
	strict := func(change func(*Claims)) string {
		c := requestClaimsAt(now)
		change(c)
		return sealFor(t, `{}`, c)
	}
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	stranger := header("Test-Certificate", "stranger")
	good := sealFor(t, `{}`, nil)
	goodStrict := strict(func(*Claims) {})
	tests := []struct {
		name    string
		binding Binding
		method  string
		path    string
		body    string
		change  func(*http.Request)
		status  int
		code    string
	}{
		{"plain JSON", Compatible, "POST", "/v1/transfers", `{"amount":1}`, nil, 400, "message_invalid"},
		{"plain JSON on GET", Compatible, "GET", "/v1/transfers", `{"amount":1}`, nil, 400, "message_invalid"},
		{"plain JSON on DELETE", Compatible, "DELETE", "/v1/transfers", `{"amount":1}`, nil, 400, "message_invalid"},
		{"no body", Compatible, "POST", "/v1/transfers", ``, nil, 400, "message_invalid"},
		{"no body on PUT", Compatible, "PUT", "/v1/transfers", ``, nil, 400, "message_invalid"},
		{"no body on PATCH", Compatible, "PATCH", "/v1/transfers", ``, nil, 400, "message_invalid"},
		{"bare JWS", Compatible, "POST", "/v1/transfers", honest().signed(), nil, 400, "message_invalid"},
		{"another client's message", Compatible, "POST", "/v1/transfers", good, stranger, 400, "message_invalid"},
		{"payload no JSON", Compatible, "POST", "/v1/transfers", sealFor(t, `amount=1`, nil), nil, 400, "message_invalid"},
		{"payload with a member twice", Compatible, "POST", "/v1/transfers", sealFor(t, `{"amount":1,"amount":2}`, nil), nil, 400, "message_invalid"},
		{"payload with a member in two cases", Compatible, "POST", "/v1/transfers", sealFor(t, `{"amount":1,"Amount":2}`, nil), nil, 400, "message_invalid"},
		{"empty payload", Compatible, "POST", "/v1/transfers", sealFor(t, ``, nil), nil, 400, "message_invalid"},
		{"content type", Compatible, "POST", "/v1/transfers", good, header("Content-Type", "text/plain"), 415, "unsupported_media_type"},
		{"content type jose", Compatible, "POST", "/v1/transfers", good, header("Content-Type", "application/jose+json"), 415, "unsupported_media_type"},
		{"content type in another charset", Compatible, "POST", "/v1/transfers", good, header("Content-Type", "application/json; charset=utf-16"), 415, "unsupported_media_type"},
		{"no content type", Compatible, "POST", "/v1/transfers", good, header("Content-Type"), 415, "unsupported_media_type"},
		{"two content types", Compatible, "POST", "/v1/transfers", good, header("Content-Type", "application/json", "application/json"), 415, "unsupported_media_type"},
		{"compressed", Compatible, "POST", "/v1/transfers", good, header("Content-Encoding", "gzip"), 415, "unsupported_media_type"},
		{"over the limit", Compatible, "POST", "/v1/transfers", good + strings.Repeat(" ", 1<<17), nil, 413, "message_too_large"},
		{"over the limit, length unknown", Compatible, "POST", "/v1/transfers", good + strings.Repeat(" ", 1<<17), func(r *http.Request) { r.ContentLength = -1 }, 413, "message_too_large"},
		{"no message id", Compatible, "POST", "/v1/transfers", good, header("MsgId"), 400, "message_id_invalid"},
		{"empty message id", Compatible, "POST", "/v1/transfers", good, header("MsgId", ""), 400, "message_id_invalid"},
		{"two message ids", Compatible, "POST", "/v1/transfers", good, header("MsgId", "a", "b"), 400, "message_id_invalid"},
		{"message id with a space", Compatible, "POST", "/v1/transfers", good, header("MsgId", "a b"), 400, "message_id_invalid"},
		{"message id too long", Compatible, "POST", "/v1/transfers", good, header("MsgId", strings.Repeat("a", 129)), 400, "message_id_invalid"},
		{"bad message id on GET", Compatible, "GET", "/v1/transfers", ``, header("MsgId", "a b"), 400, "message_id_invalid"},
		{"claims in the compatible profile", Compatible, "POST", "/v1/transfers", goodStrict, nil, 400, "message_invalid"},

		{"no claims in the strict profile", Strict, "POST", "/v1/transfers", good, nil, 400, "message_invalid"},
		{"captured body under a new message id", Strict, "POST", "/v1/transfers", goodStrict, header("MsgId", "m2"), 400, "message_invalid"},
		{"captured body without message id", Strict, "POST", "/v1/transfers", goodStrict, header("MsgId"), 400, "message_id_invalid"},
		{"captured body on another path", Strict, "POST", "/v1/beneficiaries", goodStrict, nil, 400, "message_invalid"},
		{"captured body with a query", Strict, "POST", "/v1/transfers?x=1", goodStrict, nil, 400, "message_invalid"},
		{"captured body on a path written otherwise", Strict, "POST", "/v1/%74ransfers", goodStrict, nil, 400, "message_invalid"},
		{"captured body under another method", Strict, "PUT", "/v1/transfers", goodStrict, nil, 400, "message_invalid"},
		{"another origin", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.URL = "https://api.other.example/v1/transfers" }), nil, 400, "message_invalid"},
		{"another scheme", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.URL = "http://api.bank.example/v1/transfers" }), nil, 400, "message_invalid"},
		{"htu with a fragment", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.URL += "#x" }), nil, 400, "message_invalid"},
		{"htu with a user", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.URL = "https://u@api.bank.example/v1/transfers" }), nil, 400, "message_invalid"},
		{"htu relative", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.URL = "/v1/transfers" }), nil, 400, "message_invalid"},
		{"another issuer", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Issuer = "stranger" }), nil, 400, "message_invalid"},
		{"another audience", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Audience = "other bank" }), nil, 400, "message_invalid"},
		{"no issuer", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Issuer = "" }), nil, 400, "message_invalid"},
		{"no jti", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.ID = "" }), nil, 400, "message_invalid"},
		{"no htm", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Method = "" }), nil, 400, "message_invalid"},
		{"no exp", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Expiry = time.Time{} }), nil, 400, "message_invalid"},
		{"no iat", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.IssuedAt = time.Time{} }), nil, 400, "message_invalid"},
		{"expired", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.IssuedAt, c.Expiry = now.Add(-5*time.Minute), now.Add(-2*time.Minute) }), nil, 400, "message_invalid"},
		{"from the future", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.IssuedAt, c.Expiry = now.Add(2*time.Minute), now.Add(3*time.Minute) }), nil, 400, "message_invalid"},
		{"valid for too long", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Expiry = now.Add(time.Hour) }), nil, 400, "message_invalid"},
		{"exp before iat", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.IssuedAt, c.Expiry = now.Add(20*time.Second), now.Add(10*time.Second) }), nil, 400, "message_invalid"},
		{"a response's claims", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.Status = 200 }), nil, 400, "message_invalid"},
		{"another reply's claims", Strict, "POST", "/v1/transfers", strict(func(c *Claims) { c.InReplyTo = "m0" }), nil, 400, "message_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, tt.binding, func(c *ServerConfig) { c.MaxRequest = 64 << 10 }, nil)
			status, body, rec := send(t, b, tt.method, tt.path, tt.body, tt.change)
			if status != tt.status || !strings.Contains(body, `"code":"`+tt.code+`"`) {
				t.Errorf("%d %s (%.80s), want a sealed %d %s", status, body, rec.Body, tt.status, tt.code)
			}
			if b.calls != 0 {
				t.Error("the handler ran")
			}
			if b.spender.count() != 0 {
				t.Error("a message that was refused spent an id")
			}
		})
	}
}

func TestServerReplay(t *testing.T) {
	t.Parallel()
	for _, binding := range []Binding{Compatible, Strict} {
		b := newBank(t, binding, nil, nil)
		body := sealFor(t, `{}`, nil)
		if binding == Strict {
			body = sealFor(t, `{}`, requestClaimsAt(time.Now()))
		}
		if status, _, _ := send(t, b, "POST", "/v1/transfers", body, nil); status != 201 {
			t.Fatalf("%s: the first: %d", binding, status)
		}
		status, text, _ := send(t, b, "POST", "/v1/transfers", body, nil)
		if status != 409 || !strings.Contains(text, `"code":"message_replayed"`) {
			t.Errorf("%s: the second: %d %s", binding, status, text)
		}
		if b.calls != 1 {
			t.Errorf("%s: the handler ran %d times", binding, b.calls)
		}
		for key, until := range b.spender.used {
			if key != "client\x00m1" || time.Until(until) < 24*time.Hour-time.Minute {
				t.Errorf("%s: spent %q until %v", binding, key, until)
			}
		}
	}
}

// TestServerReplayRace: of many equal requests at once, one gets through.
func TestServerReplayRace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ran := 0
	cfgSpender := &spender{}
	cfg := Bank(testKeyring(t))
	cfg.Spend, cfg.Logger = cfgSpender.spend, slog.New(slog.DiscardHandler)
	cfg.Resolve = func(*http.Request) (Peer, error) {
		return Peer{ID: "client", Verify: []*PublicKey{clientKey().Public()}, Encrypt: clientKey().Public()}, nil
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := s.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		ran++
		mu.Unlock()
	}))
	body := sealFor(t, `{}`, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("MsgId", "m1")
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	wg.Wait()
	if ran != 1 {
		t.Errorf("the handler ran %d times", ran)
	}
}

func TestServerStoreDown(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, nil)
	b.spender.down = errors.New("connection refused")
	status, text, rec := send(t, b, "POST", "/v1/transfers", sealFor(t, `{}`, nil), nil)
	if status != 503 || !strings.Contains(text, "temporarily_unavailable") || rec.Header().Get("Retry-After") == "" || b.calls != 0 {
		t.Errorf("%d %s, handler ran %d times", status, text, b.calls)
	}
}

// TestUnprovenClient: until the client is proven, refusals are plain and alike.
func TestUnprovenClient(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, nil)
	var first string
	for _, body := range []string{sealFor(t, `{}`, nil), `{}`, ``} {
		_, _, rec := send(t, b, "POST", "/v1/transfers", body, func(r *http.Request) { r.Header.Del("Test-Certificate") })
		if rec.Code != 401 || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
		if first == "" {
			first = rec.Body.String()
		}
		if rec.Body.String() != first {
			t.Errorf("%s differs from %s", rec.Body, first)
		}
	}
	if b.calls != 0 || b.spender.count() != 0 {
		t.Error("something ran")
	}
}

func TestMsgIDOptional(t *testing.T) {
	t.Parallel()
	without := func(r *http.Request) { r.Header.Del("MsgId") }
	optional := func(c *ServerConfig) {
		c.MsgIDOptional = func(r *http.Request) bool { return r.URL.Path == "/v1/quotes" }
	}
	b := newBank(t, Compatible, optional, nil)
	if status, _, _ := send(t, b, "POST", "/v1/quotes", sealFor(t, `{}`, nil), without); status != 201 {
		t.Errorf("optional and absent: %d", status)
	}
	if status, _, _ := send(t, b, "POST", "/v1/transfers", sealFor(t, `{}`, nil), without); status != 400 {
		t.Errorf("required and absent: %d", status)
	}
	for i, want := range []int{201, 409} {
		if status, _, _ := send(t, b, "POST", "/v1/quotes", sealFor(t, `{}`, nil), nil); status != want {
			t.Errorf("optional and there, time %d: %d", i+1, status)
		}
	}
	b = newBank(t, Strict, optional, nil)
	if status, _, _ := send(t, b, "POST", "/v1/quotes", sealFor(t, `{}`, nil), without); status != 400 {
		t.Errorf("strict: %d", status)
	}
}

// TestPeerBinding: clients move to the strict profile one by one.
func TestPeerBinding(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, func(c *ServerConfig) {
		c.Resolve = func(*http.Request) (Peer, error) {
			return Peer{ID: "client", Verify: []*PublicKey{clientKey().Public()}, Encrypt: clientKey().Public(), Binding: Strict}, nil
		}
	}, nil)
	if status, _, _ := do(t, newClient(t, Strict, b, nil), "POST", "/v1/transfers", `{}`); status != 201 {
		t.Errorf("strict: %d", status)
	}
	if status, _, _ := send(t, b, "POST", "/v1/transfers", sealFor(t, `{}`, nil), nil); status != 400 {
		t.Errorf("compatible: %d", status)
	}
}

// TestResolverMisuse: a peer without a key to answer to is refused, plainly.
func TestResolverMisuse(t *testing.T) {
	t.Parallel()
	for name, peer := range map[string]Peer{
		"no id":           {Encrypt: clientKey().Public()},
		"no key":          {ID: "client"},
		"a signature key": {ID: "client", Encrypt: clientKey().Public().WithUse(UseSignature)},
	} {
		b := newBank(t, Compatible, func(c *ServerConfig) {
			c.Resolve = func(*http.Request) (Peer, error) { return peer, nil }
		}, nil)
		if status, _, _ := send(t, b, "GET", "/", "", nil); status != 401 || b.calls != 0 {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// TestStrictPrefix: htu is what the client called, whatever a mux has stripped.
func TestStrictPrefix(t *testing.T) {
	t.Parallel()
	b := newBank(t, Strict, nil, nil)
	b.handler = http.StripPrefix("/rb", b.handler)
	if status, _, _ := do(t, newClient(t, Strict, b, nil), "POST", "/rb/v1/transfers", `{}`); status != 201 {
		t.Errorf("%d", status)
	}
}

func TestRequestClone(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, nil)
	var seen *http.Request
	status, _, _ := send(t, b, "POST", "/v1/transfers", sealFor(t, `{"a":1}`, nil), func(r *http.Request) {
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("Range", "bytes=0-1")
		seen = r
	})
	if status != 201 {
		t.Fatal(status)
	}
	if b.last.Header.Get("Accept-Encoding") != "" || b.last.Header.Get("Range") != "" {
		t.Error("the handler is asked for a coding or a range")
	}
	if b.last.ContentLength != 7 || b.last.Header.Get("Content-Length") != "7" || b.last.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the handler sees %d, %v", b.last.ContentLength, b.last.Header)
	}
	if seen.Header.Get("Accept-Encoding") == "" || seen.Header.Get("Content-Length") == "7" {
		t.Error("the caller's request was changed")
	}
}

// TestRefusalLog: the caller sees the code, the log the cause, and neither the
// message.
func TestRefusalLog(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := newBank(t, Compatible, func(c *ServerConfig) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) }, nil)
	for _, tt := range []struct {
		body, certificate string
		want              []string
	}{
		{`{"account":"1234999999567"}`, "client", []string{"status=400", "code=message_invalid", "reason=not_encrypted", "of another kind"}},
		{sealFor(t, `{"account":"1234999999567",}`, nil), "client", []string{"status=400", "reason=payload"}},
		{`{"account":"1234999999567"}`, "", []string{"status=401", "code=client_not_accepted", "no certificate"}},
	} {
		out.Reset()
		send(t, b, "POST", "/v1/x", tt.body, func(r *http.Request) { r.Header.Set("Test-Certificate", tt.certificate) })
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the log lacks %q: %s", want, out.String())
			}
		}
		if strings.Contains(out.String(), "1234999999567") {
			t.Errorf("the log has the payload: %s", out.String())
		}
	}
}

// TestTargetURL: behind a proxy that rewrites paths the host says what was called.
func TestTargetURL(t *testing.T) {
	t.Parallel()
	b := newBank(t, Strict, func(c *ServerConfig) {
		c.Origin = ""
		c.TargetURL = func(r *http.Request) string { return testOrigin + "/public" + r.URL.Path }
	}, nil)
	claims := requestClaimsAt(time.Now())
	claims.URL = testOrigin + "/public/v1/x"
	if status, _, _ := send(t, b, "POST", "/v1/x", sealFor(t, `{}`, claims), nil); status != 201 {
		t.Errorf("%d", status)
	}
	claims.URL = testOrigin + "/v1/x"
	if status, _, _ := send(t, b, "POST", "/v1/x", sealFor(t, `{}`, claims), nil); status != 400 {
		t.Errorf("as the proxy wrote it: %d", status)
	}
}
