package client

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// signedIn returns a client whose customer has signed in.
func signedIn(t *testing.T, b *bank, store TokenStore, change func(*Config)) *Client {
	t.Helper()
	c := fintech(t, b, store, change)
	b.mu.Lock()
	b.codes["code-1"] = testAccount
	b.mu.Unlock()
	consent, err := c.Exchange(t.Context(), ExchangeRequest{Customer: Customer{testUUID, testAccount}, Code: "code-1"})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(consent.RefreshExpiresAt).Round(time.Hour); left != 2682000*time.Second || consent.ConsentedOn.Unix() != 1562687596 ||
		len(consent.Scopes) != 1 || consent.AccessExpiresAt.Before(time.Now()) {
		t.Errorf("%+v", consent)
	}
	return c
}

func fintech(t *testing.T, b *bank, store TokenStore, change func(*Config)) *Client {
	t.Helper()
	return b.client(t, func(c *Config) {
		c.SignIn = &SignIn{Store: store, Keys: [][]byte{testKey(1)}}
		if change != nil {
			change(c)
		}
	})
}

var customer = Customer{testUUID, testAccount}

func transactions(t *testing.T, c *Client) (answer, error) {
	t.Helper()
	a, _, err := get(t, as(t, c, OnBehalfOf(customer)), c.URL("accounts", "1234xxxxxx567", "transactions"))
	return a, err
}

func TestCustomer(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, binding jose.Binding) {
		b := newBank(t, binding)
		store := new(MemoryStore)
		c := signedIn(t, b, store, nil)
		for range 2 {
			if a, err := transactions(t, c); err != nil || a.status != 200 || a.For != testAccount {
				t.Fatalf("%+v %v", a, err)
			}
		}
		if b.refreshes.Load() != 0 {
			t.Error("refreshed a token that is good")
		}
		b.killTokens()
		if a, err := transactions(t, c); err != nil || a.status != 200 || b.refreshes.Load() != 1 {
			t.Fatalf("%+v %v, %d refreshes", a, err, b.refreshes.Load())
		}
		// Another process finds the access token in the store.
		other := fintech(t, b, store, nil)
		if a, err := transactions(t, other); err != nil || a.status != 200 || b.refreshes.Load() != 1 {
			t.Fatalf("%+v %v, %d refreshes", a, err, b.refreshes.Load())
		}
		// Its refresh ends the token that this process holds; the next call notices.
		if _, err := other.Refresh(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		if a, err := transactions(t, c); err != nil || a.status != 200 || b.refreshes.Load() != 2 {
			t.Fatalf("%+v %v, %d refreshes", a, err, b.refreshes.Load())
		}
		// The other account of the same mask is another customer's.
		_, err := c.Consent(t.Context(), Customer{testUUID, otherAccount})
		if !errors.Is(err, ErrSignInAgain) {
			t.Error(err)
		}
		if err := c.Forget(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		if _, err := transactions(t, c); !errors.Is(err, ErrSignInAgain) {
			t.Error(err)
		}
	})
}

// TestRefreshTogether: processes that share a store spend a refresh token once.
func TestRefreshTogether(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	store := new(MemoryStore)
	clients := []*Client{signedIn(t, b, store, nil), fintech(t, b, store, nil), fintech(t, b, store, nil)}
	for round := range 3 {
		b.killTokens()
		var wg sync.WaitGroup
		for _, c := range clients {
			for range 4 {
				wg.Go(func() {
					if a, err := transactions(t, c); err != nil || a.status != 200 {
						t.Errorf("%+v %v", a, err)
					}
				})
			}
		}
		wg.Wait()
		if n := b.refreshes.Load(); n != int64(round+1) {
			t.Fatalf("round %d: %d refreshes", round, n)
		}
	}
}

func TestRefreshFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		code   string
		again  bool
		gone   bool
	}{
		"refused for good":      {400, `{"error":"invalid_grant"}`, "invalid_grant", true, true},
		"wrong client":          {401, `{"error":"invalid_client"}`, "invalid_client", false, false},
		"away":                  {503, `{"error":"temporarily_unavailable"}`, "temporarily_unavailable", false, false},
		"a page":                {502, `<h1>`, CodeNone, false, false},
		"no token":              {200, `{}`, CodeMalformed, false, false},
		"no JSON":               {200, `ok`, CodeMalformed, false, false},
		"a token of MAC type":   {200, `{"token_type":"mac","access_token":"a","expires_in":1}`, CodeMalformed, false, false},
		"a token that is two":   {200, `{"token_type":"bearer","access_token":"a b","expires_in":1}`, CodeMalformed, false, false},
		"a token without end":   {200, `{"token_type":"bearer","access_token":"a"}`, CodeMalformed, false, false},
		"a token of the past":   {200, `{"token_type":"bearer","access_token":"a","expires_in":-1}`, CodeMalformed, false, false},
		"a token for ever":      {200, `{"token_type":"bearer","access_token":"a","expires_in":9223372036854775807}`, CodeMalformed, false, false},
		"a member twice":        {200, `{"token_type":"bearer","access_token":"a","access_token":"b","expires_in":1}`, CodeMalformed, false, false},
		"a broken refresh":      {200, `{"token_type":"bearer","access_token":"a","expires_in":1,"refresh_token":"a\n"}`, CodeMalformed, false, false},
		"a code to be escaped":  {400, `{"error":"a\nb"}`, CodeNone, false, false},
		"invalid_grant at 500":  {500, `{"error":"invalid_grant"}`, "invalid_grant", false, false},
		"a description to trim": {400, `{"error":"x","error_description":"` + strings.Repeat("é\\n", 500) + `"}`, "x", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, jose.Compatible)
			c := signedIn(t, b, new(MemoryStore), nil)
			b.mu.Lock()
			b.refuse = func(endpoint string) (int, string) {
				if endpoint != "refresh_token" {
					t.Errorf("asked for %s", endpoint)
				}
				return tt.status, tt.body
			}
			b.mu.Unlock()
			b.killTokens()
			_, err := transactions(t, c)
			var e *Error
			if !errors.As(err, &e) || e.Op != "refresh" || e.Status != tt.status || e.Code != tt.code || errors.Is(err, ErrSignInAgain) != tt.again {
				t.Fatalf("%v", err)
			}
			if len(e.Description) > 302 || strings.Contains(e.Description, "\n") {
				t.Errorf("%q", e.Description)
			}
			// What failed for a while works afterwards, with the same refresh token.
			b.mu.Lock()
			b.refuse = nil
			b.mu.Unlock()
			a, err := transactions(t, c)
			if tt.gone != errors.Is(err, ErrSignInAgain) || !tt.gone && a.status != 200 {
				t.Errorf("afterwards: %+v %v", a, err)
			}
		})
	}
}

// TestRefreshTokenStays: a bank that does not rotate is served as well.
func TestRefreshTokenStays(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.rotate = false
	c := signedIn(t, b, new(MemoryStore), nil)
	for range 2 {
		consent, err := c.Refresh(t.Context(), customer)
		if err != nil || consent.RefreshExpiresAt.IsZero() {
			t.Fatalf("%+v %v", consent, err)
		}
	}
	if a, err := transactions(t, c); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
}

func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := signedIn(t, b, new(MemoryStore), nil)
	for _, code := range []string{"code-1", "unknown"} {
		_, err := c.Exchange(t.Context(), ExchangeRequest{Customer: customer, Code: code})
		var e *Error
		if !errors.As(err, &e) || e.Op != "exchange" || e.Code != "invalid_grant" || e.Status != 400 {
			t.Errorf("%v", err)
		}
	}
	if _, err := c.Exchange(t.Context(), ExchangeRequest{Customer: customer}); err == nil {
		t.Error("an empty code was sent")
	}
	// The earlier tokens stay.
	if a, err := transactions(t, c); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
}

// spy is a store that shows what it is given, and fails when told to.
type spy struct {
	MemoryStore
	fail error
	full bool // nothing new is stored
}

var errFull = errors.New("the disk is full")

func (s *spy) Update(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return s.MemoryStore.Update(ctx, name, func(current []byte) ([]byte, error) {
		next, err := change(current)
		if s.full && err == nil {
			err = errFull
		}
		return next, err
	})
}

