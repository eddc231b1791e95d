package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// TestTimeout: a request that takes longer than Config.Timeout fails like any
// other, so that its caller learns under which message id it may have arrived.
func TestTimeout(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	release := make(chan struct{})
	b.hook = func(http.ResponseWriter, *http.Request) { <-release }
	t.Cleanup(func() { close(release) })
	c := b.client(t, func(c *Config) { c.Timeout = 200 * time.Millisecond })
	for range 5 {
		_, _, err := post(t, as(t, c, KeyID()), c.URL("hook"), strings.NewReader(`{}`))
		var e *Error
		if !errors.As(err, &e) || e.Op != "request" || e.Code != CodeUnreachable || e.MsgID == "" {
			t.Fatalf("%v", err)
		}
		var timeout net.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("it does not say that time ran out: %v", err)
		}
	}
}

// TestTimeoutOfABody: where answers are not sealed they are read as they come,
// and Config.Timeout limits that too.
func TestTimeoutOfABody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"half":`)
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	c, err := New(Config{Environment: Sandbox, BaseURL: s.URL, ClientID: "app", ClientSecret: "x", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL("hook"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := as(t, c, KeyID()).Do(req)
	if err == nil {
		defer func() { _ = res.Body.Close() }()
		_, err = io.ReadAll(res.Body)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
