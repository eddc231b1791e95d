package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/maskedid"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// fixture is made once: RSA keys take time.
type fixture struct {
	ca, otherCA               *mtlstest.CA
	server, wrongHost, oldTLS *mtlstest.Pair
	partner, selfSigned       *mtlstest.Pair
	stranger, weak, expired   *mtlstest.Pair
	ecdsa                     *mtlstest.Pair
	sign, decrypt             *jose.PrivateKey
}

var fixtures = sync.OnceValue(func() *fixture {
	f := &fixture{}
	must := func(p *mtlstest.Pair, err error) *mtlstest.Pair {
		if err != nil {
			panic(err)
		}
		return p
	}
	f.ca, _ = mtlstest.NewCA("test CA")
	f.otherCA, _ = mtlstest.NewCA("other CA")
	f.server = must(f.ca.IssueServer("127.0.0.1", "localhost"))
	f.wrongHost = must(f.ca.IssueServer("other.example"))
	f.oldTLS = must(f.ca.Issue(mtlstest.Leaf{CommonName: "127.0.0.1", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Usage: mtlstest.ServerAuth,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}))
	f.partner = must(f.ca.Issue(mtlstest.Leaf{CommonName: "partner.example", Key: mtlstest.RSA2048}))
	f.selfSigned = must(f.ca.Issue(mtlstest.Leaf{CommonName: "self.example", Key: mtlstest.RSA2048, SelfSigned: true}))
	f.stranger = must(f.ca.Issue(mtlstest.Leaf{CommonName: "stranger.example", Key: mtlstest.RSA2048}))
	f.weak = must(f.ca.Issue(mtlstest.Leaf{CommonName: "weak.example", Key: mtlstest.RSA1024}))
	f.ecdsa = must(f.ca.Issue(mtlstest.Leaf{CommonName: "ecdsa.example", Key: mtlstest.P256}))
	f.expired = must(f.ca.Issue(mtlstest.Leaf{CommonName: "expired.example", Key: mtlstest.RSA2048,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}))
	key := func(kid string) *jose.PrivateKey {
		raw, err := mtlstest.RSA2048.Generate()
		if err != nil {
			panic(err)
		}
		k, err := jose.NewPrivateKey(kid, raw)
		if err != nil {
			panic(err)
		}
		return k
	}
	f.sign, f.decrypt = key("bank-sig"), key("bank-enc")
	return f
})

const (
	testClient   = "partner-1"
	testSecret   = "s3cr3t-of-the-partner"
	testAccount  = "1234999999567"
	otherAccount = "1234888888567" // the same mask
	testUUID     = "7f1f2ac2-0a52-4c9e-9f7c-2f2b7c1f6d11"
)

// issued is what the test bank knows of a token.
type issued struct {
	scope   string
	bound   string
	expires time.Time
	dead    bool
}

// bank is a server that demands what a bank demands: a registered certificate,
// sealed messages, fresh message ids, keys in headers, bound tokens.
type bank struct {
	url     string
	binding jose.Binding
	keys    *jose.Keyring

	mu       sync.Mutex
	tokens   map[string]*issued
	codes    map[string]string // code to bound account
	refresh  map[string]string // refresh token to bound account
	spent    map[string]bool
	lifetime int           // of tokens, in seconds
	slow     time.Duration // before a token is issued
	refuse   func(endpoint string) (status int, body string)
	rotate   bool
	trouble  []string // what a client did that no client should
	seen     []http.Header
	hook     http.HandlerFunc // an API of the test's own

	tokenRequests, refreshes, calls, serial atomic.Int64
}

func newBank(t testing.TB, binding jose.Binding) *bank {
	t.Helper()
	f := fixtures()
	return newBankWith(t, binding, f.server)
}

