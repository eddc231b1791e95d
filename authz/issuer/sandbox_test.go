package issuer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// sandbox is a bank's sandbox over plain HTTP.
type sandbox struct {
	*testing.T
	server *issuer.Server
	web    *httptest.Server
	secret map[string]string
}

func newSandbox(t *testing.T, store storage.Store, root keyring.Root) *sandbox {
	t.Helper()
	s := &sandbox{T: t, secret: map[string]string{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	decider, err := policy.Default()
	must(err)
	mux := http.NewServeMux()
	s.web = httptest.NewServer(mux)
	t.Cleanup(s.web.Close)
	s.server, err = issuer.New(t.Context(), issuer.Config{Issuer: s.web.URL, Store: store, Keys: []keyring.Root{root}, Policy: decider,
		Profile: authz.Bank(authz.Sandbox), SignIn: &customerBank{bank: &bank{T: t}, person: issuer.Person{Subject: "ada", Session: "s1"}},
		Metadata: authz.Requires{"send_money": authz.OneOf("account_id", "emirates_id")},
		Products: authz.Products{"partner-authentication": {Scopes: []string{"send_money"}, GrantTypes: []string{"client_credentials"}}}})
	must(err)
	t.Cleanup(func() { must(s.server.Close(context.Background())) })
	keys, err := admin.New(admin.Config{Installation: s.server.Installation()})
	must(err)
	must(keys.EnsureOrganization(t.Context(), "partners", "Partners"))
	for id, ids := range map[string]map[string]string{"partner": {"account_id": bankAccount, "emirates_id": "7841999999999999567"}, "bare": nil} {
		c := authz.ClientOf(authz.Partner)
		c.ID, c.Organization, c.Scopes, c.Subscriptions, c.TestIDs = id, "partners", []string{"send_money"}, []string{"partner-authentication"}, ids
		s.secret[id] = token.NewSecret()
		_, err = keys.EnsureKey(t.Context(), c, s.secret[id])
		must(err)
	}
	mux.Handle("POST /token", s.server.Token(issuer.TokenOptions{ClientType: authz.Partner, GrantTypes: []string{"client_credentials"}}))
	mux.Handle("GET /authorize", s.server.Authorization())
	mux.Handle("GET /customers/{id}", s.server.Guard().Require(authz.Scope("send_money"), authz.MaskedPath("id", "account_id", "emirates_id"))(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := authz.FromContext(r.Context()).Bound("account_id")
			_, _ = io.WriteString(w, id)
		})))
	return s
}

func (s *sandbox) do(method, path, body string, headers ...string) answer {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.web.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := send(&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, r)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

func (s *sandbox) token(id, secret, body string) answer {
	s.Helper()
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return s.do("POST", "/token", body, "Authorization", r.Header.Get("Authorization"), "Content-Type", "application/x-www-form-urlencoded")
}

// Test ids stand in for metadata and masks, for the client that has them.
func TestSandboxTestIDs(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, memory.New(), keyring.NewRoot())
	const body = "grant_type=client_credentials&scope=send_money"
	for _, tc := range []struct {
		client, path string
		status       int
	}{
		{"partner", "/customers/1234xxxxxx567", 200},
		{"partner", "/customers/7841xxxxxxxxxxxx567", 200},
		{"partner", "/customers/1235xxxxxx567", 403},
		{"partner", "/customers/" + bankAccount, 403},
		{"partner", "/customers/1234xxxxx567", 403},
		{"bare", "/customers/1234xxxxxx567", 403},
	} {
		issued := s.token(tc.client, s.secret[tc.client], body)
		if issued.Status != 200 || issued.json(t)["refresh_token"] != nil || issued.json(t)["consented_on"] == nil {
			t.Fatalf("%d %s", issued.Status, issued.Body)
		}
		a := s.do("GET", tc.path, "", "X-IBM-Client-Id", tc.client, "Authorization", "Bearer "+issued.str(t, "access_token"))
		if a.Status != tc.status || a.Status == 200 && a.Body != bankAccount {
			t.Errorf("%s %s: %d %s, want %d", tc.client, tc.path, a.Status, a.Body, tc.status)
		}
	}
}

