package jose

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a base that answers with a finished body.
func answer(status int, contentType, body string) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Type", contentType)
		rec.WriteHeader(status)
		_, _ = io.WriteString(rec, body)
		return rec.Result(), nil
	}
}

// bankSays seals a response as the bank does.
func bankSays(t testing.TB, payload string, o SealOptions) string {
	t.Helper()
	sealed, err := Seal(nil, []byte(payload), bankSigning(), clientKey().Public(), o)
	if err != nil {
		t.Fatal(err)
	}
	return string(sealed)
}

func TestTransportRefusesResponses(t *testing.T) {
	t.Parallel()
	byStranger, err := Seal(nil, []byte(`{}`), strangerKey(), clientKey().Public(), SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	toStranger, err := Seal(nil, []byte(`{}`), bankSigning(), strangerKey().Public(), SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reflected, err := Seal(nil, []byte(`{}`), clientKey(), clientKey().Public(), SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		contentType, body string
		unsealed          bool
		want              Reason
	}{
		"plain JSON":              {"application/json", `{"balance":1}`, true, ReasonNotEncrypted},
		"plain problem":           {"application/problem+json", `{"code":"x"}`, true, ReasonMediaType},
		"a proxy's page":          {"text/html", `<h1>Bad Gateway</h1>`, true, ReasonMediaType},
		"no JSON":                 {"application/json", `oops`, true, ReasonSyntax},
		"bare JWS":                {"application/json", honest().signed(), true, ReasonNotEncrypted},
		"signed by another":       {"application/json", string(byStranger), false, ReasonKey},
		"sealed to another":       {"application/json", string(toStranger), false, ReasonKey},
		"the client's own":        {"application/json", string(reflected), false, ReasonKey},
		"claims, compatible":      {"application/json", bankSays(t, `{}`, SealOptions{Claims: &Claims{Issuer: "bank"}}), false, ReasonBinding},
		"over the limit":          {"application/json", bankSays(t, `"`+strings.Repeat("x", 4000)+`"`, SealOptions{}), false, ""},
		"sealed, but other media": {"text/plain", bankSays(t, `{}`, SealOptions{}), true, ReasonMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Compatible, answer(200, tt.contentType, tt.body), func(c *TransportConfig) { c.MaxResponse = 4096 })
			res, err := c.Get(testOrigin + "/v1/x")
			if err == nil {
				res.Body.Close()
				t.Fatal("a response was returned")
			}
			var unsealed *UnsealedError
			if errors.As(err, &unsealed) != tt.unsealed || tt.unsealed && unsealed.Status != 200 {
				t.Errorf("%v", err)
			}
			if ReasonOf(err) != tt.want {
				t.Errorf("reason %q, want %q", ReasonOf(err), tt.want)
			}
			for _, secret := range []string{"balance", "Bad Gateway", "oops"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats the body: %v", err)
				}
			}
		})
	}
}

