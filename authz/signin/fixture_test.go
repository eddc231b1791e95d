package signin_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

const (
	redirect   = "https://shop.example/callback"
	mobileBack = "com.example.app:/callback"
	verifier   = "a-verifier-of-more-than-forty-three-characters-0123456789"
	password   = "correct horse battery staple"
	evil       = `<script>alert(1)</script>"'&` + "\u202e"
)

// clock is the time of an installation under test.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// world is an authorization server with these pages over a real TLS listener.
type world struct {
	*testing.T
	clock  *clock
	store  storage.Store
	users  *users
	pages  *signin.Pages
	server *issuer.Server
	web    *httptest.Server
}

// users are static ones, counted and able to fail.
type users struct {
	*signin.StaticUsers
	asked  atomic.Int64
	broken atomic.Bool
	gone   atomic.Bool
	delay  time.Duration
}

func (u *users) Authenticate(ctx context.Context, username, password string) (signin.User, error) {
	u.asked.Add(1)
	time.Sleep(u.delay)
	if u.broken.Load() {
		return signin.User{}, context.DeadlineExceeded
	}
	return u.StaticUsers.Authenticate(ctx, username, password)
}

func (u *users) User(ctx context.Context, subject string) (signin.User, error) {
	if u.gone.Load() {
		return signin.User{}, signin.ErrUnknownUser
	}
	return u.StaticUsers.User(ctx, subject)
}

// setup is what a test changes about its world.
type setup struct {
	signin.Config
	roots []keyring.Root
	store storage.Store
	name  string // of the issuer; the listener's URL if empty
}

func newWorld(t *testing.T, change ...func(*setup)) *world {
	t.Helper()
	static, err := signin.NewStaticUsers(
		signin.Account{Username: "ada@example.com", PasswordHash: signin.CheapHash(password), User: signin.User{Subject: "ada", Name: "Ada"}},
		signin.Account{Username: "bob", PasswordHash: signin.CheapHash(password), User: signin.User{Subject: "bob", Name: evil}},
	)
	must(t, err)
	w := &world{T: t, clock: &clock{}, users: &users{StaticUsers: static}}
	s := setup{Config: signin.Config{Users: w.users}, roots: []keyring.Root{keyring.NewRoot()}, store: memory.New()}
	for _, c := range change {
		c(&s)
	}
	w.store = s.store
	w.pages, err = signin.New(s.Config)
	must(t, err)
	decider, err := policy.Default()
	must(t, err)
	mux := http.NewServeMux()
	w.web = httptest.NewUnstartedServer(mux)
	w.web.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that a test drops
	w.web.StartTLS()
	t.Cleanup(w.web.Close)
	if s.name == "" {
		s.name = w.web.URL
	}
	w.server, err = issuer.New(t.Context(), issuer.Config{Issuer: s.name, Store: s.store, Keys: s.roots, Policy: decider,
		Profile: authz.Merchant(), SignIn: w.pages, Now: w.clock.now})
	must(t, err)
	t.Cleanup(func() { must(t, w.server.Close(context.Background())) })
	mux.Handle("/", w.server)
	mux.Handle("GET /v1/transactions", w.server.Guard().Require(authz.Permission("transaction:read"))(
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, authz.FromContext(r.Context()).Actor())
		})))
	w.seed()
	return w
}

