package client

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// config is a partner's, in production.
func (b *bank) config() Config {
	f := fixtures()
	return Config{
		Environment: Production, BaseURL: b.url, ClientID: testClient, ClientSecret: testSecret,
		Certificate: f.partner.TLS(), BankKeys: b.keys.Public(), Binding: b.binding, BankID: "test-bank", RootCAs: f.ca.Pool(),
	}
}

func (b *bank) client(t testing.TB, change func(*Config)) *Client {
	t.Helper()
	cfg := b.config()
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func as(t testing.TB, c *Client, who Identity) *http.Client {
	t.Helper()
	h, err := c.HTTPClient(who)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answer is what the APIs of the test bank say.
type answer struct {
	Scope, Got, For, Code string
	status                int
}

func get(t testing.TB, h *http.Client, url string) (answer, *http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, h, req)
}

func post(t testing.TB, h *http.Client, url string, body io.Reader) (answer, *http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return do(t, h, req)
}

func do(t testing.TB, h *http.Client, req *http.Request) (answer, *http.Response, error) {
	t.Helper()
	res, err := h.Do(req)
	if err != nil {
		return answer{}, nil, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil && err != io.EOF {
		t.Errorf("answer: %v", err)
	}
	return a, res, nil
}