// TestTransportStrictResponses: a response counts for its own request only.
func TestTransportStrictResponses(t *testing.T) {
	t.Parallel()
	target := testOrigin + "/v1/x"
	now := time.Now()
	good := func() *Claims {
		return &Claims{
			Issuer: "bank", Audience: "client", IssuedAt: now, Expiry: now.Add(time.Minute), ID: "r1",
			InReplyTo: "m1", RequestHash: RequestHash("GET", target, nil), Status: 200,
		}
	}
	for name, tt := range map[string]struct {
		change func(*Claims)
		status int
		want   Reason
	}{
		"as it must be":          {func(*Claims) {}, 200, ""},
		"another request":        {func(c *Claims) { c.InReplyTo = "m0" }, 200, ReasonBinding},
		"no request":             {func(c *Claims) { c.InReplyTo = "" }, 200, ReasonBinding},
		"another target":         {func(c *Claims) { c.RequestHash = RequestHash("GET", target+"?y", nil) }, 200, ReasonBinding},
		"another method":         {func(c *Claims) { c.RequestHash = RequestHash("PUT", target, nil) }, 200, ReasonBinding},
		"another body":           {func(c *Claims) { c.RequestHash = RequestHash("GET", target, []byte("x")) }, 200, ReasonBinding},
		"no hash":                {func(c *Claims) { c.RequestHash = "" }, 200, ReasonBinding},
		"no hash in a refusal":   {func(c *Claims) { c.RequestHash, c.Status = "", 403 }, 403, ""},
		"another in a refusal":   {func(c *Claims) { c.RequestHash, c.Status = "x", 403 }, 403, ReasonBinding},
		"status changed outside": {func(*Claims) {}, 201, ReasonBinding},
		"no status":              {func(c *Claims) { c.Status = 0 }, 200, ReasonBinding},
		"another bank":           {func(c *Claims) { c.Issuer = "other" }, 200, ReasonBinding},
		"another client":         {func(c *Claims) { c.Audience = "stranger" }, 200, ReasonBinding},
		"no id of its own":       {func(c *Claims) { c.ID = "" }, 200, ReasonBinding},
		"expired":                {func(c *Claims) { c.IssuedAt, c.Expiry = now.Add(-time.Hour), now.Add(-time.Hour+time.Minute) }, 200, ReasonTime},
		"a request's claims":     {func(c *Claims) { c.Method, c.URL = "GET", target }, 200, ReasonBinding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := good()
			tt.change(claims)
			c := newClient(t, Strict, answer(tt.status, "application/json", bankSays(t, `{}`, SealOptions{Claims: claims})),
				func(c *TransportConfig) { c.NewMsgID = func() string { return "m1" } })
			res, err := c.Get(target)
			if err == nil {
				res.Body.Close()
			}
			if ReasonOf(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("%v (%s), want %q", err, ReasonOf(err), tt.want)
			}
		})
	}
	c := newClient(t, Strict, answer(200, "application/json", bankSays(t, `{}`, SealOptions{})), nil)
	if _, err := c.Get(target); ReasonOf(err) != ReasonBinding {
		t.Errorf("without claims: %v", err)
	}
}

func TestTransportRefusesRequests(t *testing.T) {
	t.Parallel()
	c := newClient(t, Strict, roundTripFunc(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("sent")
	}), func(c *TransportConfig) { c.MaxRequest = 1000 })
	for name, tt := range map[string]struct {
		method, body, contentType, encoding, msgID string
	}{
		"no body":            {"POST", "", "application/json", "", ""},
		"no body in PUT":     {"PUT", "", "", "", ""},
		"a form":             {"POST", "a=1", "application/x-www-form-urlencoded", "", ""},
		"no JSON":            {"POST", "a=1", "application/json", "", ""},
		"a member twice":     {"POST", `{"a":1,"a":2}`, "application/json", "", ""},
		"compressed":         {"POST", `{}`, "application/json", "gzip", ""},
		"too large":          {"POST", `"` + strings.Repeat("x", 1000) + `"`, "application/json", "", ""},
		"malformed MsgId":    {"POST", `{}`, "application/json", "", "a b"},
		"plain body in GET":  {"GET", `a=1`, "text/plain", "", ""},
		"JOSE as the inside": {"POST", `{}`, "application/jose+json", "", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, testOrigin, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", tt.contentType)
		if tt.encoding != "" {
			req.Header.Set("Content-Encoding", tt.encoding)
		}
		if tt.msgID != "" {
			req.Header.Set("MsgId", tt.msgID)
		}
		if res, err := c.Do(req); err == nil {
			res.Body.Close()
			t.Errorf("%s: sent", name)
		}
	}
}

// TestTransportRequest: what leaves, and that the caller's request is whole.
func TestTransportRequest(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	ids := map[string]bool{}
	c := newClient(t, Compatible, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		sent = r
		ids[r.Header.Get("MsgId")] = true
		return answer(204, "", "")(r)
	}), nil)
	for range 3 {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://user@api.bank.example/v1/x#f", strings.NewReader(`{"a":1}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "k")
		res, err := c.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if req.Header.Get("MsgId") != "" || req.ContentLength != 7 {
			t.Error("the caller's request was changed")
		}
		if sent.GetBody != nil {
			t.Error("net/http could send the message twice")
		}
		body, _ := io.ReadAll(sent.Body)
		if m, err := openAsBank(string(body)); err != nil || string(m.Payload) != `{"a":1}` {
			t.Errorf("sent %.60s", body)
		}
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("message ids %v", ids)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", testOrigin, nil)
	req.Header.Set("MsgId", "mine")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if !ids["mine"] || sent.Body != nil {
		t.Error("the caller's own id was not used, or a GET got a body")
	}
}

