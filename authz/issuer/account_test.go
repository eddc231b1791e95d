package issuer_test

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/storage"
)

func send(c *http.Client, r *http.Request) (answer, error) {
	resp, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(read)}, err
}

// What is wrong with an account is one refusal, before anything is shown.
func TestAccountRefusalsAreOne(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	foreign, err := mtlstest.RSA2048.Generate()
	if err != nil {
		t.Fatal(err)
	}
	other, err := jose.NewPublicKey("", foreign.Public().(*rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(text string, to *jose.PublicKey) string {
		s, err := jose.SealCompact([]byte(text), to)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	own := b.keys.Public().Encrypting()[0]
	strict, err := jose.SealAccountStrict(jose.Account{AccountID: bankAccount, UUID: "ada", ClientID: "fintech", Expiry: time.Now().Add(time.Minute)}, own)
	if err != nil {
		t.Fatal(err)
	}
	good := strings.Split(sealed(bankAccount, own), ".")
	joined := func(change func(p []string)) string {
		p := append([]string(nil), good...)
		change(p)
		return strings.Join(p, ".")
	}
	var first string
	for name, parameter := range map[string]string{
		"unknown":                  b.sealed("9999000099992"),
		"another customer's":       b.sealed(strangersOwn),
		"for another key":          sealed(bankAccount, other),
		"in the clear":             bankAccount,
		"nonsense":                 "a.b.c.d.e",
		"no tag":                   joined(func(p []string) { p[4] = "" }),
		"another tag":              joined(func(p []string) { p[4] = strings.Repeat("A", len(p[4])) }),
		"another iv":               joined(func(p []string) { p[2] = strings.Repeat("A", len(p[2])) }),
		"another wrapped key":      joined(func(p []string) { p[1] = strings.Repeat("A", len(p[1])) }),
		"another header":           joined(func(p []string) { p[0] = "eyJhbGciOiJkaXIifQ" }),
		"not a number":             sealed("12-34", own),
		"short":                    sealed("1234567", own),
		"padded with a space":      sealed(" "+bankAccount, own),
		"empty":                    sealed("", own),
		"the form of the other":    strict,
		"a mask":                   sealed("1234xxxxxx567", own),
		"a number and a newline":   sealed(bankAccount+"\n", own),
		"larger than a URL has it": strings.Repeat("A", 5000) + "....",
	} {
		b.person.Subject = "ada"
		w := b.browse("GET", b.request("", "account_id", parameter), "")
		to := w.Header().Get("Location")
		if first == "" {
			first = to
		}
		if w.Code != http.StatusSeeOther || to != first || !strings.Contains(to, "error=access_denied") {
			t.Errorf("%s: %d %s, want %s", name, w.Code, to, first)
		}
		b.ahead.Add(int64(time.Hour)) // no limit on tries in this test
	}
	if len(b.asked) != 0 {
		t.Error("a consent page was shown")
	}
}

func TestAccountIsMaskedOnTheConsent(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	if w := b.browse("GET", b.request(bankAccount), ""); w.Code != http.StatusOK || len(b.asked) != 1 {
		t.Fatal(w.Code, len(b.asked))
	}
	if got := b.asked[0].Request.MaskedAccount; got != "1234xxxxxx567" {
		t.Errorf("shown as %q", got)
	}
}

func TestAccountParametersAreOfTheSession(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	for name, tc := range map[string]struct{ query, code string }{
		"no account":                      {b.request(""), "invalid_request"},
		"no uuid":                         {b.request(bankAccount, "uuid", ""), "invalid_request"},
		"another customer, their account": {b.request(strangersOwn, "uuid", "bob"), "access_denied"},
		"another customer, own account":   {b.request(bankAccount, "uuid", "bob"), "access_denied"},
	} {
		if told := b.allow(tc.query); told.Get("error") != tc.code || told.Has("code") {
			t.Errorf("%s: %v", name, told)
		}
	}
	twice := b.request(bankAccount) + "&uuid=bob"
	if w := b.browse("GET", twice, ""); w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
		t.Errorf("uuid twice: %d %s", w.Code, w.Header().Get("Location"))
	}
	// The consent is about the very request: an answer for another account is none.
	b.browse("GET", b.request(bankAccount), "")
	id := b.asked[len(b.asked)-1].ID
	w := b.browse("POST", b.request(twinAccount), url.Values{"consent": {id}, "decision": {"allow"}}.Encode())
	if to := w.Header().Get("Location"); strings.Contains(to, "code=") {
		t.Errorf("the consent for one account was taken for another: %s", to)
	}
}

func TestAccountTriesAreLimited(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	wrong := b.browse("GET", b.request("9999000099992"), "").Header().Get("Location")
	for range 19 {
		b.browse("GET", b.request("9999000099992"), "")
	}
	if to := b.browse("GET", b.request(bankAccount), "").Header().Get("Location"); to != wrong {
		t.Errorf("the 21st try: %s, want %s", to, wrong)
	}
	// Another customer of the same client is not held up, and time heals.
	b.person.Subject = "bob"
	if told := b.allow(b.request(strangersOwn, "uuid", "bob")); !told.Has("code") {
		t.Errorf("another customer: %v", told)
	}
	b.person.Subject = "ada"
	b.ahead.Add(int64(31 * time.Minute))
	if told := b.allow(b.request(bankAccount)); !told.Has("code") {
		t.Errorf("half an hour later: %v", told)
	}
	// What succeeds is not counted.
	for range 25 {
		if told := b.allow(b.request(bankAccount)); !told.Has("code") {
			t.Fatalf("a good try was refused: %v", told)
		}
	}
}

func TestHostAwayIsNoRefusal(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	issued := b.tokens(bankAccount)
	b.host(func() { b.broken = errHostAway })
	for range 25 { // and counts as no try
		w := b.browse("GET", b.request(bankAccount), "")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Location") != "" || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "core banking") {
			t.Fatalf("%d %s %s", w.Code, w.Header(), w.Body)
		}
	}
	if a := b.call(issued.str(t, "access_token")); a.Status != http.StatusServiceUnavailable {
		t.Errorf("call: %d %s", a.Status, a.Body)
	}
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", issued.str(t, "refresh_token")); a.Status != http.StatusServiceUnavailable {
		t.Errorf("refresh: %d %s", a.Status, a.Body)
	}
	b.host(func() { b.broken = nil })
	if a := b.call(issued.str(t, "access_token")); a.Status != http.StatusOK || a.str(t, "account") != bankAccount {
		t.Errorf("call, the host being back: %d %s", a.Status, a.Body)
	}
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", issued.str(t, "refresh_token")); a.Status != http.StatusOK {
		t.Errorf("refresh, the host being back: %d %s", a.Status, a.Body)
	}
}

