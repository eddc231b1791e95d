package main

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestTour(t *testing.T) {
	// A configuration folder of its own, so that nothing is left in the user's.
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	exampletest.Databases(t, func(t *testing.T, dsn string) {
		data := t.TempDir()
		for range 2 { // a second tour finds what the first one left
			if out := exampletest.Tour(t, "-dsn", dsn, "-data", data); !strings.Contains(out, "all 40 steps went as they should") {
				t.Error("want all 40 steps")
			}
			if testing.Short() || dsn != "" {
				return
			}
		}
	})
}

// developerAt is a client of a running sandbox that knows its credentials file
// and nothing else.
func developerAt(t *testing.T, p *exampletest.Process) *tourist {
	t.Helper()
	d := &tourist{http: newClient()}
	p.Read(t, &d.creds)
	if d.creds.BaseURL != p.URL {
		t.Errorf("base_url is %s, ready said %s", d.creds.BaseURL, p.URL)
	}
	d.url = d.creds.BaseURL + base
	return d
}

func TestStartedAgainItKeepsEverything(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data := t.TempDir()
	first := exampletest.Start(t, "-data", data)
	a := developerAt(t, first)
	partner, err := a.token(t.Context(), a.creds.Clients.Partner, "beneficiary_management")
	if err != nil {
		t.Fatal(err)
	}
	code, err := a.code(t.Context(), a.creds.Clients.Fintech)
	if err != nil {
		t.Fatal(err)
	}
	signedIn, err := a.exchange(t.Context(), a.creds.Clients.Fintech, code)
	if err != nil {
		t.Fatal(err)
	}
	first.Terminate(t)

	second := exampletest.Start(t, "-data", data)
	b := developerAt(t, second)
	a.creds.BaseURL, b.creds.BaseURL = "", ""
	if !reflect.DeepEqual(a.creds, b.creds) {
		t.Error("the credentials are others")
	}
	if _, err := b.expect(t.Context(), b.creds.Clients.Partner, partner, "/customers", 200, ""); err != nil {
		t.Error("the partner's token of before:", err)
	}
	if _, err := b.expect(t.Context(), b.creds.Clients.Fintech, signedIn.Member("access_token"), "/accounts", 200, ""); err != nil {
		t.Error("the fintech's token of before:", err)
	}
	next, err := b.ask(t.Context(), signInToken, b.creds.Clients.Fintech, "grant_type", "refresh_token", "refresh_token", signedIn.Member("refresh_token"))
	if err != nil || next.Status != http.StatusOK {
		t.Errorf("the refresh token of before: %v %d %s", err, next.Status, next.Body)
	}
	second.Terminate(t)
}

// Controls of production must neither be demanded here nor get in the way.
func TestHeadersOfProductionDoNotMatter(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	p := exampletest.Start(t)
	d := developerAt(t, p)
	partner := d.creds.Clients.Partner
	token, err := d.token(t.Context(), partner, "beneficiary_management")
	if err != nil {
		t.Fatal(err)
	}
	for _, extra := range [][]string{
		{"X-Forwarded-For", "203.0.113.9"},
		{"MsgId", "m-1"}, {"MsgId", "m-1"},
		{"Client-Cert", ":AA==:"},
	} {
		headers := append([]string{"X-IBM-Client-Id", partner.ClientID, "Authorization", "Bearer " + token}, extra...)
		a, err := bankdemo.Send(t.Context(), d.http, "GET", d.url+"/customers", "", headers...)
		if err != nil || a.Status != http.StatusOK {
			t.Errorf("%v: %v %d %s", extra, err, a.Status, a.Body)
		}
	}
	p.Terminate(t)
}