func newBankWith(t testing.TB, binding jose.Binding, server *mtlstest.Pair) *bank {
	t.Helper()
	f := fixtures()
	keys, err := jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{f.sign}, Decryption: []*jose.PrivateKey{f.decrypt}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bank{binding: binding, keys: keys, tokens: map[string]*issued{}, codes: map[string]string{}, refresh: map[string]string{},
		spent: map[string]bool{}, lifetime: 3600, rotate: true}
	pins := mtls.Pins{
		mtls.ThumbprintOf(f.partner.Certificate): testClient, mtls.ThumbprintOf(f.selfSigned.Certificate): testClient,
	}
	verifier, err := mtls.New(pins.Lookup, mtls.Config{Rules: mtls.Rules{RSAOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	pair := server.TLS()
	config, err := verifier.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }, mtls.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = "https://" + l.Addr().String() + "/rb/api/v1"
	handler, err := b.handler(verifier, "https://"+l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() {
		s.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, wrong := range b.trouble {
			t.Errorf("the bank saw: %s", wrong)
		}
	})
	return b
}

// handler puts the sealed endpoints behind jose.Server, and the token endpoint of
// the sign-in beside it.
func (b *bank) handler(verifier *mtls.Verifier, origin string) (http.Handler, error) {
	cfg := jose.Bank(b.keys)
	cfg.Binding, cfg.Issuer, cfg.Origin = b.binding, "test-bank", origin
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Resolve = func(r *http.Request) (jose.Peer, error) {
		who, err := verifier.Check(r)
		if err != nil {
			return jose.Peer{}, err
		}
		if r.Header.Get("X-IBM-Client-Id") != testClient {
			return jose.Peer{}, mtls.ErrOtherClient
		}
		key, err := jose.PublicKeyFromCertificate("", who.Certificate)
		return jose.Peer{ID: who.Client, Verify: []*jose.PublicKey{key}, Encrypt: key}, err
	}
	cfg.Spend = func(_ context.Context, client, id string, _ time.Time) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.spent[id] {
			b.trouble = append(b.trouble, "a message id twice")
			return jose.ErrReplayed
		}
		b.spent[id] = true
		return nil
	}
	server, err := jose.NewServer(cfg)
	if err != nil {
		return nil, err
	}
	sealed := http.NewServeMux()
	sealed.HandleFunc("POST /rb/api/v1/partner_auth/token", b.partnerToken)
	sealed.HandleFunc("GET /rb/api/v1/branches", b.api(false, false))
	sealed.HandleFunc("GET /rb/api/v1/fx_rates", b.api(true, false))
	sealed.HandleFunc("/rb/api/v1/customers/{id}/transfers", b.api(false, true))
	sealed.HandleFunc("/rb/api/v1/accounts/{id}/transactions", b.api(false, true))
	sealed.HandleFunc("/rb/api/v1/hook", func(w http.ResponseWriter, r *http.Request) { b.hook(w, r) })
	all := http.NewServeMux()
	all.HandleFunc("POST /rb/api/v1/oauth/token", b.signInToken)
	all.Handle("/", server.Handler(sealed))
	return verifier.Handler(all), nil
}

func (b *bank) wrong(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = append(b.trouble, fmt.Sprintf(format, args...))
}

// issue makes a token bound to an account.
func (b *bank) issue(scope, bound string) map[string]any {
	value := fmt.Sprintf("at-%d", b.serial.Add(1))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[value] = &issued{scope, bound, time.Now().Add(time.Duration(b.lifetime) * time.Second), false}
	return map[string]any{"token_type": "bearer", "access_token": value, "expires_in": b.lifetime, "consented_on": 1562687596, "scope": scope}
}

// killTokens makes every access token invalid.
func (b *bank) killTokens() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, tok := range b.tokens {
		tok.dead = true
	}
}

func (b *bank) refused(w http.ResponseWriter, endpoint string) bool {
	b.mu.Lock()
	refuse, slow := b.refuse, b.slow
	b.mu.Unlock()
	time.Sleep(slow)
	if refuse == nil {
		return false
	}
	status, body := refuse(endpoint)
	if status == 0 {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

func (b *bank) partnerToken(w http.ResponseWriter, r *http.Request) {
	b.tokenRequests.Add(1)
	if b.refused(w, "token") {
		return
	}
	var ask struct {
		GrantType string            `json:"grant_type"`
		Scope     string            `json:"scope"`
		Metadata  map[string]string `json:"oauth_metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || ask.GrantType != "client_credentials" || len(ask.Metadata) > 1 {
		b.wrong("token request: %v %+v", err, ask)
	}
	if r.Header.Get("X-IBM-Client-Secret") != testSecret || r.Header.Get("Authorization") != "" {
		b.wrong("token request with wrong credentials")
	}
	writeJSON(w, http.StatusOK, b.issue(ask.Scope, ask.Metadata["account_id"]+ask.Metadata["emirates_id"]))
}

// signInToken answers plainly.
func (b *bank) signInToken(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != testClient || secret != testSecret || r.Header.Get("MsgId") != "" || r.ParseForm() != nil {
		b.wrong("sign-in token request: wrong credentials or form")
	}
	if b.refused(w, r.PostForm.Get("grant_type")) {
		return
	}
	b.mu.Lock()
	var bound string
	switch grant := r.PostForm.Get("grant_type"); grant {
	case "authorization_code":
		bound = b.codes[r.PostForm.Get("code")]
		delete(b.codes, r.PostForm.Get("code"))
	case "refresh_token":
		b.refreshes.Add(1)
		bound = b.refresh[r.PostForm.Get("refresh_token")]
		if b.rotate {
			delete(b.refresh, r.PostForm.Get("refresh_token"))
		}
		for _, tok := range b.tokens { // a rotation ends what came before
			tok.dead = tok.dead || tok.bound == bound
		}
	}
	b.mu.Unlock()
	if bound == "" {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "no"})
		return
	}
	out := b.issue("account_transactions", bound)
	if b.rotate || r.PostForm.Get("grant_type") == "authorization_code" {
		rt := fmt.Sprintf("rt-%d", b.serial.Add(1))
		b.mu.Lock()
		b.refresh[rt] = bound
		b.mu.Unlock()
		out["refresh_token"], out["refresh_token_expires_in"] = rt, 2682000
	}
	writeJSON(w, http.StatusOK, out)
}

// api is a route that demands the secret, or a token bound to the masked id.
func (b *bank) api(secret, bearer bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.calls.Add(1)
		b.mu.Lock()
		b.seen = append(b.seen, r.Header.Clone())
		tok := b.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		good := tok != nil && !tok.dead && time.Now().Before(tok.expires)
		b.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		switch {
		case secret != (r.Header.Get("X-IBM-Client-Secret") == testSecret):
			writeJSON(w, http.StatusUnauthorized, map[string]any{"code": "invalid_client"})
		case bearer && !good:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="expired"`)
			writeJSON(w, http.StatusUnauthorized, map[string]any{"code": "invalid_token"})
		case bearer && !maskedid.Match(r.PathValue("id"), tok.bound):
			writeJSON(w, http.StatusForbidden, map[string]any{"code": "masked_id_refused", "detail": "the mask is another's"})
		default:
			out := map[string]any{"scope": "", "got": string(body), "for": ""}
			if tok != nil {
				out["scope"], out["for"] = tok.scope, tok.bound
			}
			writeJSON(w, http.StatusOK, out)
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
