package issuer_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// world is one authorization server with a guarded host, over a real TLS listener.
type world struct {
	*testing.T
	store  storage.Store
	server *issuer.Server
	web    *httptest.Server
	http   *http.Client
	person issuer.Person // who is signed in at every browser; none if empty
}

type options struct {
	store   storage.Store
	profile func(*authz.Profile)
	format  func(*authz.Profile)
	roots   []keyring.Root
	now     func() time.Time
	issuer  string
}

func newWorld(t *testing.T, change ...func(*options)) *world {
	t.Helper()
	profile := authz.Merchant()
	o := options{store: memory.New(), roots: []keyring.Root{keyring.NewRoot()}, now: time.Now}
	for _, c := range change {
		c(&o)
	}
	if o.format != nil {
		o.format(&profile)
	}
	if o.profile != nil {
		o.profile(&profile)
	}
	w := open(t, o, profile)
	w.seed()
	return w
}

// newWorldOver opens another server over the store and keys of the first, with
// another profile, and seeds nothing.
func newWorldOver(t *testing.T, o options, change func(*authz.Profile)) *world {
	t.Helper()
	profile := authz.Merchant()
	change(&profile)
	return open(t, o, profile)
}

func open(t *testing.T, o options, profile authz.Profile) *world {
	t.Helper()
	w := &world{T: t, store: o.store, person: issuer.Person{Subject: "ada", Session: "s1", Name: "Ada"}}
	mux := http.NewServeMux()
	w.web = httptest.NewTLSServer(mux)
	t.Cleanup(w.web.Close)
	w.http = w.web.Client()
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	name := w.web.URL
	if o.issuer != "" {
		name = o.issuer
	}
	w.server, err = issuer.New(t.Context(), issuer.Config{Issuer: name, Store: o.store, Keys: o.roots,
		Policy: decider, Profile: profile, SignIn: (*autoSignIn)(w), Now: o.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("/", w.server)
	mux.Handle("POST /v1/auth/token/issue", w.server.Token(issuer.TokenOptions{JSONOnly: true}))
	mux.Handle("POST /v1/auth/token/refresh", w.server.Token(issuer.TokenOptions{JSONOnly: true, GrantTypes: []string{"refresh_token"}}))
	mux.Handle("POST /v1/auth/token/revoke", w.server.Revocation(issuer.RevocationOptions{JSONOnly: true}))
	guard := w.server.Guard()
	ok := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, authz.FromContext(r.Context()).Actor())
	})
	mux.Handle("GET /v1/transactions", guard.Require(authz.Permission("transaction:read"))(ok))
	mux.Handle("POST /v1/transfers", guard.Require(authz.Permission("transfer:initiate"))(ok))
	mux.Handle("GET /v1/scoped", guard.Require(authz.Scope("transaction:read"))(ok))
	return w
}

// inEveryFormat runs one behaviour over every format of access tokens.
func inEveryFormat(t *testing.T, behaviour func(t *testing.T, format func(*options))) {
	t.Helper()
	for name, change := range map[string]func(*authz.Profile){
		"sealed":    func(*authz.Profile) {},
		"strict":    func(p *authz.Profile) { p.Strict = true },
		"reference": func(p *authz.Profile) { p.Format = authz.ReferenceTokens },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behaviour(t, func(o *options) { o.format = change })
		})
	}
}

// autoSignIn has w.person signed in and shows consents as JSON.
type autoSignIn world

func (s *autoSignIn) Person(w http.ResponseWriter, _ *http.Request, _ *issuer.AuthorizationRequest) (issuer.Person, bool) {
	if s.person.Subject == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return issuer.Person{}, false
	}
	return s.person, true
}

func (s *autoSignIn) Consent(w http.ResponseWriter, _ *http.Request, c *issuer.Consent) {
	_ = json.NewEncoder(w).Encode(map[string]any{"consent": c.ID, "scopes": c.Request.Scopes})
}

const (
	mobileRedirect = "http://127.0.0.1:7777/callback"
	webRedirect    = "https://shop.example/callback"
)

// credentials of the seeded clients.
var secrets = map[string]string{}

func init() {
	for _, id := range []string{"admin", "viewer", "shop", "other", "rs"} {
		secrets[id] = token.NewSecret()
	}
}

