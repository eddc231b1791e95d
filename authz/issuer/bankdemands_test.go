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
