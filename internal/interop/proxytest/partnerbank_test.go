package proxytest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

const bankAPI = "/rb/api/v1"

// bankDeployment is the example bank behind a proxy.
type bankDeployment struct {
	*deployment
	*bankProcess
	partner, stranger *mtlstest.Pair
	binding           jose.Binding
}

// TestPartnerBank runs the example bank as a process behind nginx and HAProxy,
// which end TLS and call it over plain HTTP or over TLS of their own.
func TestPartnerBank(t *testing.T) {
	program(t, "nginx", "nginx-light")
	program(t, "haproxy", "haproxy")
	bank := buildBank(t)
	for _, tt := range []struct {
		name, header string
		binding      jose.Binding
		spoof        func(*mtlstest.Pair) string
		proxy        func(t *testing.T, f *fixture, frontend string, b *bankProcess)
	}{
		{"nginx", nginxHeader, jose.Compatible, escapedPEM, func(t *testing.T, f *fixture, frontend string, b *bankProcess) {
			startNginxAt(t, f, frontend, "http://"+b.address, "proxy_bind "+proxyIP+";")
		}},
		{"nginx, strict binding, TLS to the bank", nginxHeader, jose.Strict, escapedPEM, func(t *testing.T, f *fixture, frontend string, b *bankProcess) {
			startNginxAt(t, f, frontend, "https://"+b.address, fmt.Sprintf("proxy_bind %s; proxy_ssl_trusted_certificate %s; proxy_ssl_verify on; proxy_ssl_name localhost;", proxyIP, b.credentials.CAFile))
		}},
		{"HAProxy", "Client-Cert", jose.Compatible, clientCert, func(t *testing.T, f *fixture, frontend string, b *bankProcess) {
			startHAProxyAt(t, f, frontend, bankBackend(f, b, ""))
		}},
		{"HAProxy, strict binding, TLS to the bank", "Client-Cert", jose.Strict, clientCert, func(t *testing.T, f *fixture, frontend string, b *bankProcess) {
			startHAProxyAt(t, f, frontend, bankBackend(f, b, " ssl verify required verifyhost localhost ca-file "+b.credentials.CAFile))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			frontend := "127.0.0.1:" + freePort(t)
			b := startBank(t, bank, "-trusted-proxy", proxyIP+"/32", "-client-cert-header", tt.header, "-binding", tt.binding.String(),
				"-allow", partnerIP+"/32", "-public-url", "https://localhost")
			tt.proxy(t, f, frontend, b)
			d := &bankDeployment{&deployment{fixture: f, frontend: frontend, header: tt.header, spoof: tt.spoof}, b, b.pair(t, "partner"), b.pair(t, "stranger"), tt.binding}
			t.Run("served", d.served)
			t.Run("refused", d.refused)
			t.Run("spoofed", d.spoofed)
			t.Run("past the proxy", d.pastTheProxy)
		})
	}
}

func bankBackend(f *fixture, b *bankProcess, server string) string {
	return fmt.Sprintf(` ssl crt %s alpn h2,http/1.1 verify optional ca-file %s ca-ignore-err all crt-ignore-err all no-ca-names
	mode http
	option forwardfor
	http-request del-header Client-Cert
	http-request del-header Client-Cert-Chain
	http-request set-header Client-Cert :%%[ssl_c_der,base64]: if { ssl_c_used }
	default_backend app
backend app
	mode http
	source %s
	server app %s%s
`, f.bundleFile, f.caFile, proxyIP, b.address, server)
}

