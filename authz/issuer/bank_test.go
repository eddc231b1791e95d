package issuer_test

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

const (
	bankAccount  = "1234999999567"
	twinAccount  = "1234888888567" // has the same mask
	strangersOwn = "9999000011112"
)

// bank is a production bank on a real listener with mutual TLS.
type bank struct {
	*testing.T
	ca     *mtlstest.CA
	keys   *jose.Keyring
	server *issuer.Server
	admin  *admin.Service
	url    string
	certs  map[string]*mtlstest.Pair
	secret map[string]string
}

func bankKeys(t testing.TB) *jose.Keyring {
	t.Helper()
	private := func(kid string) *jose.PrivateKey {
		key, err := mtlstest.RSA2048.Generate()
		if err != nil {
			t.Fatal(err)
		}
		k, err := jose.NewPrivateKey(kid, key)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keys, err := jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{private("sig")}, Decryption: []*jose.PrivateKey{private("enc")}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func bankConfig(t testing.TB, store storage.Store, keys *jose.Keyring) issuer.Config {
	t.Helper()
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	message := jose.Bank(keys)
	return issuer.Config{Issuer: "https://bank.example", Store: store, Keys: []keyring.Root{keyring.NewRoot()}, Policy: decider, Profile: authz.Bank(authz.Production),
		ClientIP: clientip.Direct(), Addresses: allowlist.Options{AllowLoopback: true}, ClientCertificates: &mtls.Config{}, Message: &message,
		MayActFor: func(_ context.Context, c *storage.Client, kind, id string) (bool, error) {
			return c.ID == "partner" && (id == bankAccount || id == twinAccount || kind == "emirates_id") || c.ID == "stranger" && id == strangersOwn, nil
		},
		OwnsAccount: func(_ context.Context, customer, account string) (bool, error) {
			return customer == "ada" && account == bankAccount, nil
		},
		Metadata: authz.Requires{"send_money": authz.OneOf("account_id", "emirates_id"), "beneficiary_management": authz.OneOf("account_id", "emirates_id")},
		Products: authz.Products{"partner-authentication": {Scopes: []string{"send_money", "beneficiary_management", "rates"}, GrantTypes: []string{"client_credentials"}}},
	}
}

func newBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{T: t, keys: bankKeys(t), certs: map[string]*mtlstest.Pair{}, secret: map[string]string{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	b.ca, err = mtlstest.NewCA("bank test CA")
	must(err)
	b.server, err = issuer.New(t.Context(), bankConfig(t, memory.New(), b.keys))
	must(err)
	t.Cleanup(func() { must(b.server.Close(context.Background())) })
	b.admin, err = admin.New(admin.Config{Installation: b.server.Installation()})
	must(err)
	must(b.admin.EnsureOrganization(t.Context(), "partners", "Partners"))
	for _, id := range []string{"partner", "stranger", "resources"} {
		pair, err := b.ca.Issue(mtlstest.Leaf{CommonName: id, Key: mtlstest.RSA2048})
		must(err)
		b.certs[id], b.secret[id] = pair, token.NewSecret()
		c := authz.ClientOf(authz.Partner)
		c.ID, c.Organization, c.Name = id, "partners", id
		c.Scopes, c.Subscriptions = []string{"send_money", "beneficiary_management", "rates"}, []string{"partner-authentication"}
		c.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Certificates = []storage.Certificate{admin.CertificateRecord(pair.Certificate)}
		c.ResourceServer = id == "resources"
		_, err = b.admin.EnsureKey(t.Context(), c, b.secret[id])
		must(err)
	}
	guard := b.server.Guard()
	mux := http.NewServeMux()
	mux.Handle("POST /token", b.server.Token(issuer.TokenOptions{ClientType: authz.Partner, Product: "partner-authentication", GrantTypes: []string{"client_credentials"}}))
	mux.Handle("POST /oauth2/", b.server)
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := authz.FromContext(r.Context())
		id, _ := who.Bound("account_id")
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"client": who.Client, "account": id, "body": string(body)})
	})
	mux.Handle("GET /branches", guard.Require(authz.Identified())(echo))
	mux.Handle("GET /fx_rates", guard.Require(authz.WithSecret())(echo))
	mux.Handle("GET /once", guard.Require(authz.Identified(), authz.MessageID())(echo))
	mux.Handle("GET /panics", recovering(guard.Require(authz.Identified())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"half":`)
		panic(http.ErrAbortHandler)
	}))))
	mux.Handle("GET /customers/{customer_id}/beneficiaries", guard.Require(authz.Scope("beneficiary_management"), authz.MaskedPath("customer_id", "account_id", "emirates_id"))(echo))
	mux.Handle("POST /customers/{customer_id}/transfers", guard.Require(authz.Scope("send_money"), authz.MaskedPath("customer_id", "account_id", "emirates_id"))(echo))

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

// recovering is a host's middleware around its routes that answers for handlers
// that panic.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// as returns an HTTP client with the certificate of one client, that seals.
func (b *bank) as(id string) *http.Client {
	b.Helper()
	pair := b.certs[id]
	key, err := jose.NewPrivateKey("", pair.Key.(*rsa.PrivateKey))
	if err != nil {
		b.Fatal(err)
	}
	transport, err := jose.NewTransport(jose.TransportConfig{Base: b.base(pair), Key: key, Bank: b.keys.Public(), Binding: jose.Compatible})
	if err != nil {
		b.Fatal(err)
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func (b *bank) base(pair *mtlstest.Pair) *http.Transport {
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.ca.Pool()}}
	if pair != nil {
		t.TLSClientConfig.Certificates = []tls.Certificate{pair.TLS()}
	}
	b.Cleanup(t.CloseIdleConnections)
	return t
}

func (b *bank) send(c *http.Client, method, path, body string, headers ...string) (answer, error) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(read)}, err
}

func (b *bank) token(id, scope, metadata string) (answer, error) {
	b.Helper()
	body := `{"grant_type":"client_credentials","scope":"` + scope + `"`
	if metadata != "" {
		body += `,"oauth_metadata":` + metadata
	}
	return b.send(b.as(id), "POST", "/token", body+"}", "X-IBM-Client-Id", id, "X-IBM-Client-Secret", b.secret[id])
}

func TestBankSealedTokenAndMaskedCall(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	issued, err := b.token("partner", "beneficiary_management send_money", `{"account_id":"`+bankAccount+`"}`)
	if err != nil || issued.Status != 200 {
		t.Fatalf("%v %d %s", err, issued.Status, issued.Body)
	}
	m := issued.json(t)
	if m["token_type"] != "bearer" || m["expires_in"] != 3600.0 || m["consented_on"] == nil || m["refresh_token"] != nil || m["scope"] != "beneficiary_management send_money" {
		t.Errorf("token answer %v", m)
	}
	headers := []string{"X-IBM-Client-Id", "partner", "Authorization", "Bearer " + issued.str(t, "access_token")}
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"own mask", "GET", "/customers/1234xxxxxx567/beneficiaries", "", 200, ""},
		{"own mask, sealed body", "POST", "/customers/1234xxxxxx567/transfers", `{"amount":1}`, 200, ""},
		{"another mask", "GET", "/customers/1235xxxxxx567/beneficiaries", "", 403, "masked_id_refused"},
		{"unmasked", "GET", "/customers/1234999999567/beneficiaries", "", 403, "masked_id_refused"},
		{"wrong length", "GET", "/customers/1234xxxxx567/beneficiaries", "", 403, "masked_id_refused"},
		{"capital X", "GET", "/customers/1234XXXXXX567/beneficiaries", "", 403, "masked_id_refused"},
	} {
		a, err := b.send(b.as("partner"), tc.method, tc.path, tc.body, headers...)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if a.Status != tc.status || tc.code != "" && a.str(t, "code") != tc.code {
			t.Errorf("%s: %d %s", tc.name, a.Status, a.Body)
		}
		if tc.status == 200 && a.str(t, "account") != bankAccount {
			t.Errorf("%s: the handler got account %q", tc.name, a.str(t, "account"))
		}
	}
	// The twin has the same mask; the token decides, never the mask.
	twin, err := b.token("partner", "send_money", `{"account_id":"`+twinAccount+`"}`)
	if err != nil || twin.Status != 200 {
		t.Fatal(err, twin)
	}
	a, err := b.send(b.as("partner"), "POST", "/customers/1234xxxxxx567/transfers", `{}`, "X-IBM-Client-Id", "partner", "Authorization", "Bearer "+twin.str(t, "access_token"))
	if err != nil || a.str(t, "account") != twinAccount {
		t.Errorf("twin: %v %s", err, a.Body)
	}
}

func TestBankTokenRefusals(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for _, tc := range []struct {
		name, client, scope, metadata string
		status                        int
		code                          string
	}{
		{"missing metadata", "partner", "send_money", "", 400, "invalid_request"},
		{"surplus metadata", "partner", "rates", `{"account_id":"` + bankAccount + `"}`, 400, "invalid_request"},
		{"both kinds", "partner", "send_money", `{"account_id":"` + bankAccount + `","emirates_id":"7841999999999999567"}`, 400, "invalid_request"},
		{"unknown kind", "partner", "send_money", `{"passport":"X1234567"}`, 400, "invalid_request"},
		{"case-folded kind", "partner", "send_money", `{"Account_id":"` + bankAccount + `"}`, 400, "invalid_request"},
		{"malformed id", "partner", "send_money", `{"account_id":"12-34"}`, 400, "invalid_request"},
		{"number", "partner", "send_money", `{"account_id":1234999999567}`, 400, "invalid_request"},
		{"array", "partner", "send_money", `["account_id"]`, 400, "invalid_request"},
		{"another partner's account", "stranger", "send_money", `{"account_id":"` + bankAccount + `"}`, 403, "access_denied"},
		{"unknown account", "partner", "send_money", `{"account_id":"5555000055555"}`, 403, "access_denied"},
		{"wrong scope", "partner", "everything", "", 400, "invalid_scope"},
	} {
		a, err := b.token(tc.client, tc.scope, tc.metadata)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if a.Status != tc.status || a.str(t, "error") != tc.code {
			t.Errorf("%s: %d %s, want %d %s", tc.name, a.Status, a.Body, tc.status, tc.code)
		}
	}
	if a, err := b.token("partner", "rates", ""); err != nil || a.Status != 200 {
		t.Errorf("a scope without metadata: %v %d %s", err, a.Status, a.Body)
	}
	// A subscription that ends, ends.
	if _, err := b.admin.Subscribe(t.Context(), admin.Host().In("partners"), "partner", nil); err != nil {
		t.Fatal(err)
	}
	if a, err := b.token("partner", "rates", ""); err != nil || a.str(t, "error") != "unauthorized_client" {
		t.Errorf("without a subscription: %v %d %s", err, a.Status, a.Body)
	}
}

// Until the certificate is proven to be the claimed client's, every refusal is
// plain and the same to the letter.
func TestBankRefusalsBeforeProofAreAlike(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	self, err := b.ca.Issue(mtlstest.Leaf{CommonName: "unregistered", Key: mtlstest.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	plain := func(pair *mtlstest.Pair) *http.Client {
		return &http.Client{Transport: b.base(pair), Timeout: 30 * time.Second}
	}
	var bodies []string
	for name, try := range map[string]struct {
		client *http.Client
		id     string
	}{
		"no certificate":               {plain(nil), "partner"},
		"another client's certificate": {plain(b.certs["stranger"]), "partner"},
		"unknown client id":            {plain(b.certs["partner"]), "nobody"},
		"no client id":                 {plain(b.certs["partner"]), ""},
	} {
		a, err := b.send(try.client, "GET", "/branches", "", "X-IBM-Client-Id", try.id)
		if err != nil || a.Status != 401 {
			t.Errorf("%s: %v %d %s", name, err, a.Status, a.Body)
		}
		bodies = append(bodies, a.Body)
	}
	for _, body := range bodies {
		if body != bodies[0] {
			t.Errorf("two refusals differ: %s and %s", body, bodies[0])
		}
	}
	if _, err := b.send(plain(self), "GET", "/branches", "", "X-IBM-Client-Id", "partner"); err == nil {
		t.Error("an unregistered certificate came through the handshake")
	}
	// From an address that is not on the list.
	if _, err := b.admin.SetAddresses(t.Context(), admin.Host().In("partners"), "partner", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}); err != nil {
		t.Fatal(err)
	}
	a, err := b.send(plain(b.certs["partner"]), "GET", "/branches", "", "X-IBM-Client-Id", "partner", "X-Forwarded-For", "192.0.2.1")
	if err != nil || a.Body != bodies[0] {
		t.Errorf("wrong address with a spoofed header: %v %s", err, a.Body)
	}
}

func TestBankCredentialsOfRoutes(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for _, tc := range []struct {
		name, path, secret string
		status             int
	}{
		{"id alone", "/branches", "", 200},
		{"id with a right secret on top", "/branches", b.secret["partner"], 200},
		{"id with a wrong secret on top", "/branches", token.NewSecret(), 401},
		{"secret demanded and shown", "/fx_rates", b.secret["partner"], 200},
		{"secret demanded and missing", "/fx_rates", "", 401},
		{"secret of another client", "/fx_rates", b.secret["stranger"], 401},
		{"token demanded", "/customers/1234xxxxxx567/beneficiaries", b.secret["partner"], 401},
	} {
		headers := []string{"X-IBM-Client-Id", "partner"}
		if tc.secret != "" {
			headers = append(headers, "X-IBM-Client-Secret", tc.secret)
		}
		a, err := b.send(b.as("partner"), "GET", tc.path, "", headers...)
		if err != nil || a.Status != tc.status {
			t.Errorf("%s: %v %d %s", tc.name, err, a.Status, a.Body)
		}
	}
}

func TestBankPlainBodyAndReplay(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	headers := []string{"X-IBM-Client-Id", "partner", "X-IBM-Client-Secret", b.secret["partner"]}
	const body = `{"grant_type":"client_credentials","scope":"rates"}`
	unsealed := &http.Client{Transport: b.base(b.certs["partner"]), Timeout: 30 * time.Second}
	a, err := b.send(unsealed, "POST", "/token", body, append(headers, "MsgId", "m-1")...)
	if err != nil || a.Status == 200 || strings.Contains(a.Body, "access_token") || !strings.Contains(a.Body, "recipients") {
		t.Errorf("plain JSON: %v %d %s", err, a.Status, a.Body)
	}
	sealed := b.as("partner")
	for i, want := range []int{200, 409} {
		a, err := b.send(sealed, "POST", "/token", body, append(headers, "MsgId", "m-2")...)
		if err != nil || a.Status != want {
			t.Errorf("use %d of one MsgId: %v %d %s", i+1, err, a.Status, a.Body)
		}
	}
}

func TestBankRevokedMidConnection(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	c := b.as("partner")
	if a, err := b.send(c, "GET", "/branches", "", "X-IBM-Client-Id", "partner"); err != nil || a.Status != 200 {
		t.Fatal(err, a)
	}
	if _, err := b.admin.RevokeCertificate(t.Context(), admin.Host().In("partners"), "partner", mtls.ThumbprintOf(b.certs["partner"].Certificate)); err != nil {
		t.Fatal(err)
	}
	_, err := b.send(c, "GET", "/branches", "", "X-IBM-Client-Id", "partner")
	var refused *jose.UnsealedError
	if !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("after revocation on the same connection: %v", err)
	}
}

func TestBankSuspendedClient(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	issued, err := b.token("partner", "rates", "")
	if err != nil || issued.Status != 200 {
		t.Fatal(err, issued)
	}
	if _, err := b.admin.SuspendKey(t.Context(), admin.Host().In("partners"), "partner", admin.Options{}); err != nil {
		t.Fatal(err)
	}
	if a, err := b.token("partner", "rates", ""); err != nil || a.Status != 401 {
		t.Errorf("token: %v %d %s", err, a.Status, a.Body)
	}
	a, err := b.send(b.as("partner"), "GET", "/branches", "", "X-IBM-Client-Id", "partner")
	if err != nil || a.Status != 401 {
		t.Errorf("call: %v %d %s", err, a.Status, a.Body)
	}
}

// A production that lacks a control refuses to start and names the field.
func TestHalfConfiguredProductionRefusesToStart(t *testing.T) {
	t.Parallel()
	keys := bankKeys(t)
	for field, break_ := range map[string]func(*issuer.Config){
		"ClientIP":           func(c *issuer.Config) { c.ClientIP = nil },
		"ClientCertificates": func(c *issuer.Config) { c.ClientCertificates = nil },
		"Message":            func(c *issuer.Config) { c.Message = nil },
		"MayActFor":          func(c *issuer.Config) { c.MayActFor = nil },
		"OwnsAccount":        func(c *issuer.Config) { c.OwnsAccount = nil },
		"Headers":            func(c *issuer.Config) { c.Headers = authz.Headers{ClientID: "X-Client"} },
		"Headers names one header twice": func(c *issuer.Config) {
			c.Headers = authz.Headers{ClientID: "X-Client", ClientSecret: "x-client"}
		},
		"Headers.ClientID":            func(c *issuer.Config) { c.Headers = authz.Headers{ClientID: "X Client", ClientSecret: "X-Secret"} },
		"Headers.ClientSecret":        func(c *issuer.Config) { c.Headers = authz.Headers{ClientID: "X-Client", ClientSecret: "X-Secret:"} },
		"Profile.MutualTLS":           func(c *issuer.Config) { c.Profile.MutualTLS = false },
		"Profile.AddressList":         func(c *issuer.Config) { c.Profile.AddressList = false },
		"Profile.SealedMessages":      func(c *issuer.Config) { c.Profile.SealedMessages = false },
		"Profile.TLSRequired":         func(c *issuer.Config) { c.Profile.TLSRequired = false },
		"Profile.BoundAccounts":       func(c *issuer.Config) { c.Profile.BoundAccounts = false },
		"Profile.ClientHeaders":       func(c *issuer.Config) { c.Profile.ClientHeaders = false },
		"Profile.Environment":         func(c *issuer.Config) { c.Profile.Environment = "prod" },
		`Metadata["send_money"]`:      func(c *issuer.Config) { c.Metadata = authz.Requires{"send_money": nil} },
		"Store":                       func(c *issuer.Config) { c.Store = nil },
		"Keys":                        func(c *issuer.Config) { c.Keys = nil },
		"Policy":                      func(c *issuer.Config) { c.Policy = nil },
		"Issuer":                      func(c *issuer.Config) { c.Issuer = "http://bank.example" },
		"Profile.Access":              func(c *issuer.Config) { c.Profile.Access = 0 },
		"Profile.RefreshIdle":         func(c *issuer.Config) { c.Profile.RefreshIdle = c.Profile.RefreshAbsolute + 1 },
		"Profile.Name":                func(c *issuer.Config) { c.Profile = authz.Profile{} },
		"Message: jose: ServerConfig": func(c *issuer.Config) { c.Message = &jose.ServerConfig{} },
	} {
		cfg := bankConfig(t, memory.New(), keys)
		break_(&cfg)
		s, err := issuer.New(t.Context(), cfg)
		if err == nil {
			_ = s.Close(t.Context())
			t.Errorf("%s: it started", field)
			continue
		}
		if !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: the error does not name the field: %v", field, err)
		}
	}
}
