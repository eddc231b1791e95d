package jose

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestResponsesSealed: whatever the handler writes leaves sealed, under
// application/json, and the inner type travels in cty.
func TestResponsesSealed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		handler     http.HandlerFunc
		status      int
		contentType string
		body        string
	}{
		{"implicit status", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"a":1}`) }, 200, "application/json", `{"a":1}`},
		{"in pieces", func(w http.ResponseWriter, _ *http.Request) {
			for range 3000 {
				_, _ = io.WriteString(w, "[],")
			}
		}, 200, "text/plain; charset=utf-8", strings.Repeat("[],", 3000)},
		{"problem", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(403)
			_, _ = io.WriteString(w, `{"code":"no"}`)
		}, 403, "application/problem+json", `{"code":"no"}`},
		{"http.Error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", 500) }, 500, "text/plain; charset=utf-8", "broken\n"},
		{"http.NotFound", http.NotFound, 404, "text/plain; charset=utf-8", "404 page not found\n"},
		{"second WriteHeader", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `1`)
		}, 201, "application/json", `1`},
		{"header after WriteHeader", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `1`)
		}, 200, "application/json", `1`},
		{"informational first", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(202)
			_, _ = io.WriteString(w, `1`)
		}, 202, "application/json", `1`},
		{"status that is none", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(7)
			_, _ = io.WriteString(w, `1`)
		}, 500, "application/json", `1`},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write(make([]byte, 20<<10)); !errors.Is(err, ErrResponseTooLarge) {
				w.Header().Set("Unexpected", "yes")
			}
			_, _ = io.WriteString(w, `1`)
		}, 500, "application/problem+json", `{"status":500,"title":"Internal Server Error","code":"internal_error"}`},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "x")
		}, 500, "application/problem+json", `{"status":500,"title":"Internal Server Error","code":"internal_error"}`},
		{"a JOSE type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "not a type")
			_, _ = io.WriteString(w, "x")
		}, 200, "application/json", `x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, Strict, func(c *ServerConfig) { c.MaxResponse = 16 << 10 }, tt.handler)
			for _, method := range []string{"GET", "POST"} {
				body := ""
				if method == "POST" {
					body = `{}`
				}
				status, got, h := do(t, newClient(t, Strict, b, nil), method, "/v1/x", body)
				if status != tt.status || got != tt.body || h.Get("Content-Type") != tt.contentType {
					t.Errorf("%s: %d %q %q", method, status, h.Get("Content-Type"), got)
				}
				if h.Get("Content-Encoding") != "" || h.Get("Unexpected") != "" {
					t.Errorf("%s: headers %v", method, h)
				}
			}
		})
	}
}

// TestResponseOnTheWire: what the network sees of a response.
func TestResponseOnTheWire(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", "13")
		h.Set("Content-Digest", "sha-256=:x:")
		h.Set("Trailer", "Secret")
		h.Set("Location", "/v1/x/1")
		h.Set(http.TrailerPrefix+"Other", "secret")
		_, _ = io.WriteString(w, `{"secret":42}`)
		h.Set("Secret", "42")
	})
	_, body, rec := send(t, b, "GET", "/v1/x", "", nil)
	if body != `{"secret":42}` {
		t.Fatalf("%s", rec.Body)
	}
	if strings.Contains(rec.Body.String(), "secret") {
		t.Error("the plaintext shows")
	}
	h := rec.Header()
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Location": "/v1/x/1", "Cache-Control": "no-store",
		"Content-Digest": "", "Trailer": "", "Secret": "", http.TrailerPrefix + "Other": "",
	} {
		if got := strings.Join(h[http.CanonicalHeaderKey(name)], ","); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n := h.Get("Content-Length"); n == "13" || n == "" {
		t.Errorf("Content-Length %q", n)
	}
}

