package browsertest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

const (
	password = "correct horse battery staple"
	verifier = "a-verifier-of-more-than-forty-three-characters-0123456789"
)

// world is an authorization server and, on another site, an application.
type world struct {
	*testing.T
	web *httptest.Server // https://127.0.0.1:...
	app *httptest.Server
	// site is the application's origin, https://localhost:...
	site string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	hash, err := signin.HashPassword(password)
	must(t, err)
	users, err := signin.NewStaticUsers(signin.Account{Username: "ada@example.com", PasswordHash: hash, User: signin.User{Subject: "ada", Name: "Ada Lovelace"}})
	must(t, err)
	pages, err := signin.New(signin.Config{Users: users, ScopeText: func(scope string) string {
		return map[string]string{"transaction:read": "See your transactions", "account:read": "See your accounts and their balances"}[scope]
	}})
	must(t, err)
	decider, err := policy.Default()
	must(t, err)

	w := &world{T: t}
	mux := http.NewServeMux()
	w.web = listen(t, mux)
	w.app = listen(t, http.HandlerFunc(w.application))
	w.site = strings.Replace(w.app.URL, "127.0.0.1", "localhost", 1)
	store := memory.New()
	server, err := issuer.New(t.Context(), issuer.Config{Issuer: w.web.URL, Store: store, Keys: []keyring.Root{keyring.NewRoot()},
		Policy: decider, Profile: authz.Merchant(), SignIn: pages})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close(context.Background())) })
	mux.Handle("/", server)
	ctx := t.Context()
	must(t, store.CreateOrganization(ctx, storage.Organization{ID: "merchant", Name: "Merchant Ltd", Status: storage.Active}, storage.Event{}))
	must(t, store.CreateMember(ctx, storage.Member{Organization: "merchant", Subject: "ada", Roles: []string{"operator"}, Status: storage.Active}, storage.Event{}))
	must(t, store.CreateClient(ctx, storage.Client{ID: "app", Organization: "merchant", Environment: "live", Name: "Corner Shop <b>Till</b>", Status: storage.Active,
		Public: true, GrantTypes: []string{"authorization_code"}, Scopes: []string{"transaction:read", "account:read"},
		RedirectURIs: []string{w.site + "/callback"}}, storage.Event{}))
	return w
}

func listen(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers drop connections as they like
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// application serves what the client's site does, and what a hostile one would.
func (w *world) application(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	page := func(body string) {
		_, _ = io.WriteString(rw, `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Shop</title></head><body>`+body+`</body></html>`)
	}
	target := html.EscapeString(w.authorize())
	switch r.URL.Path {
	case "/":
		page(`<a id="login" href="` + target + `">Log in</a>`)
	case "/callback":
		// The application goes on to a third place, as many do.
		http.Redirect(rw, r, strings.Replace(w.app.URL, "localhost", "127.0.0.1", 1)+"/done?"+r.URL.RawQuery, http.StatusFound)
	case "/done":
		page(`<p id="done">` + html.EscapeString(r.URL.RawQuery) + `</p>`)
	case "/frame":
		page(`<p id="framing">framing</p><iframe src="` + target + `"></iframe>`)
	case "/forge":
		page(`<form id="forge" method="post" action="` + target + `"><input name="username" value="ada@example.com"><input name="password" value="` + password + `"><button id="send">Send</button></form>`)
	case "/forge-decision":
		page(`<form method="post" action="` + target + `"><input name="decision" value="allow"><input name="consent" value="gwi_"><button id="send">Send</button></form>`)
	case "/forge-sign-out":
		page(`<form method="post" action="` + w.web.URL + `/oauth2/session/"><input name="sign_out" value="1"><button id="send">Send</button></form>`)
	default:
		http.NotFound(rw, r)
	}
}

// authorize is the URL of the application's authorization request.
func (w *world) authorize(pairs ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {w.site + "/callback"}, "scope": {"account:read transaction:read"},
		"state": {"xyz"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return w.web.URL + "/oauth2/authorize?" + q.Encode()
}

// redeem exchanges the code that the application was sent, and returns an error
// if there is none or it is worth nothing.
func (w *world) redeem(query string) error {
	told, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	if told.Get("state") != "xyz" || told.Get("iss") != w.web.URL {
		return fmt.Errorf("the client is told %v", told)
	}
	resp, err := w.web.Client().PostForm(w.web.URL+"/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"},
		"code": {told.Get("code")}, "redirect_uri": {w.site + "/callback"}, "code_verifier": {verifier}})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || tokens.AccessToken == "" {
		return fmt.Errorf("token endpoint: %s", resp.Status)
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