// served: an honest partner notices nothing of the proxy.
func (d *bankDeployment) served(t *testing.T) {
	keys, err := jose.ReadPublicKeys(d.credentials.BankJWKSFile)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(partnerIP)}, Timeout: 10 * time.Second}
	partner := d.credentials.Clients["partner"]
	api, err := client.New(client.Config{Environment: client.Production, BaseURL: "https://localhost" + bankAPI, ClientID: partner.ClientID, ClientSecret: partner.ClientSecret,
		Certificate: d.partner.TLS(), RootCAs: d.ca.Pool(), BankKeys: keys, Binding: d.binding, BankID: d.credentials.BankID, DialContext: dialTo(dialer, d.frontend)})
	if err != nil {
		t.Fatal(err)
	}
	defer api.CloseIdleConnections()
	masked, err := client.Mask(partner.AccountID)
	if err != nil {
		t.Fatal(err)
	}
	account := client.Application(client.Metadata{AccountID: partner.AccountID}, partner.Scopes...)
	for _, call := range []struct {
		who          client.Identity
		method, path string
		body, answer string
		status       int
	}{
		{client.KeyID(), "GET", "branches", "", `"branches"`, 200},
		{client.KeyAndSecret(), "GET", "fx_rates", "", `"rates"`, 200},
		{account, "POST", "customers/" + masked + "/beneficiaries", `{"name":"Ada"}`, `"Ada"`, 201},
		{account, "GET", "customers/" + masked + "/beneficiaries", "", `"Ada"`, 200},
		{account, "POST", "customers/" + masked + "/transfers", `{"amount":"10.00"}`, `"999990.00"`, 201},
		{account, "GET", "customers/" + partner.AccountID + "/beneficiaries", "", `"masked_id_refused"`, 403},
	} {
		caller, err := api.HTTPClient(call.who)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), call.method, api.URL(strings.Split(call.path, "/")...), strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Idempotency-Key", "one")
		if call.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := caller.Do(req)
		if err != nil {
			t.Errorf("%s %s: %v", call.method, call.path, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != call.status || !strings.Contains(string(body), call.answer) {
			t.Errorf("%s %s: %d %s %v", call.method, call.path, res.StatusCode, body, err)
		}
	}
}

// branches asks for the least there is, through the proxy.
func (d *bankDeployment) branches(t *testing.T, c caller, id string, header http.Header) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost"+bankAPI+"/branches", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header["X-Ibm-Client-Id"] = []string{id}
	return fetch(d.client(t, c), r)
}

func fetch(client *http.Client, r *http.Request) (status int, body string, err error) {
	res, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return res.StatusCode, string(read), err
}

// sealed tells whether a body is an answer to a client that is proven.
func sealed(body string) bool { return strings.Contains(body, `"recipients"`) }

// nobody is how an unknown client id is refused; every refusal of a client that
// is not proven must look like it.
func (d *bankDeployment) nobody(t *testing.T) string {
	t.Helper()
	status, body, err := d.branches(t, caller{pair: d.partner}, "nobody", nil)
	if err != nil || status != 401 || sealed(body) || !strings.Contains(body, "invalid_client") {
		t.Fatalf("an unknown client id: %d %s %v", status, body, err)
	}
	return body
}

