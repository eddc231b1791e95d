package issuer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// customerBank is a production bank at which the customer "ada" is signed in at
// every browser. Its clock can be moved, and so can the host's word.
type customerBank struct {
	*bank
	person issuer.Person
	ahead  atomic.Int64 // of the clock
	asked  []*issuer.Consent

	mu     sync.Mutex
	owners map[string]string // account to customer
	broken error             // what the host answers instead
}

const (
	fintechBack = "https://fintech.example/callback"
	fintechAlso = "https://fintech.example/also"
)

func (b *customerBank) Person(http.ResponseWriter, *http.Request, *issuer.AuthorizationRequest) (issuer.Person, bool) {
	return b.person, true
}

func (b *customerBank) Consent(w http.ResponseWriter, _ *http.Request, c *issuer.Consent) {
	b.asked = append(b.asked, c)
	w.WriteHeader(http.StatusOK)
}

func (b *customerBank) owns(_ context.Context, customer, account string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.owners[account] == customer, b.broken
}

func (b *customerBank) host(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func newCustomerBank(t *testing.T, change ...func(*issuer.Config)) *customerBank {
	t.Helper()
	b := &customerBank{bank: &bank{T: t, keys: bankKeys(t), certs: map[string]*mtlstest.Pair{}, secret: map[string]string{}},
		person: issuer.Person{Subject: "ada", Session: "s1", Name: "Ada"}, owners: map[string]string{bankAccount: "ada", twinAccount: "ada", strangersOwn: "bob"}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	b.ca, err = mtlstest.NewCA("bank test CA")
	must(err)
	cfg := bankConfig(t, memory.New(), b.keys)
	cfg.SignIn, cfg.OwnsAccount = b, b.owns
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }
	cfg.Products = authz.Products{"customer-sign-in": {Scopes: []string{"account_transactions", "account_balances"}, GrantTypes: []string{"authorization_code", "refresh_token"}}}
	for _, c := range change {
		c(&cfg)
	}
	b.server, err = issuer.New(t.Context(), cfg)
	must(err)
	t.Cleanup(func() { must(b.server.Close(context.Background())) })
	b.admin, err = admin.New(admin.Config{Installation: b.server.Installation()})
	must(err)
	must(b.admin.EnsureOrganization(t.Context(), "fintechs", "Fintechs"))
	for _, id := range []string{"fintech", "stranger", "several"} {
		pair, err := b.ca.Issue(mtlstest.Leaf{CommonName: id, Key: mtlstest.RSA2048, NotAfter: time.Now().AddDate(20, 0, 0)})
		must(err)
		b.certs[id], b.secret[id] = pair, token.NewSecret()
		c := authz.ClientOf(authz.Fintech)
		c.ID, c.Organization, c.Name = id, "fintechs", id
		c.Scopes, c.Subscriptions = []string{"account_transactions", "account_balances"}, []string{"customer-sign-in"}
		c.RedirectURIs = []string{fintechBack}
		if id == "several" {
			c.RedirectURIs = append(c.RedirectURIs, fintechAlso)
		}
		c.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Certificates = []storage.Certificate{admin.CertificateRecord(pair.Certificate)}
		_, err = b.admin.EnsureKey(t.Context(), c, b.secret[id])
		must(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /token", b.server.Token(issuer.TokenOptions{CustomerSignIn: true, ClientType: authz.Fintech, Product: "customer-sign-in"}))
	mux.Handle("GET /accounts/{account_id}", b.server.Guard().Require(authz.Scope("account_transactions"), authz.MaskedPath("account_id", "account_id"))(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := authz.FromContext(r.Context()).Bound("account_id")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"account":"` + id + `"}`))
		})))
	pair, err := b.ca.IssueServer("127.0.0.1")
	must(err)
	certificate := pair.TLS()
	config, err := b.server.Installation().ClientCertificates().TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }, mtls.TLSOptions{Optional: true})
	must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second, TLSConfig: config}
	go func() { _ = web.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = web.Close() })
	b.url = "https://" + l.Addr().String()
	return b
}

// sealed is the account_id parameter of the compatible form.
func (b *customerBank) sealed(account string) string {
	b.Helper()
	s, err := jose.SealAccount(account, b.keys.Public().Encrypting()[0])
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// request is the query of an authorization request; an empty value takes a
// parameter away.
func (b *customerBank) request(account string, pairs ...string) string {
	b.Helper()
	q := url.Values{"response_type": {"code"}, "client_id": {"fintech"}, "scope": {"account_transactions"}, "uuid": {"ada"}}
	if account != "" {
		q.Set("account_id", b.sealed(account))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q.Encode()
}

// browse sends a request of a browser, over TLS.
func (b *customerBank) browse(method, query, body string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), method, "/oauth/authorize?"+query, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	b.server.Authorization().ServeHTTP(w, r)
	return w
}

// allow has the customer sign in and allow, and returns what comes back.
func (b *customerBank) allow(query string) url.Values {
	b.Helper()
	before := len(b.asked)
	page := b.browse("GET", query, "")
	if len(b.asked) == before {
		to, err := url.Parse(page.Header().Get("Location"))
		if err != nil || to.Host == "" {
			b.Fatalf("no consent and no answer: %d %s", page.Code, page.Body)
		}
		return to.Query()
	}
	answered := b.browse("POST", query, url.Values{"consent": {b.asked[before].ID}, "decision": {"allow"}}.Encode())
	to, err := url.Parse(answered.Header().Get("Location"))
	if err != nil {
		b.Fatal(err)
	}
	return to.Query()
}

// ask sends a token request as a client.
func (b *customerBank) ask(id string, pairs ...string) answer {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(b.Context(), "POST", b.url+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, b.secret[id])
	return b.plain(b.certs[id], r)
}

// plain sends a request with a certificate, and reads the answer as it came.
func (b *customerBank) plain(pair *mtlstest.Pair, r *http.Request) answer {
	b.Helper()
	c := &http.Client{Transport: b.base(pair), Timeout: 30 * time.Second}
	a, err := send(c, r)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// tokens are those of a whole sign-in for an account.
func (b *customerBank) tokens(account string) answer {
	b.Helper()
	told := b.allow(b.request(account))
	a := b.ask("fintech", "grant_type", "authorization_code", "code", told.Get("code"))
	if a.Status != http.StatusOK {
		b.Fatalf("%d %s (%v)", a.Status, a.Body, told)
	}
	return a
}

// call calls the API with a token; the answer is opened.
func (b *customerBank) call(bearer string) answer {
	b.Helper()
	a, err := b.send(b.as("fintech"), "GET", "/accounts/1234xxxxxx567", "", "X-IBM-Client-Id", "fintech", "Authorization", "Bearer "+bearer)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

var errHostAway = errors.New("the core banking system is away")
