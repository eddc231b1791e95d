package browsertest

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// customersBank is the pages of a production bank, on a listener that asks for
// no certificate, and on another site the fintech that customers come from.
type customersBank struct {
	*testing.T
	pages *httptest.Server
	keys  *jose.Keyring
}

func newCustomersBank(t *testing.T) *customersBank {
	t.Helper()
	hash, err := signin.HashPassword(password)
	must(t, err)
	users, err := signin.NewStaticUsers(signin.Account{Username: "ada", PasswordHash: hash, User: signin.User{Subject: "uuid-of-ada", Name: "Ada Lovelace"}})
	must(t, err)
	pages, err := signin.New(signin.Config{Users: users})
	must(t, err)
	decider, err := policy.Default()
	must(t, err)
	private := func() *jose.PrivateKey {
		raw, err := mtlstest.RSA2048.Generate()
		must(t, err)
		key, err := jose.NewPrivateKey("", raw)
		must(t, err)
		return key
	}
	b := &customersBank{T: t}
	b.keys, err = jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{private()}, Decryption: []*jose.PrivateKey{private()}})
	must(t, err)
	message := jose.Bank(b.keys)
	mux := http.NewServeMux()
	b.pages = listen(t, mux)
	fintech := listen(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(rw, `<!DOCTYPE html><html lang="en"><head><link rel="icon" href="data:,"><title>Fintech</title></head><body><p id="done">`+html.EscapeString(r.URL.RawQuery)+`</p></body></html>`)
	}))
	store := memory.New()
	server, err := issuer.New(t.Context(), issuer.Config{Issuer: b.pages.URL, Store: store, Keys: []keyring.Root{keyring.NewRoot()}, Policy: decider,
		Profile: authz.Bank(authz.Production), SignIn: pages, ClientIP: clientip.Direct(), Addresses: allowlist.Options{AllowLoopback: true},
		ClientCertificates: &mtls.Config{}, Message: &message,
		MayActFor: func(context.Context, *storage.Client, string, string) (bool, error) { return false, nil },
		OwnsAccount: func(_ context.Context, customer, account string) (bool, error) {
			return customer == "uuid-of-ada" && account == "1234999999567", nil
		}})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close(context.Background())) })
	mux.Handle("/oauth/authorize", server.Authorization())
	must(t, store.CreateOrganization(t.Context(), storage.Organization{ID: "fintech", Name: "Fintech Ltd", Status: storage.Active}, storage.Event{}))
	c := authz.ClientOf(authz.Fintech)
	c.ID, c.Organization, c.Environment, c.Name = "fintech", "fintech", string(authz.Production), "Money Manager"
	c.Scopes, c.RedirectURIs = []string{"account_transactions"}, []string{strings.Replace(fintech.URL, "127.0.0.1", "localhost", 1) + "/callback"}
	must(t, store.CreateClient(t.Context(), c, storage.Event{}))
	return b
}

func (b *customersBank) link(account string) string {
	b.Helper()
	sealed, err := jose.SealAccount(account, b.keys.Public().Encrypting()[0])
	must(b.T, err)
	return b.pages.URL + "/oauth/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"fintech"}, "scope": {"account_transactions"},
		"uuid": {"uuid-of-ada"}, "account_id": {sealed}, "state": {"xyz"}}.Encode()
}

// A bank's customer is asked for no certificate, sees which account it is about,
// masked, and is sent back without a word for an account of somebody else's.
func TestCustomerSignIn(t *testing.T) {
	t.Parallel()
	w, b := newCustomersBank(t), newTab(t)
	b.run(chromedp.Navigate(w.link("1234999999567")))
	b.fill(username, "ada")
	b.fill(passwordBox, password)
	b.click(submit)
	b.waitFor(allow)
	b.shot("bank consent")
	shown := b.text("main")
	for _, says := range []string{"Money Manager asks for access", "Fintech Ltd", "For your account 1234xxxxxx567 and no other.", "Ada Lovelace"} {
		if !strings.Contains(shown, says) {
			t.Errorf("the consent page does not say %q: %s", says, shown)
		}
	}
	if strings.Contains(b.page(), "1234999999567") {
		t.Error("the page, or its address, holds the whole number")
	}
	b.click(allow)
	b.waitFor(done)
	if got := b.text(done); !strings.Contains(got, "code=gwc_") || !strings.Contains(got, "state=xyz") {
		t.Errorf("the fintech is told %s", got)
	}
	b.run(chromedp.Navigate(w.link("1234888888567")))
	b.waitFor(done)
	if got := b.text(done); !strings.Contains(got, "error=access_denied") || strings.Contains(got, "code=") {
		t.Errorf("the fintech is told %s", got)
	}
	b.quiet()
}