func (d *bankDeployment) refused(t *testing.T) {
	nobody, partner := d.nobody(t), d.credentials.Clients["partner"].ClientID
	if status, body, err := d.branches(t, caller{pair: d.partner}, partner, nil); err != nil || status != 200 || !sealed(body) {
		t.Fatalf("the partner itself: %d %s %v", status, body, err)
	}
	callers := map[string]caller{
		"no certificate":                  {},
		"another client's certificate":    {pair: d.stranger},
		"not registered":                  {pair: d.fixture.stranger},
		"not registered, self-signed":     {pair: d.selfSigned},
		"address that is not on the list": {pair: d.partner, from: otherIP},
	}
	for name, pair := range d.bad {
		callers[name] = caller{pair: pair}
	}
	for name, c := range callers {
		for _, http2 := range []bool{false, true} {
			c.http2 = http2
			status, body, err := d.branches(t, c, partner, nil)
			// A proxy may turn a bad certificate away by itself, with a 4xx of its own.
			if err == nil && (status != 401 || body != nobody) && (d.bad[name] == nil || status < 400 || status > 499 || sealed(body)) {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
	}
	// What is not sealed is refused, in an answer that is.
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://localhost"+bankAPI+"/partner_auth/token", strings.NewReader(`{"grant_type":"client_credentials"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Ibm-Client-Id": {partner}, "X-Ibm-Client-Secret": {d.credentials.Clients["partner"].ClientSecret}, "Msgid": {"1"}}
	if status, body, err := fetch(d.client(t, caller{pair: d.partner}), r); err != nil || status != 400 || !sealed(body) {
		t.Errorf("plain JSON: %d %s %v", status, body, err)
	}
}

func (d *bankDeployment) spoofed(t *testing.T) {
	nobody, partner := d.nobody(t), d.credentials.Clients["partner"].ClientID
	for _, header := range []http.Header{
		{"X-Forwarded-For": {partnerIP}},
		{"X-Forwarded-For": {partnerIP, partnerIP}},
		{"X-Forwarded-For": {partnerIP + ", " + proxyIP}},
		{"X_forwarded_for": {partnerIP}},
		{"X-Real-Ip": {partnerIP}},
		{"Forwarded": {"for=" + partnerIP}},
	} {
		if status, body, err := d.branches(t, caller{pair: d.partner, from: otherIP}, partner, header); err != nil || status != 401 || body != nobody {
			t.Errorf("%v from elsewhere: %d %s %v", header, status, body, err)
		}
		if status, body, err := d.branches(t, caller{pair: d.partner}, partner, header); err != nil || status != 200 || !sealed(body) {
			t.Errorf("%v from the partner: %d %s %v", header, status, body, err)
		}
	}
	own := d.spoof(d.partner)
	for _, name := range []string{d.header, strings.ToLower(d.header), strings.ReplaceAll(d.header, "-", "_"), "Client-Cert", "X-Forwarded-Client-Cert"} {
		for _, values := range [][]string{{own}, {own, own}} {
			for who, pair := range map[string]*mtlstest.Pair{"nobody": nil, "another client": d.stranger, "somebody unregistered": d.fixture.stranger} {
				status, body, err := d.branches(t, caller{pair: pair}, partner, http.Header{name: values})
				if err == nil && (status != 401 || body != nobody) {
					t.Errorf("%s as the partner by %s, %d lines: %d %s", who, name, len(values), status, body)
				}
			}
		}
	}
}

// pastTheProxy calls the bank itself, with everything that the proxy would send,
// from wherever it is not.
func (d *bankDeployment) pastTheProxy(t *testing.T) {
	partner := d.credentials.Clients["partner"].ClientID
	plain := func(from string, header http.Header) (int, string, error) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+d.address+bankAPI+"/branches", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		r.Header["X-Ibm-Client-Id"] = []string{partner}
		return fetch(&http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}, r)
	}
	own := d.spoof(d.partner)
	forwarded := http.Header{d.header: {own}, "X-Forwarded-For": {partnerIP}}
	for _, from := range []string{partnerIP, otherIP} {
		for _, header := range []http.Header{{}, {d.header: {own}}, forwarded, {d.header: {own}, "X-Forwarded-For": {partnerIP + ", " + proxyIP}}} {
			if status, body, err := plain(from, header); err != nil || status != 403 || sealed(body) {
				t.Errorf("from %s with %d headers: %d %s %v", from, len(header), status, body, err)
			}
		}
	}
	// The same from the proxy's address is served, or these would tell nothing.
	if status, body, err := plain(proxyIP, forwarded); err != nil || status != 200 || !sealed(body) {
		t.Errorf("as the proxy: %d %s %v", status, body, err)
	}
	for name, header := range map[string]http.Header{
		"no address":               {d.header: {own}},
		"an address not listed":    {d.header: {own}, "X-Forwarded-For": {otherIP}},
		"no certificate":           {"X-Forwarded-For": {partnerIP}},
		"two lines of certificate": {d.header: {own, own}, "X-Forwarded-For": {partnerIP}},
		"half a certificate":       {d.header: {own[:len(own)/2]}, "X-Forwarded-For": {partnerIP}},
	} {
		if status, body, err := plain(proxyIP, header); err != nil || status != 401 && status != 403 || sealed(body) {
			t.Errorf("as the proxy, %s: %d %s %v", name, status, body, err)
		}
	}
	// With TLS of its own the partner may come directly, as nobody but itself.
	authority, err := os.ReadFile(d.credentials.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	for _, tt := range []struct {
		name   string
		pair   *mtlstest.Pair
		header http.Header
		served bool
	}{
		{"the partner", d.partner, nil, true},
		{"the partner with the header", d.partner, http.Header{d.header: {own}}, false},
		{"another client", d.stranger, nil, false},
		{"another client with the partner's certificate in the header", d.stranger, http.Header{d.header: {own}}, false},
		{"nobody with the partner's certificate in the header", nil, forwarded, false},
	} {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(partnerIP)}, Timeout: 10 * time.Second}
		config := &tls.Config{RootCAs: roots}
		if tt.pair != nil {
			config.Certificates = []tls.Certificate{tt.pair.TLS()}
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost"+bankAPI+"/branches", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.header != nil {
			r.Header = tt.header.Clone()
		}
		r.Header["X-Ibm-Client-Id"] = []string{partner}
		status, body, err := fetch(&http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: dialTo(dialer, d.address), DisableKeepAlives: true}, Timeout: 10 * time.Second}, r)
		if err != nil || sealed(body) != tt.served || tt.served != (status == 200) {
			t.Errorf("directly, %s: %d %s %v", tt.name, status, body, err)
		}
	}
}
