package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestRedirectURIsAtTheBank(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	for name, tc := range map[string]struct {
		client string
		pairs  []string
		back   string // empty: shown and sent nowhere
	}{
		"one registered, none sent":     {"fintech", nil, fintechBack},
		"one registered, sent":          {"fintech", []string{"redirect_uri", fintechBack}, fintechBack},
		"one registered, alias":         {"fintech", []string{"redirect_url", fintechBack}, fintechBack},
		"several, none sent":            {"several", nil, ""},
		"several, one sent":             {"several", []string{"redirect_uri", fintechAlso}, fintechAlso},
		"several, alias":                {"several", []string{"redirect_url", fintechAlso}, fintechAlso},
		"both, the same":                {"several", []string{"redirect_uri", fintechAlso, "redirect_url", fintechAlso}, fintechAlso},
		"both, different":               {"several", []string{"redirect_uri", fintechBack, "redirect_url", fintechAlso}, ""},
		"alias, not registered":         {"fintech", []string{"redirect_url", fintechAlso}, ""},
		"not to the letter":             {"fintech", []string{"redirect_uri", fintechBack + "/"}, ""},
		"with a query":                  {"fintech", []string{"redirect_uri", fintechBack + "?a=b"}, ""},
		"another host with that prefix": {"fintech", []string{"redirect_uri", "https://fintech.example.evil.example/callback"}, ""},
	} {
		b.asked = nil
		query := b.request(bankAccount, append([]string{"client_id", tc.client}, tc.pairs...)...)
		w := b.browse("GET", query, "")
		if tc.back == "" {
			if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || len(b.asked) != 0 {
				t.Errorf("%s: %d %q", name, w.Code, w.Header().Get("Location"))
			}
			continue
		}
		if len(b.asked) != 1 {
			t.Errorf("%s: %d %q", name, w.Code, w.Header().Get("Location"))
			continue
		}
		to := b.browse("POST", query, url.Values{"consent": {b.asked[0].ID}, "decision": {"allow"}}.Encode()).Header().Get("Location")
		if !strings.HasPrefix(to, tc.back+"?") || strings.Contains(to, "state=") {
			t.Errorf("%s: sent to %s", name, to)
		}
	}
}

func TestStateComesBack(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	if told := b.allow(b.request(bankAccount, "state", "st ate&x")); told.Get("state") != "st ate&x" {
		t.Errorf("%v", told)
	}
	if told := b.allow(b.request("9999000099992", "state", "st ate&x")); told.Get("state") != "st ate&x" || told.Get("error") != "access_denied" {
		t.Errorf("%v", told)
	}
}

func TestCodeAtTheBank(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	const verifier = "a-verifier-of-more-than-forty-three-characters-0123456789"
	sum := sha256.Sum256([]byte(verifier))
	challenge := []string{"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256"}
	for name, tc := range map[string]struct {
		request, token []string
		ok             bool
	}{
		"nothing optional":                {nil, nil, true},
		"redirect URI at one end only":    {[]string{"redirect_uri", fintechBack}, nil, true},
		"redirect URI at both":            {[]string{"redirect_uri", fintechBack}, []string{"redirect_uri", fintechBack}, true},
		"another redirect URI":            {[]string{"redirect_uri", fintechBack}, []string{"redirect_uri", fintechAlso}, false},
		"redirect URI at the wrong end":   {nil, []string{"redirect_uri", fintechAlso}, false},
		"alias at one end only":           {[]string{"redirect_url", fintechBack}, []string{"redirect_uri", fintechBack}, true},
		"challenge and verifier":          {challenge, []string{"code_verifier", verifier}, true},
		"challenge without verifier":      {challenge, nil, false},
		"challenge with another verifier": {challenge, []string{"code_verifier", strings.Repeat("x", 43)}, false},
		"verifier without challenge":      {nil, []string{"code_verifier", verifier}, false},
	} {
		told := b.allow(b.request(bankAccount, tc.request...))
		a := b.ask("fintech", append([]string{"grant_type", "authorization_code", "code", told.Get("code")}, tc.token...)...)
		if tc.ok && a.Status != http.StatusOK || !tc.ok && a.str(t, "error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if told := b.allow(b.request(bankAccount, "code_challenge", challenge[1], "code_challenge_method", "plain")); told.Get("error") != "invalid_request" {
		t.Errorf("plain: %v", told)
	}
	late := b.allow(b.request(bankAccount)).Get("code")
	b.ahead.Add(int64(31 * time.Second))
	if a := b.ask("fintech", "grant_type", "authorization_code", "code", late); a.str(t, "error") != "invalid_grant" {
		t.Errorf("31 seconds later: %d %s", a.Status, a.Body)
	}
	// A second use ends what the first one got; another client's try ends nothing.
	code := b.allow(b.request(bankAccount)).Get("code")
	if a := b.ask("stranger", "grant_type", "authorization_code", "code", code); a.str(t, "error") != "invalid_grant" {
		t.Errorf("another client: %d %s", a.Status, a.Body)
	}
	first := b.ask("fintech", "grant_type", "authorization_code", "code", code)
	if a := b.ask("stranger", "grant_type", "authorization_code", "code", code); a.str(t, "error") != "invalid_grant" {
		t.Errorf("another client, later: %d %s", a.Status, a.Body)
	}
	if a := b.call(first.str(t, "access_token")); a.Status != http.StatusOK {
		t.Errorf("before the second use: %d %s", a.Status, a.Body)
	}
	if a := b.ask("fintech", "grant_type", "authorization_code", "code", code); a.str(t, "error") != "invalid_grant" {
		t.Errorf("second use: %d %s", a.Status, a.Body)
	}
	if a := b.call(first.str(t, "access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("after the second use: %d %s", a.Status, a.Body)
	}
}

func TestMembersAndLimitsOfRefreshTokens(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	const day = 24 * time.Hour
	issued := b.tokens(bankAccount)
	consented := issued.json(t)["consented_on"]
	check := func(a answer, until time.Duration) {
		t.Helper()
		m := a.json(t)
		if a.Status != http.StatusOK || m["token_type"] != "bearer" || m["expires_in"] != 3600.0 || m["scope"] != "account_transactions" || m["consented_on"] != consented {
			t.Fatalf("%d %v", a.Status, a.Body)
		}
		if got := m["refresh_token_expires_in"].(float64); got < until.Seconds()-120 || got > until.Seconds() {
			t.Errorf("refresh_token_expires_in %v, want %v", got, until.Seconds())
		}
		if len(m) != 7 {
			t.Errorf("members %v", m)
		}
		if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("MsgId") != "" {
			t.Errorf("headers %v", a.Header)
		}
	}
	check(issued, 183*day)
	// Exchanged every five months it lives for three years; near their end they
	// are the nearer limit.
	last := issued
	for age := 150 * day; age < 3*365*day; age += 150 * day {
		b.ahead.Store(int64(age))
		last = b.ask("fintech", "grant_type", "refresh_token", "refresh_token", last.str(t, "refresh_token"))
		check(last, min(183*day, 3*365*day-age))
	}
	b.ahead.Store(int64(3*365*day + time.Minute))
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", last.str(t, "refresh_token")); a.str(t, "error") != "invalid_grant" {
		t.Errorf("after three years: %d %s", a.Status, a.Body)
	}
	b.ahead.Store(0)
	idle := b.tokens(bankAccount)
	b.ahead.Store(int64(183*day + time.Minute))
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", idle.str(t, "refresh_token")); a.str(t, "error") != "invalid_grant" {
		t.Errorf("after half a year without an exchange: %d %s", a.Status, a.Body)
	}
}

