package issuer_test

import (
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/storage/memory"
)

func basicOf(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// A client authenticates in one way (RFC 6749 section 2.3): id and secret in
// headers leave no room for an Authorization header, whoever it names.
func TestBankTokenRefusesASecondAuthentication(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	const body = `{"grant_type":"client_credentials","scope":"rates"}`
	for name, authorization := range map[string]string{
		"the same":       basicOf("partner", b.secret["partner"]),
		"a wrong secret": basicOf("partner", "wrong"),
		"another client": basicOf("stranger", b.secret["stranger"]),
		"malformed":      "Basic !",
		"a token":        "Bearer gwa_none",
	} {
		a, err := b.send(b.as("partner"), "POST", "/token", body, "X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"], "Authorization", authorization)
		if err != nil || a.Status != 400 || a.str(t, "error") != "invalid_request" {
			t.Errorf("%s: %v %d %s", name, err, a.Status, a.Body)
		}
	}
}

// The bank's documents make grant_type and scope mandatory.
func TestBankTokenDemandsMandatoryMembers(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for name, body := range map[string]string{
		"no grant_type": `{"scope":"rates"}`,
		"no scope":      `{"grant_type":"client_credentials"}`,
		"neither":       `{}`,
	} {
		a, err := b.send(b.as("partner"), "POST", "/token", body, "X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"])
		if err != nil || a.Status != 400 || a.str(t, "error") != "invalid_request" {
			t.Errorf("%s: %v %d %s", name, err, a.Status, a.Body)
		}
	}
	s := newSandbox(t, memory.New(), keyring.NewRoot())
	for _, form := range []string{"scope=send_money", "grant_type=client_credentials"} {
		if a := s.token("partner", s.secret["partner"], form); a.Status != 400 || a.str(t, "error") != "invalid_request" {
			t.Errorf("sandbox, %s: %d %s", form, a.Status, a.Body)
		}
	}
}

// At an endpoint that takes Basic, id and secret in headers on top must be the same.
func TestSandboxHeadersBesideBasicMustAgree(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, memory.New(), keyring.NewRoot())
	const body = "grant_type=client_credentials&scope=send_money"
	request := func(headers ...string) answer {
		return s.do("POST", "/token", body, append([]string{"Content-Type", "application/x-www-form-urlencoded", "Authorization", basicOf("partner", s.secret["partner"])}, headers...)...)
	}
	if a := request("X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", s.secret["partner"]); a.Status != 200 {
		t.Errorf("the same on top: %d %s", a.Status, a.Body)
	}
	for name, headers := range map[string][]string{
		"another secret": {"X-IBM-Client-Secret", token.NewSecret()},
		"an empty one":   {"X-IBM-Client-Secret", ""},
		"another id":     {"X-IBM-Client-Id", "bare"},
	} {
		if a := request(headers...); a.Status != 401 || a.str(t, "error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// The authorization request of a bank names its scope.
func TestBankAuthorizationDemandsScope(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	for name, scope := range map[string]string{"none": "", "empty": "&scope="} {
		a := b.browse("GET", "response_type=code&client_id=fintech&uuid=ada&state=s&account_id="+url.QueryEscape(b.sealed(bankAccount))+scope, "")
		to, err := url.Parse(a.Header().Get("Location"))
		if err != nil || a.Code != 303 || to.Query().Get("error") != "invalid_request" || to.Query().Get("state") != "s" {
			t.Errorf("%s: %v %d %s %s", name, err, a.Code, to, a.Body)
		}
	}
	if len(b.asked) > 0 {
		t.Error("the customer was asked about nothing in particular")
	}
}

// What a handler wrote before it panicked does not pass for its answer, behind a
// middleware of the host that recovers.
func TestBankSealsNothingOfAHandlerThatPanics(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	plain := &http.Client{Transport: b.base(b.certs["partner"]), Timeout: 30 * time.Second}
	a, err := b.send(plain, "GET", "/panics", "", "X-IBM-Client-Id", "partner")
	if err != nil || a.Status != 500 || a.Body != "" {
		t.Errorf("%v %d %s", err, a.Status, a.Body)
	}
}

// changed sends requests with one header changed after they were sealed.
type changed struct {
	next        http.RoundTripper
	name, value string
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(c.name, c.value)
	return c.next.RoundTrip(r)
}

// A message refused for what its sender can see says what to do about it.
func TestBankMessageRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	key, err := jose.NewPrivateKey("", b.certs["partner"].Key.(*rsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		header, value string
		status        int
		code, mention string
	}{
		{"MsgId", "two words", 400, "message_id_invalid", "message id"},
		{"Content-Type", "text/plain", 415, "unsupported_media_type", "application/json"},
		{"Content-Encoding", "gzip", 415, "unsupported_media_type", "content encoding"},
	} {
		transport, err := jose.NewTransport(jose.TransportConfig{Base: changed{b.base(b.certs["partner"]), tc.header, tc.value}, Key: key, Bank: b.keys.Public(), Binding: jose.Compatible})
		if err != nil {
			t.Fatal(err)
		}
		a, err := b.send(&http.Client{Transport: transport, Timeout: 30 * time.Second}, "POST", "/token", `{"grant_type":"client_credentials","scope":"rates"}`,
			"X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"])
		if err != nil || a.Status != tc.status || a.str(t, "error") != tc.code || !strings.Contains(a.str(t, "error_description"), tc.mention) {
			t.Errorf("%s: %v %d %s", tc.header, err, a.Status, a.Body)
		}
	}
}

// Every endpoint that clients call stands inside the perimeter, not the token
// endpoint alone: an id and a secret from anywhere are not enough.
func TestBankRevocationStandsInsideThePerimeter(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	issued, err := b.token("partner", "beneficiary_management", `{"account_id":"`+bankAccount+`"}`)
	if err != nil || issued.Status != 200 {
		t.Fatal(err, issued.Body)
	}
	bearer := issued.str(t, "access_token")
	call := func() int {
		a, err := b.send(b.as("partner"), "GET", "/customers/1234xxxxxx567/beneficiaries", "", "X-IBM-Client-Id", "partner", "Authorization", "Bearer "+bearer)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	plain := func(pair *mtlstest.Pair) *http.Client {
		return &http.Client{Transport: b.base(pair), Timeout: 5 * time.Second}
	}
	form := url.Values{"token": {bearer}, "client_id": {"partner"}, "client_secret": {b.secret["partner"]}}.Encode()
	for name, c := range map[string]*http.Client{"no certificate": plain(nil), "another's": plain(b.certs["stranger"]), "its own, unsealed": plain(b.certs["partner"])} {
		for _, headers := range [][]string{
			{"Content-Type", "application/x-www-form-urlencoded"},
			{"Content-Type", "application/x-www-form-urlencoded", "Authorization", basicOf("partner", b.secret["partner"])},
			{"Content-Type", "application/x-www-form-urlencoded", "X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"]},
		} {
			if a, err := b.send(c, "POST", "/oauth2/revoke", form, headers...); err != nil || a.Status < 400 {
				t.Errorf("%s, %v: %v %d %s", name, headers, err, a.Status, a.Body)
			}
		}
	}
	if status := call(); status != 200 {
		t.Errorf("a refused revocation ended the token: %d", status)
	}
	a, err := b.send(b.as("partner"), "POST", "/oauth2/revoke", `{"token":"`+bearer+`"}`, "X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"])
	if err != nil || a.Status != 200 {
		t.Errorf("sealed: %v %d %s", err, a.Status, a.Body)
	}
	if status := call(); status != 401 {
		t.Errorf("the token lives on: %d", status)
	}
}