func (w *world) seed() {
	ctx := w.Context()
	if _, err := w.store.Organization(ctx, "acme"); err == nil {
		return // another world over the same store did
	}
	must(w.T, w.store.CreateOrganization(ctx, storage.Organization{ID: "acme", Name: "Acme & Sons", Status: storage.Active}, storage.Event{}))
	for _, subject := range []string{"ada", "bob"} {
		must(w.T, w.store.CreateMember(ctx, storage.Member{Organization: "acme", Subject: subject, Roles: []string{"operator"}, Status: storage.Active}, storage.Event{}))
	}
	for id, name := range map[string]string{"mobile": "Corner Shop", "evil": evil, "nameless": ""} {
		must(w.T, w.store.CreateClient(ctx, storage.Client{ID: id, Organization: "acme", Environment: "live", Name: name, Status: storage.Active,
			Public: true, GrantTypes: []string{"authorization_code", "refresh_token"}, Scopes: []string{"transaction:read", "account:read"},
			RedirectURIs: []string{redirect, mobileBack}}, storage.Event{}))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// authorize is the URL, below the server, of an authorization request.
func authorize(pairs ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {"mobile"}, "redirect_uri": {redirect}, "scope": {"transaction:read"}, "state": {"st ate&x"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/oauth2/authorize?" + q.Encode()
}

// browser is a program that keeps cookies and follows forms, not redirects.
type browser struct {
	*world
	http *http.Client
	// send changes each request before it goes out.
	send func(*http.Request)
}

func (w *world) browser() *browser {
	w.Helper()
	jar, err := cookiejar.New(nil)
	must(w.T, err)
	client := *w.web.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{world: w, http: &client}
}

// answer is a response that was read.
type answer struct {
	Status int
	Header http.Header
	Body   string
	// At is the URL, below the server, that was asked for.
	At string
}

func (b *browser) do(method, at string, form url.Values) answer {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.web.URL+at, strings.NewReader(form.Encode()))
	must(b.T, err)
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.send != nil {
		b.send(req)
	}
	resp, err := b.http.Do(req)
	must(b.T, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	must(b.T, err)
	return answer{resp.StatusCode, resp.Header, string(body), at}
}

func (b *browser) get(at string) answer {
	b.Helper()
	return b.do("GET", at, nil)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// fields are the hidden fields of a page; of the first form, where a name is in
// several.
func (a answer) fields() url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(a.Body, -1) {
		if !form.Has(m[1]) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	return form
}

// submit posts the hidden fields of a page and some more to where it came from.
func (b *browser) submit(page answer, pairs ...string) answer {
	b.Helper()
	form := page.fields()
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do("POST", page.At, form)
}

// follow goes where a redirect within the server leads.
func (b *browser) follow(a answer) answer {
	b.Helper()
	if a.Status != http.StatusSeeOther {
		b.Fatalf("status %d, want 303: %s", a.Status, a.Body)
	}
	base, err := url.Parse(b.web.URL + a.At)
	must(b.T, err)
	to, err := base.Parse(a.Header.Get("Location"))
	must(b.T, err)
	if to.Scheme+"://"+to.Host != b.web.URL {
		b.Fatalf("the redirect leads away, to %s", to)
	}
	return b.get(to.RequestURI())
}

// signIn signs a person in for a request and returns the page behind it.
func (b *browser) signIn(at, username string) answer {
	b.Helper()
	return b.follow(b.submit(b.get(at), "username", username, "password", password))
}

func (b *browser) jarURL() *url.URL {
	u, err := url.Parse(b.web.URL)
	must(b.T, err)
	return u
}

// cookie returns a cookie of the browser.
func (b *browser) cookie(kind string) *http.Cookie {
	for _, c := range b.http.Jar.Cookies(b.jarURL()) {
		if c.Name == "__Host-gatewright_"+kind {
			return c
		}
	}
	return nil
}

// plant puts a cookie into the browser.
func (b *browser) plant(c *http.Cookie) {
	kept := *c
	kept.Path, kept.Secure = "/", true
	b.http.Jar.SetCookies(b.jarURL(), []*http.Cookie{&kept})
}

// answered is what the client is told by a redirect, checked to lead to it.
func (b *browser) answered(a answer) url.Values {
	b.Helper()
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status != http.StatusSeeOther || !strings.HasPrefix(to.String(), redirect+"?") {
		b.Fatalf("status %d to %q, want a redirect to the client: %s", a.Status, to, a.Body)
	}
	return to.Query()
}

// wantPage checks a page by its status and what it says.
func (b *browser) wantPage(a answer, status int, says string) {
	b.Helper()
	if a.Status != status || !strings.Contains(a.Body, says) {
		b.Errorf("status %d, want %d with %q:\n%s", a.Status, status, says, a.Body)
	}
}

const (
	loginForm   = `<input id="password" name="password" type="password"`
	consentForm = `name="decision" value="allow"`
)

// redeem exchanges a code for tokens.
func (b *browser) redeem(code string) map[string]any {
	b.Helper()
	a := b.do("POST", "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"mobile"}, "code": {code},
		"redirect_uri": {redirect}, "code_verifier": {verifier}})
	var tokens map[string]any
	must(b.T, json.Unmarshal([]byte(a.Body), &tokens))
	if a.Status != http.StatusOK {
		b.Fatalf("code exchange: %d %s", a.Status, a.Body)
	}
	return tokens
}

func (b *browser) call(token any) int {
	b.Helper()
	other := *b
	other.send = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.(string)) }
	return other.get("/v1/transactions").Status
}

// events returns the audit trail's events of a type, once there are as many.
func (w *world) events(kind string, count int) []storage.Event {
	w.Helper()
	var found []storage.Event
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		found, err = w.store.Events(w.Context(), storage.EventFilter{Type: kind, Limit: 1000})
		must(w.T, err)
		if len(found) >= count {
			break
		}
	}
	if len(found) != count {
		w.Fatalf("%d events %s, want %d", len(found), kind, count)
	}
	return found
}
