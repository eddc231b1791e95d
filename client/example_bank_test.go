package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// exampleBank is a small bank for the examples: one client, sealed messages, and
// a customer who always consents.
type exampleBank struct {
	url    string
	folder string
	roots  *x509.CertPool
	server *httptest.Server
}

func (b *exampleBank) file(name string) string { return filepath.Join(b.folder, name) }

func (b *exampleBank) close() {
	b.server.Close()
	os.RemoveAll(b.folder)
}

func (b *exampleBank) config() client.Config {
	certificate, err := tls.LoadX509KeyPair(b.file("partner.cer"), b.file("partner.key"))
	if err != nil {
		log.Fatal(err)
	}
	bankKeys, err := jose.ReadPublicKeys(b.file("bank.jwks"))
	if err != nil {
		log.Fatal(err)
	}
	return client.Config{
		Environment: client.Production, BaseURL: b.url + "/rb/api/v1", ClientID: "partner", ClientSecret: "from-a-secret-manager",
		Certificate: certificate, BankKeys: bankKeys, Binding: jose.Compatible, RootCAs: b.roots,
	}
}

func (b *exampleBank) customerConsents(link string) url.Values {
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("account_id") == "" {
		log.Fatal(link, err)
	}
	return url.Values{"code": {"the-code"}, "state": {u.Query().Get("state")}}
}

func startBank() *exampleBank {
	ca := must(mtlstest.NewCA("example CA"))
	own := must(ca.IssueServer("127.0.0.1"))
	partner := must(ca.Issue(mtlstest.Leaf{CommonName: "partner.example", Key: mtlstest.RSA2048}))
	keys := must(jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{newKey("sig")}, Decryption: []*jose.PrivateKey{newKey("enc")}}))

	b := &exampleBank{roots: ca.Pool(), folder: must(os.MkdirTemp("", "bank"))}
	for name, data := range map[string][]byte{"partner.cer": partner.PEM(), "partner.key": must(partner.KeyPEM()), "bank.jwks": keys.JWKS()} {
		if err := os.WriteFile(b.file(name), data, 0o600); err != nil {
			log.Fatal(err)
		}
	}
	registry := mtls.Pins{mtls.ThumbprintOf(partner.Certificate): "partner"}
	verifier := must(mtls.New(registry.Lookup, mtls.Config{}))
	var spent sync.Map
	config := jose.Bank(keys)
	config.Spend = func(_ context.Context, _, id string, _ time.Time) error {
		if _, twice := spent.LoadOrStore(id, true); twice {
			return jose.ErrReplayed
		}
		return nil
	}
	config.Resolve = func(r *http.Request) (jose.Peer, error) {
		who, err := verifier.Check(r)
		if err != nil {
			return jose.Peer{}, err
		}
		key, err := jose.PublicKeyFromCertificate("", who.Certificate)
		return jose.Peer{ID: who.Client, Verify: []*jose.PublicKey{key}, Encrypt: key}, err
	}
	sealing := must(jose.NewServer(config))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rb/api/v1/oauth/token", exampleToken)
	mux.Handle("/rb/api/v1/", sealing.Handler(exampleAPIs()))

	b.server = httptest.NewUnstartedServer(verifier.Handler(mux))
	pair := own.TLS()
	b.server.TLS = must(verifier.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }, mtls.TLSOptions{}))
	b.server.StartTLS()
	b.url = b.server.URL
	return b
}

func exampleToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"token_type":"bearer","access_token":"a-token","expires_in":3600,"consented_on":1562586596,
		"scope":"account_transactions","refresh_token":"a-refresh-token","refresh_token_expires_in":2682000}`)
}

func exampleAPIs() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rb/api/v1/partner_auth/token", exampleToken)
	mux.HandleFunc("POST /rb/api/v1/customers/{id}/transfers", func(w http.ResponseWriter, r *http.Request) {
		var order struct{ Amount string }
		if json.NewDecoder(r.Body).Decode(&order) != nil || r.Header.Get("Authorization") != "Bearer a-token" {
			http.Error(w, `{"code":"refused"}`, http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"accepted":%q}`, order.Amount)
	})
	mux.HandleFunc("GET /rb/api/v1/accounts/{id}/transactions", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `[]`) })
	mux.HandleFunc("GET /rb/api/v1/fx_rates", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("X-IBM-Client-Secret"), "secret") {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"status":401,"code":"invalid_client"}`)
		}
	})
	return mux
}

func newKey(kid string) *jose.PrivateKey {
	return must(jose.NewPrivateKey(kid, must(mtlstest.RSA2048.Generate())))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
