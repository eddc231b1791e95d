package authz

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// IntrospectionConfig is how a process that shares no store with the
// authorization server asks it about tokens (RFC 7662). URL, ClientID and
// ClientSecret are required; the client must be marked as a resource server.
type IntrospectionConfig struct {
	// URL is the introspection endpoint: https, or http on loopback.
	URL          string
	ClientID     string
	ClientSecret string
	// Environment must be the one the tokens are of.
	Environment string
	// CacheFor is how long an answer is reused, 90 ms by default and at most one
	// second. Together with the lease of the server's own change feed (900 ms)
	// the default keeps a revocation's effect below one second.
	CacheFor time.Duration
	// CacheSize bounds the answers kept, 10,000 by default.
	CacheSize int
	// Client defaults to one that follows no redirects. A question takes two
	// seconds at most, or the client's own timeout.
	Client *http.Client
	Now    func() time.Time
}

// Introspection is a [Verifier] that asks the authorization server. It is safe
// for concurrent use; concurrent questions about one token share one request.
// The zero Introspection refuses every token.
type Introspection struct {
	cfg    IntrospectionConfig
	flight singleflight.Group
	mu     sync.Mutex
	cache  map[[sha256.Size]byte]introspected
}

type introspected struct {
	principal *Principal // nil: inactive
	until     time.Time
}

// askFor is how long a question may take by a client that sets no limit: it is
// asked apart from the requests that wait for it, and would outlive them.
const askFor = 2 * time.Second

// NewIntrospection checks the configuration; an error names the field.
func NewIntrospection(cfg IntrospectionConfig) (*Introspection, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return nil, errors.New("authz: IntrospectionConfig.URL must be an https URL (http on loopback only)")
	case cfg.ClientID == "" || cfg.ClientSecret == "":
		return nil, errors.New("authz: IntrospectionConfig.ClientID and ClientSecret are required")
	case cfg.Environment == "":
		return nil, errors.New("authz: IntrospectionConfig.Environment is required")
	case cfg.CacheFor < 0 || cfg.CacheFor > time.Second:
		return nil, errors.New("authz: IntrospectionConfig.CacheFor must be at most one second")
	}
	if cfg.CacheFor == 0 {
		cfg.CacheFor = 90 * time.Millisecond
	}
	if cfg.CacheSize <= 0 {
		cfg.CacheSize = 10_000
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Introspection{cfg: cfg, cache: map[[sha256.Size]byte]introspected{}}, nil
}

// Verify implements [Verifier]. A server that cannot be asked, or that answers
// with anything but a well-formed 200, is a refusal with 503.
func (i *Introspection) Verify(ctx context.Context, bearer string) (*Principal, error) {
	if i == nil || i.cfg.Client == nil {
		return nil, unavailable("introspection_not_configured", nil)
	}
	if len(bearer) > token.MaxAccessSize { // the server would refuse the question
		return nil, tokenInvalid("token_unreadable", nil)
	}
	key := sha256.Sum256([]byte(bearer))
	now := i.cfg.Now()
	if hit, ok := i.cached(key, now); ok {
		return i.answer(hit, now)
	}
	// The question must not die with the first of several that ask it.
	asked := i.flight.DoChan(string(key[:]), func() (any, error) {
		began := i.cfg.Now()
		within := context.WithoutCancel(ctx)
		if i.cfg.Client.Timeout <= 0 {
			var cancel context.CancelFunc
			within, cancel = context.WithTimeout(within, askFor)
			defer cancel()
		}
		p, err := i.ask(within, bearer)
		if err != nil {
			return introspected{}, err
		}
		hit := introspected{principal: p, until: began.Add(i.cfg.CacheFor)}
		i.keep(key, hit)
		return hit, nil
	})
	select {
	case r := <-asked:
		if r.Err != nil {
			return nil, unavailable("introspection_unavailable", r.Err)
		}
		return i.answer(r.Val.(introspected), i.cfg.Now())
	case <-ctx.Done():
		return nil, unavailable("introspection_unavailable", context.Cause(ctx))
	}
}

func (i *Introspection) answer(hit introspected, now time.Time) (*Principal, error) {
	if hit.principal == nil {
		return nil, tokenInvalid("token_inactive", nil)
	}
	if !now.Before(hit.principal.ExpiresAt) {
		return nil, tokenInvalid("token_expired", nil)
	}
	return hit.principal, nil
}

func (i *Introspection) cached(key [sha256.Size]byte, now time.Time) (introspected, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	hit, ok := i.cache[key]
	return hit, ok && now.Before(hit.until)
}

func (i *Introspection) keep(key [sha256.Size]byte, hit introspected) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.cache) >= i.cfg.CacheSize {
		now := i.cfg.Now()
		for k, v := range i.cache {
			if !now.Before(v.until) {
				delete(i.cache, k)
			}
		}
		if len(i.cache) >= i.cfg.CacheSize {
			return
		}
	}
	i.cache[key] = hit
}

// IntrospectionResponse is what the introspection endpoint answers (RFC 7662
// section 2.2), with the members that a guard needs to decide on its own.
type IntrospectionResponse struct {
	Active       bool     `json:"active"`
	Scope        string   `json:"scope,omitempty"`
	ClientID     string   `json:"client_id,omitempty"`
	Subject      string   `json:"sub,omitempty"`
	Audience     []string `json:"aud,omitempty"`
	Issuer       string   `json:"iss,omitempty"`
	TokenType    string   `json:"token_type,omitempty"`
	ExpiresAt    int64    `json:"exp,omitempty"`
	IssuedAt     int64    `json:"iat,omitempty"`
	GrantID      string   `json:"grant_id,omitempty"`
	Organization string   `json:"organization,omitempty"`
	Environment  string   `json:"environment,omitempty"`
	Roles        []string `json:"roles,omitempty"`
	Boundary     []string `json:"boundary,omitempty"`
	// Person tells whether Subject is a person who delegated.
	Person bool `json:"person,omitempty"`
	// Bound are the ids that the token is bound to, by kind.
	Bound map[string]string `json:"bound,omitempty"`
}

func (i *Introspection) ask(ctx context.Context, bearer string) (*Principal, error) {
	form := url.Values{"token": {bearer}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(i.cfg.ClientID), url.QueryEscape(i.cfg.ClientSecret))
	resp, err := i.cfg.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the introspection endpoint answered %d", resp.StatusCode)
	}
	var body IntrospectionResponse
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&body); err != nil {
		return nil, fmt.Errorf("the introspection endpoint's answer: %w", err)
	}
	if !body.Active {
		return nil, nil
	}
	return i.principal(&body)
}

func (i *Introspection) principal(b *IntrospectionResponse) (*Principal, error) {
	if b.TokenType != "Bearer" || b.ClientID == "" || b.ExpiresAt == 0 {
		return nil, nil // a refresh token, or nothing that a guard can use
	}
	if b.Environment != i.cfg.Environment {
		return nil, nil
	}
	grant, err := storage.ParseID(b.GrantID)
	if err != nil {
		return nil, fmt.Errorf("the introspection endpoint's grant_id: %w", err)
	}
	p := &Principal{Client: b.ClientID, Organization: b.Organization, Environment: b.Environment, Roles: b.Roles, Boundary: b.Boundary,
		Scopes: strings.Fields(b.Scope), Audience: b.Audience, Grant: grant, IssuedAt: time.Unix(b.IssuedAt, 0), ExpiresAt: time.Unix(b.ExpiresAt, 0), bound: b.Bound}
	if b.Person {
		p.Subject = b.Subject
	}
	return p, nil
}

var _ Verifier = (*Introspection)(nil)