// Whose an account is is asked anew on each call and refresh.
func TestClosedAccount(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	own, twin := b.tokens(bankAccount), b.tokens(twinAccount)
	b.host(func() { b.owners[twinAccount] = "" })
	if a := b.call(twin.str(t, "access_token")); a.Status != http.StatusForbidden || a.str(t, "code") != "access_denied" {
		t.Errorf("call: %d %s", a.Status, a.Body)
	}
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", twin.str(t, "refresh_token")); a.str(t, "error") != "invalid_grant" {
		t.Errorf("refresh: %d %s", a.Status, a.Body)
	}
	if a := b.call(own.str(t, "access_token")); a.Status != http.StatusOK || a.str(t, "account") != bankAccount {
		t.Errorf("the account with the same mask: %d %s", a.Status, a.Body)
	}
}

func TestEndGrantsByAccountAndCustomer(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	own, again, twin := b.tokens(bankAccount), b.tokens(bankAccount), b.tokens(twinAccount)
	if n, err := b.server.EndGrantsForAccount(t.Context(), bankAccount, "stolen"); n != 2 || err != nil {
		t.Errorf("by account: %d %v", n, err)
	}
	for _, dead := range []answer{own, again} {
		if a := b.call(dead.str(t, "access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("call: %d %s", a.Status, a.Body)
		}
		if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", dead.str(t, "refresh_token")); a.str(t, "error") != "invalid_grant" {
			t.Errorf("refresh: %d %s", a.Status, a.Body)
		}
	}
	if a := b.call(twin.str(t, "access_token")); a.Status != http.StatusOK {
		t.Errorf("the other account: %d %s", a.Status, a.Body)
	}
	for customer, want := range map[string]int{"bob": 0, "ada": 1} {
		if n, err := b.server.EndGrantsOf(t.Context(), customer, "left"); n != want || err != nil {
			t.Errorf("by customer %s: %d %v, want %d", customer, n, err, want)
		}
	}
	if a := b.call(twin.str(t, "access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("call: %d %s", a.Status, a.Body)
	}
	if _, err := b.server.EndGrantsOf(t.Context(), "", "x"); err == nil {
		t.Error("everybody's grants could be ended at once")
	}
	if _, err := b.server.EndGrantsForAccount(t.Context(), "", "x"); err == nil {
		t.Error("every account's grants could be ended at once")
	}
}

// In the strict form an account is good once, for minutes, for one client and
// one customer.
func TestStrictAccount(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t, func(c *issuer.Config) {
		c.Message.Binding, c.Message.Issuer, c.Message.Origin = jose.Strict, "https://bank.example", "https://bank.example"
	})
	parameter := func(change func(*jose.Account)) string {
		a := jose.Account{AccountID: bankAccount, UUID: "ada", ClientID: "fintech", Expiry: time.Now().Add(5 * time.Minute)}
		change(&a)
		s, err := jose.SealAccountStrict(a, b.keys.Public().Encrypting()[0])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, p := range map[string]string{
		"expired":             parameter(func(a *jose.Account) { a.Expiry = time.Now().Add(-2 * time.Minute) }),
		"good for too long":   parameter(func(a *jose.Account) { a.Expiry = time.Now().Add(time.Hour) }),
		"of another client":   parameter(func(a *jose.Account) { a.ClientID = "stranger" }),
		"of another customer": parameter(func(a *jose.Account) { a.UUID = "bob" }),
		"not owned":           parameter(func(a *jose.Account) { a.AccountID = strangersOwn }),
		"compatible":          b.sealed(bankAccount),
	} {
		if told := b.allow(b.request("", "account_id", p)); told.Get("error") != "access_denied" || told.Has("code") {
			t.Errorf("%s: %v", name, told)
		}
	}
	good := parameter(func(*jose.Account) {})
	query := b.request("", "account_id", good)
	if told := b.allow(query); !told.Has("code") {
		t.Errorf("a good one: %v", told)
	}
	if told := b.allow(query); told.Get("error") != "access_denied" {
		t.Errorf("the second use: %v", told)
	}
	same := parameter(func(a *jose.Account) { a.ID = "chosen-1" })
	if told := b.allow(b.request("", "account_id", same)); !told.Has("code") {
		t.Errorf("%v", told)
	}
	if told := b.allow(b.request("", "account_id", parameter(func(a *jose.Account) { a.ID = "chosen-1" }))); told.Get("error") != "access_denied" {
		t.Errorf("another ciphertext with the same jti: %v", told)
	}
}

// People tell the consents they gave apart by the masked account.
func TestConsentsNameTheMaskedAccount(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	b.tokens(bankAccount)
	given, err := b.server.Consents(t.Context(), "ada")
	if err != nil || len(given) != 1 || given[0].MaskedAccount != "1234xxxxxx567" {
		t.Errorf("%+v %v", given, err)
	}
}

// Pages of production are not shown over plain HTTP.
func TestAuthorizationDemandsTLS(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize?"+b.request(bankAccount), nil)
	w := httptest.NewRecorder()
	b.server.Authorization().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "tls_required") || len(b.asked) > 0 {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
}

// The audit trail says why, and names no account.
func TestAccountRefusalsAreAudited(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	b.browse("GET", b.request(strangersOwn), "")
	b.browse("GET", b.request("", "account_id", bankAccount), "")
	b.browse("GET", b.request(bankAccount, "uuid", "bob"), "")
	want := map[string]bool{"account_not_owned": false, "account_unreadable": false, "another_customer": false}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		events, err := b.server.Installation().Store().Events(t.Context(), storage.EventFilter{Type: "authorization.refused"})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			want[e.Reason] = true
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, bankAccount) || strings.Contains(text, strangersOwn) {
				t.Errorf("the trail names an account: %s", text)
			}
		}
		if want["account_not_owned"] && want["account_unreadable"] && want["another_customer"] {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("reasons %v", want)
}