func TestTransportPlain(t *testing.T) {
	t.Parallel()
	c := newClient(t, Compatible, answer(200, "application/json", `{"access_token":"x"}`), func(c *TransportConfig) {
		c.Plain = func(r *http.Request) bool { return r.URL.Path == "/oauth/token" }
	})
	res, err := c.Post(testOrigin+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader("grant_type=refresh_token"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != `{"access_token":"x"}` {
		t.Errorf("%s", body)
	}
	if _, err := c.Get(testOrigin + "/other"); err == nil {
		t.Error("an unsealed response on another path")
	}
}

// rotating is a KeySource that learns of a new key when asked for it.
type rotating struct {
	old, new *PublicKeys
	asked    []string
}

func (r *rotating) PublicKeys(_ context.Context, missing string) (*PublicKeys, error) {
	r.asked = append(r.asked, missing)
	if missing == "next" {
		r.old = r.new
	}
	return r.old, nil
}

// TestRotation: the bank moves to new keys while a client works.
func TestRotation(t *testing.T) {
	t.Parallel()
	ring := testKeyring(t)
	source := &rotating{old: ring.Public()}
	b := newBank(t, Compatible, func(c *ServerConfig) { c.Keys = ring }, nil)
	c := newClient(t, Compatible, b, func(c *TransportConfig) { c.Bank = source })
	if status, _, _ := do(t, c, "POST", "/v1/x", `{}`); status != 201 {
		t.Fatal(status)
	}
	next := Keys{Signing: []*PrivateKey{nextKey(), bankSigning()}, Decryption: []*PrivateKey{strangerKey(), bankDecryption()}}
	if err := ring.Replace(next); err != nil {
		t.Fatal(err)
	}
	source.new = ring.Public()
	for range 2 { // the first is encrypted to the old key, the second to the new one
		if status, _, _ := do(t, c, "POST", "/v1/x", `{}`); status != 201 {
			t.Fatal(status)
		}
	}
	if got := strings.Join(source.asked, ","); strings.Count(got, "next") != 1 {
		t.Errorf("asked %q", got)
	}
	// A key that nobody has: refused, after one look.
	if err := ring.Replace(Keys{Signing: []*PrivateKey{clientKey()}, Decryption: []*PrivateKey{strangerKey()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(testOrigin + "/v1/x"); ReasonOf(err) != ReasonKey {
		t.Errorf("%v", err)
	}
	if err := ring.Replace(Keys{}); err == nil {
		t.Error("an empty ring was accepted")
	}
	if _, err := c.Get(testOrigin + "/v1/x"); ReasonOf(err) != ReasonKey {
		t.Errorf("a refused replacement changed something: %v", err)
	}
}

// TestClientOverlap: a client that moves to another certificate opens answers
// to either.
func TestClientOverlap(t *testing.T) {
	t.Parallel()
	b := newBank(t, Compatible, func(c *ServerConfig) {
		c.Resolve = func(*http.Request) (Peer, error) {
			return Peer{ID: "client", Verify: []*PublicKey{clientKey().Public(), nextKey().Public()}, Encrypt: clientKey().Public()}, nil
		}
	}, nil)
	c := newClient(t, Compatible, b, func(c *TransportConfig) { c.Key, c.PreviousKeys = nextKey(), []*PrivateKey{clientKey()} })
	if status, _, _ := do(t, c, "POST", "/v1/x", `{}`); status != 201 {
		t.Fatal(status)
	}
}

func TestBaseError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	c := newClient(t, Compatible, roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, broken }), nil)
	if _, err := c.Get(testOrigin); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	c = newClient(t, Compatible, b204(), func(c *TransportConfig) { c.Bank = failing{} })
	if _, err := c.Post(testOrigin, "application/json", strings.NewReader(`{}`)); !errors.Is(err, errNoKeys) {
		t.Errorf("%v", err)
	}
}

func b204() roundTripFunc { return answer(204, "", "") }

var errNoKeys = errors.New("no keys")

type failing struct{}

func (failing) PublicKeys(context.Context, string) (*PublicKeys, error) { return nil, errNoKeys }
