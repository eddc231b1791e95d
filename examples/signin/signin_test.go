package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestTour(t *testing.T) {
	// A configuration folder of its own, so that nothing is left in the user's.
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		data := t.TempDir()
		if out := exampletest.Tour(t, "-dsn", dsn, "-data", data); !strings.Contains(out, "all 38 steps went as they should") {
			t.Error("want all 38 steps")
		}
		if testing.Short() || dsn != "" {
			return
		}
		// Another one, over what the first one left.
		if out := exampletest.Tour(t, "-dsn", dsn, "-data", data, "-binding", "strict"); !strings.Contains(out, "all 43 steps went as they should") {
			t.Error("want all 43 steps")
		}
	})
}

// at is a fintech of a running bank, which knows its credentials file and
// nothing else, and its customer.
func at(t *testing.T, p *exampletest.Process) (*fintech, *bankdemo.Browser) {
	t.Helper()
	var c credentials
	p.Read(t, &c)
	if c.BaseURL != p.URL {
		t.Errorf("base_url is %s, ready said %s", c.BaseURL, p.URL)
	}
	f, err := newFintech(c)
	if err != nil {
		t.Fatal(err)
	}
	browser, err := bankdemo.NewBrowser(transport(f.trust, nil), c.Customer.Username, c.Customer.Password)
	if err != nil {
		t.Fatal(err)
	}
	return f, browser
}

func signIn(t *testing.T, f *fintech, browser *bankdemo.Browser) bankdemo.Answer {
	t.Helper()
	link, err := f.link(f.Customer.UUID, f.Customer.Accounts[0])
	if err != nil {
		t.Fatal(err)
	}
	v, err := browser.Visit(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	code, err := v.Code()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := f.exchange(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

const path = "/accounts/1234xxxxxx567/transactions"

func TestStartedAgainItKeepsEverything(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data := t.TempDir()
	first := exampletest.Start(t, "-data", data)
	a, browser := at(t, first)
	issued := signIn(t, a, browser)
	first.Terminate(t)

	second := exampletest.Start(t, "-data", data)
	b, _ := at(t, second)
	if !bytes.Equal(a.pair.Certificate.Raw, b.pair.Certificate.Raw) {
		t.Error("the client certificate is another")
	}
	if !reflect.DeepEqual(a.bank.Encrypting()[0].KeyID(), b.bank.Encrypting()[0].KeyID()) {
		t.Error("the bank's key is another")
	}
	x, y := a.credentials, b.credentials
	for _, c := range []*credentials{&x, &y} {
		c.BaseURL, c.BrowserURL, c.BankID = "", "", ""
	}
	if !reflect.DeepEqual(x, y) {
		t.Errorf("the credentials are others: %v and %v", x, y)
	}
	// The tokens of before, and the client that trusted the bank of before.
	if _, err := b.expect(t.Context(), issued.Member("access_token"), path, 200, ""); err != nil {
		t.Error("the access token of before:", err)
	}
	a.BaseURL = b.BaseURL
	next, err := a.ask(t.Context(), "grant_type", refresh, "refresh_token", issued.Member("refresh_token"))
	if err != nil || next.Status != http.StatusOK {
		t.Errorf("the refresh token of before: %v %d %s", err, next.Status, next.Body)
	}
	if next.JSON()["consented_on"] != issued.JSON()["consented_on"] {
		t.Error("consented_on has changed")
	}
	second.Terminate(t)
}

// The session of the customer's browser lasts, too.
func TestSessionOutlivesARestart(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	args := []string{"-data", t.TempDir(), "-browser-addr", "127.0.0.1:0"}
	first := exampletest.Start(t, args...)
	a, browser := at(t, first)
	signIn(t, a, browser)
	first.Terminate(t)
	args[3] = strings.TrimPrefix(a.BrowserURL, "https://")
	second := exampletest.Start(t, args...)
	b, _ := at(t, second)
	browser.Password = "not asked for"
	signIn(t, b, browser)
	second.Terminate(t)
}

// Neither tokens nor account numbers can be read in what Gatewright stores. The
// bank's own books are another file.
func TestNothingReadableInTheDatabase(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data := t.TempDir()
	p := exampletest.Start(t, "-data", data)
	f, browser := at(t, p)
	issued := signIn(t, f, browser)
	link, err := f.link(f.Customer.UUID, "9999000099992") // refused, and audited
	if err != nil {
		t.Fatal(err)
	}
	v, err := browser.Visit(t.Context(), link)
	if err != nil || v.Refused("access_denied") != nil {
		t.Fatal(err, v)
	}
	time.Sleep(500 * time.Millisecond) // the audit trail is written in batches
	p.Terminate(t)
	for _, file := range []string{"gatewright.db", "gatewright.db-wal"} {
		body, err := os.ReadFile(filepath.Join(data, file))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if file == "gatewright.db" && !bytes.Contains(body, []byte(f.Client.ClientID)) {
			t.Error("the database does not even hold the client id: this test looks in the wrong place")
		}
		for name, secret := range map[string]string{"client secret": f.Client.ClientSecret[4:], "access token": issued.Member("access_token")[4:],
			"refresh token": issued.Member("refresh_token")[4:], "password": f.Customer.Password, "account": f.Customer.Accounts[0], "refused account": "9999000099992"} {
			if bytes.Contains(body, []byte(secret)) {
				t.Errorf("%s holds a readable %s", file, name)
			}
		}
	}
}

func TestUnknownBinding(t *testing.T) {
	t.Parallel()
	s := &settings{bindingName: "loose"}
	if _, err := s.binding(); err == nil || !strings.Contains(err.Error(), "-binding") {
		t.Error(err)
	}
}

func TestBrowserAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{"127.0.0.1:8080": "127.0.0.1:8081", "127.0.0.1:0": "127.0.0.1:0", "[::1]:65535": "[::1]:0"} {
		if got, err := (&settings{}).browserAt(addr); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", addr, got, err, want)
		}
	}
	if _, err := (&settings{}).browserAt("nonsense"); err == nil {
		t.Error("no port was accepted")
	}
	if got, err := (&settings{browserAddr: "bank.example:443"}).browserAt("127.0.0.1:0"); err != nil || got != "bank.example:443" {
		t.Error(got, err)
	}
}
