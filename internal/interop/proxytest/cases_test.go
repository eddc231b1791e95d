package proxytest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// deployment is one way to put the server behind a proxy.
type deployment struct {
	*fixture
	app      *app
	frontend string // what clients call, host:port
	// header is the one in which the proxy passes the certificate on; empty where
	// TLS ends in the server.
	header string
	// spoof is how a client would write its own certificate into that header.
	spoof func(*mtlstest.Pair) string
}

// caller is a client of the deployment.
type caller struct {
	from    string
	pair    *mtlstest.Pair
	version uint16 // of TLS; 0: any
	http2   bool
	cache   tls.ClientSessionCache
}

// client makes an HTTP client; it keeps its connection.
func (d *deployment) client(t *testing.T, c caller) *http.Client {
	t.Helper()
	if c.from == "" {
		c.from = partnerIP
	}
	config := &tls.Config{RootCAs: d.ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS10, ClientSessionCache: c.cache}
	if c.version != 0 {
		config.MinVersion, config.MaxVersion = c.version, c.version
	}
	if c.pair != nil {
		config.Certificates = []tls.Certificate{c.pair.TLS()}
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}, Timeout: 10 * time.Second}
	transport := &http.Transport{
		TLSClientConfig:   config,
		ForceAttemptHTTP2: c.http2,
		DialContext:       dialTo(dialer, d.frontend),
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// dialTo connects to one address, whatever the URL says.
func dialTo(dialer *net.Dialer, address string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
}

type answer struct {
	status          int
	body, proto     string
	reused, resumed bool
}

func get(t *testing.T, client *http.Client, header http.Header) (answer, error) {
	t.Helper()
	var a answer
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { a.reused = info.Reused }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "https://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a.status, a.body, a.proto = resp.StatusCode, string(body), resp.Proto
	a.resumed = resp.TLS != nil && resp.TLS.DidResume
	return a, nil
}

const served = "partner from " + partnerIP

// run checks everything that must hold in every deployment.
func (d *deployment) run(t *testing.T) {
	t.Run("served", d.served)
	t.Run("refused", d.refused)
	t.Run("revoked", d.revoked)
	t.Run("spoofed", d.spoofed)
}

func (d *deployment) served(t *testing.T) {
	for _, tt := range []struct {
		name   string
		caller caller
		want   string
	}{
		{"TLS 1.2", caller{pair: d.partner, version: tls.VersionTLS12}, served},
		{"TLS 1.3", caller{pair: d.partner, version: tls.VersionTLS13}, served},
		{"HTTP/2", caller{pair: d.partner, http2: true}, served},
		{"self-signed and registered", caller{pair: d.selfSigned}, "self from " + partnerIP},
	} {
		got, err := get(t, d.client(t, tt.caller), nil)
		if err != nil || got.status != http.StatusOK || got.body != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if tt.caller.http2 && got.proto != "HTTP/2.0" {
			t.Errorf("%s: spoke %s; the test tells nothing", tt.name, got.proto)
		}
	}
}

func (d *deployment) refused(t *testing.T) {
	callers := map[string]caller{
		"no certificate":                      {},
		"not registered":                      {pair: d.stranger},
		"another authority, the partner's CN": {pair: d.foreign},
		"address that is not on the list":     {pair: d.partner, from: otherIP},
		"TLS 1.0":                             {pair: d.partner, version: tls.VersionTLS10},
		"TLS 1.1":                             {pair: d.partner, version: tls.VersionTLS11},
	}
	for name, pair := range d.bad {
		callers[name] = caller{pair: pair}
	}
	for name, c := range callers {
		for _, http2 := range []bool{false, true} {
			c.http2 = http2
			got, err := get(t, d.client(t, c), nil)
			if err == nil && (got.status < 400 || got.status >= 500) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}

// revoked covers open connections and sessions that are resumed.
func (d *deployment) revoked(t *testing.T) {
	for _, c := range []caller{{version: tls.VersionTLS12}, {version: tls.VersionTLS13}, {http2: true}} {
		c.pair = d.app.register(t, d.fixture)
		client := d.client(t, c)
		for i := range 2 {
			got, err := get(t, client, nil)
			if err != nil || got.body != served || got.reused != (i == 1) {
				t.Fatalf("request %d: %+v, %v", i, got, err)
			}
		}
		d.app.revoke(c.pair)
		got, err := get(t, client, nil)
		if err != nil || got.status != http.StatusForbidden || !got.reused {
			t.Errorf("open connection, version %x, HTTP/2 %v: %+v, %v", c.version, c.http2, got, err)
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := caller{pair: d.app.register(t, d.fixture), version: version, cache: tls.NewLRUClientSessionCache(4)}
		for i := range 2 {
			got, err := get(t, d.client(t, c), nil)
			if err != nil || got.body != served || got.resumed != (i == 1) {
				t.Fatalf("session %d, version %x: %+v, %v", i, version, got, err)
			}
		}
		d.app.revoke(c.pair)
		if got, err := get(t, d.client(t, c), nil); err == nil && got.status != http.StatusForbidden {
			t.Errorf("resumed session, version %x: %+v", version, got)
		}
	}
}

func (d *deployment) spoofed(t *testing.T) {
	addresses := []http.Header{
		{"X-Forwarded-For": {partnerIP}},
		{"X-Forwarded-For": {partnerIP, partnerIP}},
		{"X-Forwarded-For": {partnerIP + ", " + proxyIP}},
		{"X-Forwarded-For": {partnerIP + ","}},
		{"X_forwarded_for": {partnerIP}},
		{"X-Real-Ip": {partnerIP}},
		{"Forwarded": {"for=" + partnerIP}},
		{"Forwarded": {`for=` + partnerIP + `;by="`}},
		{"X-Forwarded-For": {"unknown"}},
	}
	for _, header := range addresses {
		got, err := get(t, d.client(t, caller{pair: d.partner, from: otherIP}), header)
		if err != nil || got.status != http.StatusForbidden {
			t.Errorf("%v from elsewhere: %+v, %v", header, got, err)
		}
		// The client's own junk does not lock it out either.
		got, err = get(t, d.client(t, caller{pair: d.partner}), header)
		if err != nil || got.status != http.StatusOK || got.body != served {
			t.Errorf("%v from the partner: %+v, %v", header, got, err)
		}
	}
	if d.header == "" {
		return
	}
	own := d.spoof(d.partner)
	for _, name := range []string{d.header, strings.ToLower(d.header), strings.ReplaceAll(d.header, "-", "_"), "Client-Cert", "X-Forwarded-Client-Cert", "X-Amzn-Mtls-Clientcert-Leaf"} {
		for _, values := range [][]string{{own}, {own, own}} {
			header := http.Header{name: values, "X-Ssl-Client-Verify": {"SUCCESS"}}
			for who, pair := range map[string]*mtlstest.Pair{"nobody": nil, "stranger": d.stranger, "self-signed client": d.selfSigned} {
				got, err := get(t, d.client(t, caller{pair: pair}), header)
				if err == nil && strings.Contains(got.body, "partner") {
					t.Errorf("%s as the partner by %s, %d lines: %+v", who, name, len(values), got)
				}
				if pair == d.selfSigned && err == nil && got.status == http.StatusOK && got.body != "self from "+partnerIP {
					t.Errorf("%s by %s: %+v", who, name, got)
				}
			}
		}
	}
}

// pastTheProxy calls the server itself, over plain HTTP, with everything that the
// proxy would send.
func (d *deployment) pastTheProxy(t *testing.T, server string) {
	for _, header := range []http.Header{
		{},
		{d.header: {d.spoof(d.partner)}},
		{d.header: {d.spoof(d.partner)}, "X-Forwarded-For": {partnerIP}, "X-Ssl-Client-Verify": {"SUCCESS"}},
		{d.header: {d.spoof(d.partner)}, "X-Forwarded-For": {partnerIP + ", " + proxyIP}},
	} {
		for _, from := range []string{partnerIP, otherIP} {
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
			transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+server+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = header
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("past the proxy from %s with %d headers: %d", from, len(header), resp.StatusCode)
			}
		}
	}
}