func TestSandboxTokenRefusals(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, memory.New(), keyring.NewRoot())
	const body = "grant_type=client_credentials&scope=send_money"
	secret := s.secret["partner"]
	unknown := s.token("nobody", secret, body)
	if unknown.Status != 401 || unknown.str(t, "error") != "invalid_client" {
		t.Errorf("unknown client: %d %s", unknown.Status, unknown.Body)
	}
	for name, a := range map[string]answer{
		"wrong secret":       s.token("partner", token.NewSecret(), body),
		"no secret":          s.token("partner", "", body),
		"secret in the form": s.do("POST", "/token", body+"&client_id=partner&client_secret="+url.QueryEscape(secret), "Content-Type", "application/x-www-form-urlencoded"),
		"secret in headers":  s.do("POST", "/token", body, "Content-Type", "application/x-www-form-urlencoded", "X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", secret),
	} {
		if a.Status != unknown.Status || a.Body != unknown.Body {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Body, unknown.Body)
		}
	}
	for name, tc := range map[string]struct{ body, code string }{
		"another scope":      {"grant_type=client_credentials&scope=everything", "invalid_scope"},
		"another grant type": {"grant_type=authorization_code&code=x", "unsupported_grant_type"},
		"scope twice":        {body + "&scope=send_money", "invalid_request"},
		"another client_id":  {body + "&client_id=bare", "invalid_request"},
	} {
		if a := s.token("partner", secret, tc.body); a.Status != 400 || a.str(t, "error") != tc.code {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Body, tc.code)
		}
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth("partner", secret)
	if a := s.do("POST", "/token", `{"grant_type":"client_credentials"}`, "Content-Type", "application/json", "Authorization", r.Header.Get("Authorization")); a.str(t, "error") != "invalid_request" {
		t.Errorf("JSON: %d %s", a.Status, a.Body)
	}
}

// Clients and tokens of one environment are unknown in another, over the same
// store and with the same root secret.
func TestEnvironmentsDoNotMix(t *testing.T) {
	t.Parallel()
	store, root := memory.New(), keyring.NewRoot()
	s := newSandbox(t, store, root)
	issued := s.token("partner", s.secret["partner"], "grant_type=client_credentials&scope=send_money")
	profile := authz.Bank(authz.Sandbox)
	profile.Name, profile.Environment = "elsewhere", "elsewhere"
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	other, err := issuer.New(t.Context(), issuer.Config{Issuer: s.web.URL, Store: store, Keys: []keyring.Root{root}, Policy: decider, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	if _, err := other.Installation().Verifier().Verify(t.Context(), issued.str(t, "access_token")); authz.AsRefusal(err).Code != "invalid_token" {
		t.Errorf("the token of another environment: %v", err)
	}
	keys, err := admin.New(admin.Config{Installation: other.Installation()})
	if err != nil {
		t.Fatal(err)
	}
	c, secret := authz.ClientOf(authz.Partner), token.NewSecret()
	c.ID, c.Organization, c.Scopes = "abroad", "partners", []string{"send_money"}
	if _, err := keys.EnsureKey(t.Context(), c, secret); err != nil {
		t.Fatal(err)
	}
	if a := s.token("abroad", secret, "grant_type=client_credentials&scope=send_money"); a.Status != 401 || a.Body != s.token("nobody", secret, "grant_type=client_credentials").Body {
		t.Errorf("the client of another environment: %d %s", a.Status, a.Body)
	}
	if a := s.do("GET", "/authorize?client_id=abroad&response_type=code", ""); a.Status != 400 || a.Header.Get("Location") != "" {
		t.Errorf("its sign-in: %d %s", a.Status, a.Body)
	}
}