// The token endpoint of the sign-in stands inside certificates and addresses,
// and refuses in the clear, always in the same words.
func TestSignInTokenEndpointStandsInside(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	ask := func(pair *mtlstest.Pair, id, secret string, headers ...string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/token", strings.NewReader("grant_type=refresh_token&refresh_token=gwr_x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(id, secret)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return b.plain(pair, r)
	}
	first := ask(nil, "fintech", b.secret["fintech"])
	if first.Status != http.StatusUnauthorized || first.str(t, "error") != "invalid_client" {
		t.Errorf("no certificate: %d %s", first.Status, first.Body)
	}
	if _, err := b.admin.SetAddresses(t.Context(), admin.Host().In("fintechs"), "several", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]answer{
		"another's certificate":  ask(b.certs["stranger"], "fintech", b.secret["fintech"]),
		"unknown client":         ask(b.certs["fintech"], "nobody", b.secret["fintech"]),
		"wrong secret":           ask(b.certs["fintech"], "fintech", b.secret["stranger"]),
		"empty secret":           ask(b.certs["fintech"], "fintech", ""),
		"wrong address":          ask(b.certs["several"], "several", b.secret["several"]),
		"a certificate in words": ask(nil, "fintech", b.secret["fintech"], "Client-Cert", mtlstest.ClientCertHeader(b.certs["fintech"].Certificate)),
		"an address in words":    ask(b.certs["several"], "several", b.secret["several"], "X-Forwarded-For", "192.0.2.1"),
		"another id in a header": ask(b.certs["fintech"], "fintech", b.secret["fintech"], "X-IBM-Client-Id", "stranger"),
	} {
		if a.Status != first.Status || a.Body != first.Body || a.Header.Get("WWW-Authenticate") != first.Header.Get("WWW-Authenticate") {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Body, first.Body)
		}
	}
	// The right one gets further, and is answered in the clear as well; its
	// credentials may be form-encoded (RFC 6749 section 2.3.1).
	encoded := ask(b.certs["fintech"], "%66intech", url.QueryEscape(b.secret["fintech"]))
	for _, a := range []answer{ask(b.certs["fintech"], "fintech", b.secret["fintech"], "X-IBM-Client-Id", "fintech"), encoded} {
		if a.Status != http.StatusBadRequest || a.str(t, "error") != "invalid_grant" {
			t.Errorf("the right client: %d %s", a.Status, a.Body)
		}
	}
}

// What a customer's tokens are is told by the session, and no other client's
// certificate carries them.
func TestCustomersTokenIsOneClients(t *testing.T) {
	t.Parallel()
	b := newCustomerBank(t)
	issued := b.tokens(bankAccount)
	a, err := b.send(b.as("stranger"), "GET", "/accounts/1234xxxxxx567", "", "X-IBM-Client-Id", "stranger", "Authorization", "Bearer "+issued.str(t, "access_token"))
	if err != nil || a.Status != http.StatusUnauthorized || a.str(t, "code") != "invalid_token" {
		t.Errorf("%v %d %s", err, a.Status, a.Body)
	}
	if a := b.ask("stranger", "grant_type", "refresh_token", "refresh_token", issued.str(t, "refresh_token")); a.str(t, "error") != "invalid_grant" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.ask("fintech", "grant_type", "refresh_token", "refresh_token", issued.str(t, "refresh_token")); a.Status != http.StatusOK {
		t.Errorf("another client's try revoked it: %d %s", a.Status, a.Body)
	}
}
