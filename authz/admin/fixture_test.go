package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// clock is the time of an installation under test.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// logs is what was logged, for the search for secrets.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// world is a server with the management API over a real listener, and two
// organizations: acme, with one key a role, and umbrella.
type world struct {
	*testing.T
	clock
	store   storage.Store
	server  *issuer.Server
	service *admin.Service
	web     *httptest.Server
	logs    logs
	root    keyring.Root

	mu      sync.Mutex
	secrets map[string]string // by client id: all that were ever seen of the live ones
}

// roles of the keys of acme, named like them. The last two are not built in.
var roles = []string{"admin", "operator", "viewer", "terminal-manager", "transfer-only", "manager", "observer"}

// rules beside the built-in ones: a manager may manage keys and members and do
// what a terminal-manager does; an observer manages what may read.
var rules = [][]string{
	{"p", "role:manager", "*", "key:*", "manage", "allow"},
	{"p", "role:manager", "*", "member:*", "manage", "allow"},
	{"g", "role:manager", "role:terminal-manager", "*"},
	{"p", "role:observer", "*", "key:*", "manage", "allow"},
	{"g", "role:observer", "role:viewer", "*"},
}

func newPolicy(t testing.TB, more ...[]string) *policy.Engine {
	t.Helper()
	e, err := policy.New(policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules().With(append(rules, more...)...)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// onEveryStore runs a test over memory and over SQLite.
func onEveryStore(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(newWorld(t, memory.New()))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(newWorld(t, openSQLite(t)))
	})
}

func openSQLite(t *testing.T) storage.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gatewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return store
}

func newWorld(t *testing.T, store storage.Store) *world {
	t.Helper()
	w := &world{T: t, store: store, root: keyring.NewRoot(), secrets: map[string]string{}}
	mux := http.NewServeMux()
	w.web = httptest.NewServer(mux)
	t.Cleanup(w.web.Close)
	var err error
	w.server, err = issuer.New(t.Context(), issuer.Config{Issuer: w.web.URL, Store: store, Keys: []keyring.Root{w.root},
		Policy: newPolicy(t), Profile: authz.Merchant(), Now: w.now, Logger: slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	w.must(err)
	t.Cleanup(func() {
		if err := w.server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.service, err = admin.New(admin.Config{Installation: w.server.Installation(), KeyScopes: []string{"transaction:read", "openid"}})
	w.must(err)
	guard := w.server.Guard()
	mux.Handle("/oauth2/", w.server)
	w.service.Mount(mux, "/v1/keys", guard)
	w.service.MountMembers(mux, "/v1/members", guard)
	w.service.MountTrail(mux, "/v1/audit", guard)
	mux.Handle("GET /v1/transactions", guard.Require(authz.Permission("transaction:read"))(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, authz.FromContext(r.Context()).Actor())
	})))
	w.seed()
	return w
}

func (w *world) seed() {
	ctx := w.Context()
	for _, o := range []string{"acme", "umbrella"} {
		w.must(w.service.EnsureOrganization(ctx, o, o))
	}
	for _, role := range roles {
		w.ensure(storage.Client{ID: role, Organization: "acme", Roles: []string{role}})
	}
	w.ensure(storage.Client{ID: "other", Organization: "umbrella", Roles: []string{"admin"}})
	w.ensure(storage.Client{ID: "rs", Organization: "acme", ResourceServer: true})
	w.ensure(storage.Client{ID: "mobile", Organization: "acme", Public: true, GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{"http://127.0.0.1/cb"}})
}

// ensure seeds a client with a fresh secret.
func (w *world) ensure(c storage.Client) {
	w.Helper()
	secret := ""
	if !c.Public {
		secret = token.NewSecret()
		w.keep(c.ID, secret)
	}
	created, err := w.service.EnsureKey(w.Context(), c, secret)
	w.must(err)
	if !created {
		w.Fatalf("%s was there already", c.ID)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) keep(id, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[id] = secret
}

func (w *world) secret(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secrets[id]
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("body is not JSON: %v: %s", err, a.body)
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
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Error(err) // not Fatal: it may be called beside the test's own goroutine
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// token asks for a token with a secret; the answer may be a refusal.
func (w *world) tokenWith(id, secret string) answer {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "POST", w.web.URL+"/oauth2/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	w.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	return w.do(req)
}

// bearer gets an access token for a seeded or created key.
func (w *world) bearer(id string) string {
	w.Helper()
	a := w.tokenWith(id, w.secret(id))
	if a.status != 200 {
		w.Fatalf("token for %s: %d %s", id, a.status, a.body)
	}
	return a.str(w, "access_token")
}

// call sends a request with a bearer token, and a JSON body if there is one.
func (w *world) call(bearer, method, path, body string) answer {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.web.URL+path, strings.NewReader(body))
	w.must(err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return w.do(req)
}

// as is call with a fresh token of a key.
func (w *world) as(id, method, path, body string) answer {
	w.Helper()
	return w.call(w.bearer(id), method, path, body)
}

// create makes a key over HTTP and returns its id.
func (w *world) create(as, body string) string {
	w.Helper()
	a := w.as(as, "POST", "/v1/keys", body)
	w.want(a, 201, "")
	id := a.str(w, "client_id")
	w.keep(id, a.str(w, "client_secret"))
	return id
}

func (w *world) want(a answer, status int, code string) {
	w.Helper()
	if a.status != status {
		w.Errorf("status %d, want %d: %s", a.status, status, a.body)
		return
	}
	if code == "" {
		return
	}
	if got := a.str(w, "code"); got != code {
		w.Errorf("code %q, want %q: %s", got, code, a.body)
	}
	if a.header.Get("Content-Type") != "application/problem+json" {
		w.Errorf("content type %q of %s", a.header.Get("Content-Type"), a.body)
	}
}

// client reads a client past the API.
func (w *world) client(id string) storage.Client {
	w.Helper()
	c, err := w.store.Client(w.Context(), id)
	w.must(err)
	return c
}

// events are all of the trail, of every organization.
func (w *world) events(f storage.EventFilter) []storage.Event {
	w.Helper()
	f.Limit = 1000
	events, err := w.store.Events(w.Context(), f)
	w.must(err)
	return events
}