func TestBodylessStayEmpty(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		method string
		write  bool
	}{
		"204":            {204, "POST", false},
		"204, written":   {204, "POST", true},
		"304":            {304, "GET", true},
		"200 empty":      {200, "GET", false},
		"201 empty":      {201, "POST", false},
		"403 empty":      {403, "POST", false},
		"HEAD":           {200, "HEAD", true},
		"HEAD, no bytes": {200, "HEAD", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, Compatible, nil, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				if !tt.write {
					return
				}
				if _, err := io.WriteString(w, `{}`); (err == nil) != (r.Method == "HEAD") {
					t.Errorf("writing a body: %v", err)
				}
			})
			body := ""
			if tt.method == "POST" {
				body = sealFor(t, `{}`, nil)
			}
			_, _, rec := send(t, b, tt.method, "/v1/x", body, nil)
			if rec.Code != tt.status {
				t.Errorf("status %d", rec.Code)
			}
			if tt.method != "HEAD" && (rec.Body.Len() != 0 || rec.Header().Get("Content-Type") != "") {
				t.Errorf("%q, %v", rec.Body, rec.Header())
			}
		})
	}
}

// TestWriterCapabilities: there is no way around the sealing.
func TestWriterCapabilities(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Flusher); ok {
			t.Error("it flushes")
		}
		if _, ok := w.(http.Hijacker); ok {
			t.Error("it hijacks")
		}
		if _, ok := w.(http.Pusher); ok {
			t.Error("it pushes")
		}
		if _, ok := w.(io.ReaderFrom); ok {
			t.Error("it reads from")
		}
		if _, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			t.Error("it unwraps")
		}
		rc := http.NewResponseController(w)
		if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Flush: %v", err)
		}
		if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: %v", err)
		}
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		if err := rc.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetReadDeadline: %v", err)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	srv := httptest.NewServer(b.handler)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nTest-Certificate: client\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if !bytes.HasPrefix(body, []byte(`{"protected":"`)) {
		t.Errorf("%.80s", body)
	}
}

// TestHandlerPanic: nothing of a response that was begun is sent.
func TestHandlerPanic(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, nil, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"half":`)
		panic(http.ErrAbortHandler)
	})
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Test-Certificate", "client")
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic was swallowed")
			}
		}()
		b.handler.ServeHTTP(rec, r)
	}()
	if rec.Body.Len() != 0 {
		t.Errorf("%q was sent", rec.Body)
	}
}

// TestExchangeAlone: a host with its own order of controls.
func TestExchangeAlone(t *testing.T) {
	t.Parallel()
	cfg := Bank(testKeyring(t))
	cfg.Spend, cfg.Logger = (&spender{}).spend, slog.New(slog.DiscardHandler)
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/x", strings.NewReader(sealFor(t, `{"a":1}`, nil)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("MsgId", "m9")
	rec := httptest.NewRecorder()
	x, err := s.Begin(rec, r, Peer{ID: "client", Verify: []*PublicKey{clientKey().Public()}, Encrypt: clientKey().Public()})
	if err != nil {
		t.Fatal(err)
	}
	if x.MsgID() != "m9" {
		t.Errorf("MsgID %q", x.MsgID())
	}
	opened, err := x.Open()
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(opened.Body); string(body) != `{"a":1}` {
		t.Errorf("body %q", body)
	}
	_, _ = io.WriteString(x, `{"b":2}`)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	n := rec.Body.Len()
	if err := x.Close(); err != nil || rec.Body.Len() != n {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := io.WriteString(x, "more"); err == nil {
		t.Error("written after Close")
	}
	m, err := Open(rec.Body.Bytes(), []*PrivateKey{clientKey()}, []*PublicKey{bankSigning().Public()}, OpenOptions{})
	if err != nil || string(m.Payload) != `{"b":2}` {
		t.Errorf("%v", err)
	}
	if _, err := s.Begin(rec, r, Peer{ID: "client", Encrypt: clientKey().Public(), Binding: Strict}); err == nil {
		t.Error("a strict client of a server without an issuer")
	}
	rec = httptest.NewRecorder()
	s.Handler(http.NotFoundHandler()).ServeHTTP(rec, r)
	if rec.Code != 401 {
		t.Errorf("a server without a resolver answered %d", rec.Code)
	}
}