// What introspection answers is plain and holds account ids: it is for the bank's
// own resource servers, with their certificate.
func TestBankIntrospectionIsForResourceServers(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	issued, err := b.token("partner", "beneficiary_management", `{"account_id":"`+bankAccount+`"}`)
	if err != nil || issued.Status != 200 {
		t.Fatal(err, issued.Body)
	}
	form := url.Values{"token": {issued.str(t, "access_token")}}.Encode()
	ask := func(id string, pair *mtlstest.Pair) answer {
		c := &http.Client{Transport: b.base(pair), Timeout: 5 * time.Second}
		a, err := b.send(c, "POST", "/oauth2/introspect", form, "Content-Type", "application/x-www-form-urlencoded", "Authorization", basicOf(id, b.secret[id]))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask("resources", b.certs["resources"]); a.Status != 200 || a.json(t)["active"] != true {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for name, a := range map[string]answer{
		"no certificate":           ask("resources", nil),
		"another's":                ask("resources", b.certs["partner"]),
		"the partner, of its own":  ask("partner", b.certs["partner"]),
		"the partner, from afield": ask("partner", nil),
	} {
		if a.Status != 401 || a.str(t, "error") != "invalid_client" || strings.Contains(a.Body, bankAccount) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// A route that asks for no token still refuses one that is wrong: header,
// certificate, signature and token name one client (B7).
func TestBankTokenShownUnaskedMustBeRight(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	bearer := map[string]string{}
	for _, id := range []string{"partner", "stranger"} {
		a, err := b.token(id, "rates", "")
		if err != nil || a.Status != 200 {
			t.Fatalf("%s: %v %d %s", id, err, a.Status, a.Body)
		}
		bearer[id] = "Bearer " + a.str(t, "access_token")
	}
	for name, tc := range map[string]struct {
		authorization string
		status        int
	}{
		"none":                 {"", 200},
		"its own":              {bearer["partner"], 200},
		"another client's":     {bearer["stranger"], 401},
		"one that was made up": {"Bearer gwa_nonsense", 401},
		"another scheme":       {"Basic cGFydG5lcjpzZWNyZXQ=", 401},
	} {
		headers := []string{"X-IBM-Client-Id", "partner"}
		if tc.authorization != "" {
			headers = append(headers, "Authorization", tc.authorization)
		}
		if a, err := b.send(b.as("partner"), "GET", "/branches", "", headers...); err != nil || a.Status != tc.status {
			t.Errorf("%s: %v %d %s", name, err, a.Status, a.Body)
		}
	}
}

// A request without a message has a message id where the route demands one, and
// has it once.
func TestBankMessageIDOfARequestWithoutMessage(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	partner := &http.Client{Transport: b.base(b.certs["partner"]), Timeout: 30 * time.Second} // which adds no message id
	stranger := &http.Client{Transport: b.base(b.certs["stranger"]), Timeout: 30 * time.Second}
	for _, tc := range []struct {
		name   string
		caller *http.Client
		id     string
		path   string
		msgID  string
		status int
	}{
		{"none", partner, "partner", "/once", "", 400},
		{"fresh", partner, "partner", "/once", "q-1", 200},
		{"used", partner, "partner", "/once", "q-1", 409},
		{"used, on a route that demands none", partner, "partner", "/branches", "q-1", 200},
		{"another client's", stranger, "stranger", "/once", "q-1", 200},
		{"another", partner, "partner", "/once", "q-2", 200},
	} {
		headers := []string{"X-IBM-Client-Id", tc.id}
		if tc.msgID != "" {
			headers = append(headers, "MsgId", tc.msgID)
		}
		if a, err := b.send(tc.caller, "GET", tc.path, "", headers...); err != nil || a.Status != tc.status {
			t.Errorf("%s: %v %d %s", tc.name, err, a.Status, a.Body)
		}
	}
}