func (w *world) seed() {
	now := time.Now()
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	ctx := w.Context()
	for _, o := range []string{"acme", "umbrella"} {
		must(w.store.CreateOrganization(ctx, storage.Organization{ID: o, Name: o, Status: storage.Active}, storage.Event{}))
	}
	must(w.store.CreateMember(ctx, storage.Member{Organization: "acme", Subject: "ada", Roles: []string{"operator"}, Status: storage.Active}, storage.Event{}))
	key := func(id, organization string, change func(*storage.Client)) {
		c := storage.Client{ID: id, Organization: organization, Environment: "live", Name: id, Status: storage.Active,
			GrantTypes: []string{"client_credentials", "refresh_token"}, Scopes: []string{"transaction:read", "transfer:initiate"}, CreatedAt: now}
		if s := secrets[id]; s != "" {
			c.Secrets = []storage.Secret{{ID: "1", Hash: w.server.Installation().Keyring().HashSecret(s), CreatedAt: now}}
		}
		if change != nil {
			change(&c)
		}
		must(w.store.CreateClient(ctx, c, storage.Event{}))
	}
	key("admin", "acme", func(c *storage.Client) { c.Roles = []string{"admin"} })
	key("viewer", "acme", func(c *storage.Client) { c.Roles = []string{"viewer"} })
	key("other", "umbrella", func(c *storage.Client) { c.Roles = []string{"admin"} })
	key("rs", "acme", func(c *storage.Client) { c.ResourceServer = true })
	key("mobile", "acme", func(c *storage.Client) {
		c.Public, c.RedirectURIs, c.GrantTypes = true, []string{mobileRedirect, "com.example.app:/callback"}, []string{"authorization_code", "refresh_token"}
		c.Origins = []string{"https://app.example"}
	})
	key("shop", "acme", func(c *storage.Client) {
		c.RedirectURIs, c.GrantTypes = []string{webRedirect, "https://shop.example/second?keep=1"}, []string{"authorization_code", "refresh_token"}
	})
}

// answer is a response with its body read.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.Body), &m); err != nil {
		t.Fatalf("body is not JSON: %v: %s", err, a.Body)
	}
	return m
}

func (a answer) str(t testing.TB, member string) string {
	t.Helper()
	s, _ := a.json(t)[member].(string)
	return s
}

func (w *world) do(req *http.Request) answer {
	w.Helper()
	resp, err := w.http.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (w *world) request(method, path, contentType, body string) *http.Request {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.web.URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

const formType = "application/x-www-form-urlencoded"

// post sends a form as a client, with Basic credentials if it has a secret.
func (w *world) post(path, client string, pairs ...string) answer {
	w.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	if secrets[client] == "" && client != "" {
		form.Set("client_id", client)
	}
	req := w.request("POST", path, formType, form.Encode())
	if secret := secrets[client]; secret != "" {
		req.SetBasicAuth(client, secret)
	}
	return w.do(req)
}

// issue gets tokens by client_credentials.
func (w *world) issue(client string) (access, refresh string) {
	w.Helper()
	a := w.post("/oauth2/token", client, "grant_type", "client_credentials")
	if a.Status != 200 {
		w.Fatalf("client_credentials: %d %s", a.Status, a.Body)
	}
	return a.str(w, "access_token"), a.str(w, "refresh_token")
}

func (w *world) refresh(client, refreshToken string) answer {
	w.Helper()
	return w.post("/oauth2/token", client, "grant_type", "refresh_token", "refresh_token", refreshToken)
}

// call uses a token at a guarded route.
func (w *world) call(method, path, bearer string) answer {
	w.Helper()
	req := w.request(method, path, "", "")
	req.Header.Set("Authorization", "Bearer "+bearer)
	return w.do(req)
}

func (w *world) want(a answer, status int, code string) {
	w.Helper()
	if a.Status != status {
		w.Errorf("status %d, want %d: %s", a.Status, status, a.Body)
		return
	}
	if code == "" {
		return
	}
	got := a.str(w, "error")
	if got == "" {
		got = a.str(w, "code")
	}
	if got != code {
		w.Errorf("code %q, want %q: %s", got, code, a.Body)
	}
}