func (s *spy) Load(ctx context.Context, name string) ([]byte, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	return s.MemoryStore.Load(ctx, name)
}

func TestStoreSeesNothing(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	store := new(spy)
	c := signedIn(t, b, store, nil)
	if len(store.records) != 1 {
		t.Fatal(len(store.records))
	}
	var name string
	var sealed []byte
	for name, sealed = range store.records {
		for _, secret := range []string{testAccount, testUUID, "rt-", "at-", "token", "account"} {
			if strings.Contains(name, secret) || bytes.Contains(sealed, []byte(secret)) {
				t.Errorf("the store sees %q", secret)
			}
		}
	}
	first := bytes.Clone(sealed)
	if _, err := c.Refresh(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, store.records[name]) {
		t.Error("the rotated token was not stored")
	}
	c.tokens.drop(OnBehalfOf(customer).cacheKey(), "")
	good := bytes.Clone(store.records[name])
	for what, record := range map[string][]byte{
		"a changed byte": flip(good, len(good)-1), "another version": flip(good, 0), "cut short": good[:20], "one byte": {1},
		"plain": []byte(`{"refresh_token":"x"}`),
	} {
		store.records[name] = record
		if _, err := transactions(t, c); !errors.Is(err, ErrTokenStore) {
			t.Errorf("%s: %v", what, err)
		}
		if !bytes.Equal(store.records[name], record) {
			t.Errorf("%s: overwritten", what)
		}
	}
	store.records[name] = good
	store.fail = errors.New("the store is away")
	if _, err := transactions(t, c); !errors.Is(err, ErrTokenStore) || !errors.Is(err, store.fail) {
		t.Error(err)
	}
	store.fail = nil
	// A record that was moved to another name does not open there.
	stolen := c.records.name(Customer{testUUID, otherAccount})
	store.records[stolen] = good
	if _, err := c.Consent(t.Context(), Customer{testUUID, otherAccount}); !errors.Is(err, ErrTokenStore) {
		t.Error(err)
	}
	// A new sign-in mends what does not open.
	store.records[name] = []byte{9}
	b.mu.Lock()
	b.codes["code-2"] = testAccount
	b.mu.Unlock()
	if _, err := c.Exchange(t.Context(), ExchangeRequest{Customer: customer, Code: "code-2"}); err != nil {
		t.Error(err)
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	store := new(MemoryStore)
	signedIn(t, b, store, nil)
	with := func(keys ...[]byte) *Client { return fintech(t, b, store, func(c *Config) { c.SignIn.Keys = keys }) }
	rotated := with(testKey(2), testKey(1))
	if _, err := rotated.Refresh(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	if _, err := with(testKey(3), testKey(2), testKey(1)).Consent(t.Context(), customer); err != nil {
		t.Error(err)
	}
	if _, err := with(testKey(1)).Consent(t.Context(), customer); !errors.Is(err, ErrTokenStore) {
		t.Errorf("sealed with the old key: %v", err)
	}
	if _, err := with(testKey(2)).Consent(t.Context(), customer); !errors.Is(err, ErrSignInAgain) {
		t.Errorf("the last key names the records: %v", err)
	}
	elsewhere := fintech(t, b, store, func(c *Config) { c.Environment = UAT; c.SignIn.Keys = [][]byte{testKey(2), testKey(1)} })
	if _, err := elsewhere.Consent(t.Context(), customer); !errors.Is(err, ErrSignInAgain) {
		t.Errorf("another environment: %v", err)
	}
}

// TestStoreFails: a token that could not be stored is an error at once, and not
// when it is missed.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	store := new(spy)
	c := signedIn(t, b, store, nil)
	store.full = true
	if _, err := c.Refresh(t.Context(), customer); !errors.Is(err, ErrTokenStore) || !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	b.mu.Lock()
	b.codes["code-2"] = testAccount
	b.mu.Unlock()
	if _, err := c.Exchange(t.Context(), ExchangeRequest{Customer: customer, Code: "code-2"}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	if err := c.Forget(t.Context(), customer); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}
