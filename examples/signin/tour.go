package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/storage"
)

// tourist plays a fintech and its customers over HTTP. The bank's own people
// stand behind it, where the story needs them to register or suspend a client,
// or to close an account.
type tourist struct {
	*example.Tour
	*fintech
	people *bank
	uuid   string // the customer's
	number string // the account's
	twin   string // the number of another account of theirs, with the same mask
	path   string // where its transactions are
}

// tour plays the whole story over HTTP.
func tour(ctx context.Context, b *bank) error {
	f, err := newFintech(b.credentials)
	if err != nil {
		return err
	}
	c := b.credentials.Customer
	t := &tourist{Tour: example.NewTour(os.Stdout), fintech: f, people: b, uuid: c.UUID, number: c.Accounts[0], twin: c.Accounts[1],
		path: "/accounts/1234xxxxxx567/transactions"}
	t.story(ctx)
	t.library(ctx)
	t.codes(ctx)
	t.refreshes(ctx)
	t.masks(ctx)
	t.calls(ctx)
	t.certificates(ctx)
	t.standing(ctx)
	t.accounts(ctx)
	t.strict(ctx)
	t.requests(ctx)
	t.endings(ctx)
	return t.Err()
}

// visit sends the customer to a link with a fresh browser.
func (t *tourist) visit(ctx context.Context, link string, change func(*bankdemo.Browser)) (*bankdemo.Visit, error) {
	browser, err := t.browser(customers[0].username)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(browser)
	}
	return browser.Visit(ctx, link)
}

// browser is a customer's, which has no certificate.
func (t *tourist) browser(username string) (*bankdemo.Browser, error) {
	return bankdemo.NewBrowser(transport(t.trust, nil), username, example.Password(t.people.root, username))
}

// code has the customer sign in and allow what a fintech asks for.
func (t *tourist) code(ctx context.Context, f *fintech, account string, pairs ...string) (string, error) {
	link, err := f.link(t.uuid, account, pairs...)
	if err != nil {
		return "", err
	}
	v, err := t.visit(ctx, link, nil)
	if err != nil {
		return "", err
	}
	return v.Code()
}

// tokens are a customer's whole way, up to the fintech's tokens.
func (t *tourist) tokens(ctx context.Context, f *fintech, account string, pairs ...string) (bankdemo.Answer, error) {
	code, err := t.code(ctx, f, account, pairs...)
	if err != nil {
		return bankdemo.Answer{}, err
	}
	return f.exchange(ctx, code)
}

// another registers another fintech, with an id, secret and certificate that
// were never used, and returns it.
func (t *tourist) another(ctx context.Context, change func(*storage.Client)) (*fintech, error) {
	id := "tour-" + storage.NewID(time.Now()).String()
	pair, err := t.people.vault.CA().Issue(mtlstest.Leaf{CommonName: id, Key: mtlstest.RSA2048})
	if err != nil {
		return nil, err
	}
	c := fintechApp()
	c.ID, c.Certificates = id, []storage.Certificate{admin.CertificateRecord(pair.Certificate)}
	if change != nil {
		change(&c)
	}
	secret := token.NewSecret()
	_, err = t.people.keys.EnsureKey(ctx, c, secret)
	return t.with(pair).as(id, secret), err
}

// unsealed checks that a call was refused in the clear, before the bank knew
// whom to seal for.
func unsealed(err error, status int) error {
	var refused *jose.UnsealedError
	if !errors.As(err, &refused) || refused.Status != status {
		return fmt.Errorf("want an unsealed %d, got %v", status, err)
	}
	return nil
}

// turnedAway checks that a connection did not get through the handshake: the
// bank sent an alert, or (in TLS 1.3 the client may be writing by then) hung up.
func turnedAway(a bankdemo.Answer, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("the connection came through: %d %s", a.Status, a.Body)
	case strings.Contains(err.Error(), "remote error: tls:"), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return nil
	}
	return err
}

// members checks the members of a token answer and their fixed values.
func members(a bankdemo.Answer, scope string) error {
	m := a.JSON()
	if m["token_type"] != "bearer" || m["expires_in"] != 3600.0 || m["scope"] != scope || a.Member("access_token") == "" || a.Member("refresh_token") == "" {
		return fmt.Errorf("token answer %s", redacted(m))
	}
	if at, ok := m["consented_on"].(float64); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Hour {
		return fmt.Errorf("consented_on of %s", redacted(m))
	}
	const sixMonths = 183 * 24 * 3600 // nearer than three years
	if m["refresh_token_expires_in"] != float64(sixMonths) {
		return fmt.Errorf("refresh_token_expires_in of %s", redacted(m))
	}
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("MsgId") != "" {
		return errors.New("the answer's headers are not those of a plain one that is not to be cached")
	}
	return nil
}

// redacted is JSON with its tokens hidden.
func redacted(m map[string]any) string {
	for _, name := range []string{"access_token", "refresh_token"} {
		if _, ok := m[name]; ok {
			m[name] = "..."
		}
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// strangersKey is a key to encrypt to that is not the bank's.
func strangersKey() (*jose.PublicKey, error) {
	key, err := mtlstest.RSA2048.Generate()
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return jose.NewPublicKey("", public)
}

// sentBack is where a browser was sent with a refusal, whole.
func sentBack(v *bankdemo.Visit, code string) (string, error) {
	if err := v.Refused(code); err != nil {
		return "", err
	}
	return v.Callback.String(), nil
}
