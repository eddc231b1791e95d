package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// shop is a host whose people are signed in already, by a session cookie of its
// own.
type shop struct{ sessions map[string]string }

// Person implements issuer.SignIn.
func (s *shop) Person(w http.ResponseWriter, r *http.Request, request *issuer.AuthorizationRequest) (issuer.Person, bool) {
	if cookie, err := r.Cookie("session"); err == nil {
		if who, ok := s.sessions[cookie.Value]; ok {
			return issuer.Person{Subject: who, Session: cookie.Value, Name: who}, true
		}
	}
	if request.Prompts("none") {
		request.Refuse("login_required", "Nobody is signed in.")
		return issuer.Person{}, false
	}
	http.Redirect(w, r, "/login?back="+url.QueryEscape(r.URL.String()), http.StatusSeeOther) // and back by GET
	return issuer.Person{}, false
}

// Consent implements issuer.SignIn.
func (s *shop) Consent(w http.ResponseWriter, _ *http.Request, c *issuer.Consent) {
	_, _ = fmt.Fprintf(w, `<form method="post"><p>%s asks for %s</p>
<input type="hidden" name="consent" value="%s">
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form>`,
		html.EscapeString(c.Request.ClientName), html.EscapeString(strings.Join(c.Request.Scopes, ", ")), c.ID)
}

// shopServer is a server for a sign-in, with an app and a member.
func shopServer(ctx context.Context, signIn issuer.SignIn) (*issuer.Server, string, error) {
	roles, err := policy.Default()
	if err != nil {
		return nil, "", err
	}
	server, err := issuer.New(ctx, issuer.Config{Issuer: "https://api.example.com", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
		Policy: roles, Profile: authz.Merchant(), SignIn: signIn})
	if err != nil {
		return nil, "", err
	}
	keys, err := admin.New(admin.Config{Installation: server.Installation()})
	if err != nil {
		return nil, "", err
	}
	secret := token.NewSecret()
	if err = keys.EnsureOrganization(ctx, "acme", "Acme"); err == nil {
		_, err = keys.EnsureKey(ctx, storage.Client{ID: "books", Organization: "acme", Name: "Books", GrantTypes: []string{"authorization_code", "refresh_token"},
			Scopes: []string{"transaction:read"}, RedirectURIs: []string{"https://books.example/back"}}, secret)
	}
	if err == nil {
		_, err = keys.EnsureMember(ctx, "acme", admin.NewMember{Subject: "ada", Name: "Ada", Roles: []string{"viewer"}})
	}
	return server, secret, err
}

// A host that signs its people in by itself brings two methods; what they gave
// access to, it can list and take back.
func ExampleSignIn() {
	ctx := context.Background()
	server, secret, err := shopServer(ctx, &shop{sessions: map[string]string{"s-1": "ada"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close(ctx) }()

	authorize := "/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"books"}, "scope": {"transaction:read"}, "state": {"a-random-state"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}.Encode()
	browse := func(method, form, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://api.example.com"+authorize, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	to, _, _ := strings.Cut(browse("GET", "", "").Header().Get("Location"), "?")
	fmt.Println("a stranger is sent to", to)

	_, consent, _ := strings.Cut(browse("GET", "", "s-1").Body.String(), `name="consent" value="`)
	consent, _, _ = strings.Cut(consent, `"`)
	back, err := url.Parse(browse("POST", url.Values{"consent": {consent}, "decision": {"allow"}}.Encode(), "s-1").Header().Get("Location"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ada goes back to", back.Host, "with a code:", back.Query().Has("code"))

	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
		"code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}, "client_id": {"books"}, "client_secret": {secret}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &tokens); err != nil {
		fmt.Println(err)
	}
	call := func() int {
		r := httptest.NewRequest("GET", "/v1/transactions", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		w := httptest.NewRecorder()
		server.Guard().Require(authz.Delegated(), authz.Permission("transaction:read"))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		return w.Code
	}
	fmt.Println("the app calls:", call())
	given, err := server.Consents(ctx, "ada")
	for _, c := range given {
		fmt.Println("ada gave", c.Client, c.Scopes)
		err = server.WithdrawConsent(ctx, "ada", c.ID)
	}
	fmt.Println("the app calls:", call(), err)
	// Output:
	// a stranger is sent to /login
	// ada goes back to books.example with a code: true
	// the app calls: 200
	// ada gave Books [transaction:read]
	// the app calls: 401 <nil>
}

// asks is a sign-in that does what the test says.
type asks func(w http.ResponseWriter, request *issuer.AuthorizationRequest) (issuer.Person, bool)

func (f asks) Person(w http.ResponseWriter, _ *http.Request, request *issuer.AuthorizationRequest) (issuer.Person, bool) {
	return f(w, request)
}

func (f asks) Consent(w http.ResponseWriter, _ *http.Request, c *issuer.Consent) {
	_, _ = fmt.Fprint(w, "consent ", c.ID)
}

// A sign-in that contradicts itself lets nobody through.
func TestSignInThatGetsItWrong(t *testing.T) {
	t.Parallel()
	ada := issuer.Person{Subject: "ada", Session: "s-1", SignedInAt: time.Now()}
	for name, tc := range map[string]struct {
		signIn asks
		status int
		code   string // of the redirect to the client
	}{
		"refuses, with a person": {func(_ http.ResponseWriter, r *issuer.AuthorizationRequest) (issuer.Person, bool) {
			r.Refuse("account_locked", "Call us.")
			return ada, true
		}, 303, "account_locked"},
		"refuses without saying why": {func(_ http.ResponseWriter, r *issuer.AuthorizationRequest) (issuer.Person, bool) {
			r.Refuse("", "")
			return issuer.Person{}, false
		}, 303, "access_denied"},
		"nobody, and says there is": {func(http.ResponseWriter, *issuer.AuthorizationRequest) (issuer.Person, bool) {
			return issuer.Person{}, true
		}, 503, ""},
		"no session": {func(http.ResponseWriter, *issuer.AuthorizationRequest) (issuer.Person, bool) {
			return issuer.Person{Subject: "ada"}, true
		}, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := asks(func(http.ResponseWriter, *issuer.AuthorizationRequest) (issuer.Person, bool) { return ada, true })
			server, _, err := shopServer(t.Context(), asks(func(w http.ResponseWriter, r *issuer.AuthorizationRequest) (issuer.Person, bool) { return now(w, r) }))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close(context.Background()) })
			send := func(method, form string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, "https://api.example.com/oauth2/authorize?response_type=code&client_id=books&scope=transaction:read&state=a-random-state"+
					"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", strings.NewReader(form))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				return w
			}
			id, asked := strings.CutPrefix(send("GET", "").Body.String(), "consent ")
			if !asked {
				t.Fatal("the fixture asks for no consent")
			}
			now = tc.signIn
			for method, form := range map[string]string{"GET": "", "POST": url.Values{"consent": {id}, "decision": {"allow"}}.Encode()} {
				w := send(method, form)
				back, err := url.Parse(w.Header().Get("Location"))
				if err != nil || w.Code != tc.status || back.Query().Get("error") != tc.code || back.Query().Has("code") || strings.HasPrefix(w.Body.String(), "consent") {
					t.Errorf("%s: %d %s %s", method, w.Code, back, w.Body)
				}
			}
		})
	}
}
