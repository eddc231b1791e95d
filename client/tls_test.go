package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// TestServerIsChecked: a server that is not the bank gets nothing, in any
// environment and through any option.
func TestServerIsChecked(t *testing.T) {
	t.Parallel()
	f := fixtures()
	insecure := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{f.partner.TLS()}}
	for name, tt := range map[string]struct {
		server *mtlstest.Pair
		change func(*Config)
		want   any
	}{
		"unknown issuer":            {f.server, func(c *Config) { c.RootCAs = f.otherCA.Pool() }, new(x509.UnknownAuthorityError)},
		"the system's roots":        {f.server, func(c *Config) { c.RootCAs = nil }, new(x509.UnknownAuthorityError)},
		"no roots":                  {f.server, func(c *Config) { c.RootCAs = x509.NewCertPool() }, new(x509.UnknownAuthorityError)},
		"another host's":            {f.wrongHost, nil, new(x509.HostnameError)},
		"expired":                   {f.oldTLS, nil, new(x509.CertificateInvalidError)},
		"a client's":                {f.partner, nil, nil},
		"sandbox, unknown issuer":   {f.server, func(c *Config) { c.Environment, c.RootCAs = Sandbox, f.otherCA.Pool() }, new(x509.UnknownAuthorityError)},
		"a dialer that brings TLS":  {f.wrongHost, func(c *Config) { c.DialContext = dialTLS(insecure) }, nil},
		"a dialer to another place": {f.wrongHost, func(c *Config) { c.BaseURL = strings.Replace(c.BaseURL, "127.0.0.1", "localhost", 1) }, new(x509.HostnameError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBankWith(t, jose.Compatible, tt.server)
			c := b.client(t, tt.change)
			for _, who := range []Identity{KeyAndSecret(), Application(Metadata{}, "s")} {
				_, _, err := get(t, as(t, c, who), c.URL("fx_rates"))
				var e *Error
				if !errors.As(err, &e) || e.Code != CodeUnreachable || e.Status != 0 {
					t.Fatalf("%v", err)
				}
				if tt.want != nil && !errors.As(err, tt.want) {
					t.Errorf("%v (%T)", err, e.Err)
				}
			}
			if b.calls.Load()+b.tokenRequests.Load() != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func dialTLS(config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
	}
}

// TestNoDoorForTLS: nothing that is exported takes or gives away what could relax
// the check.
func TestNoDoorForTLS(t *testing.T) {
	t.Parallel()
	forbidden := []reflect.Type{
		reflect.TypeFor[tls.Config](), reflect.TypeFor[http.Transport](), reflect.TypeFor[http.RoundTripper](), reflect.TypeFor[http.Client](), reflect.TypeFor[tls.Conn](),
	}
	var walk func(typ reflect.Type, path string, seen map[reflect.Type]bool)
	walk = func(typ reflect.Type, path string, seen map[reflect.Type]bool) {
		for _, f := range forbidden {
			if typ == f {
				t.Errorf("%s is %v", path, typ)
			}
		}
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Chan:
			walk(typ.Elem(), path, seen)
		case reflect.Struct:
			for f := range typ.Fields() {
				if f.IsExported() {
					walk(f.Type, path+"."+f.Name, seen)
				}
			}
		case reflect.Func:
			for in := range typ.Ins() {
				walk(in, path+"(in)", seen)
			}
			for out := range typ.Outs() {
				walk(out, path+"(out)", seen)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "Config", map[reflect.Type]bool{})
	for m := range reflect.TypeFor[*Client]().Methods() {
		for out := range m.Type.Outs() {
			if out != reflect.TypeFor[*http.Client]() { // its Transport is ours, without exported fields
				walk(out, m.Name, map[reflect.Type]bool{})
			}
		}
	}
	for f := range reflect.TypeFor[transport]().Fields() {
		if f.IsExported() {
			t.Errorf("transport.%s is exported", f.Name)
		}
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	f := fixtures()
	pair := f.server.TLS()
	for name, tt := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"TLS 1.1":                    {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"TLS 1.2 with key transport": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"TLS 1.2":                    {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.3":                    {&tls.Config{MinVersion: tls.VersionTLS13}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reached atomic.Bool
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
			s.Config.ErrorLog = quiet()
			tt.config.Certificates = []tls.Certificate{pair}
			s.TLS = tt.config
			s.StartTLS()
			t.Cleanup(s.Close)
			c, err := New(Config{Environment: Sandbox, BaseURL: s.URL, ClientID: "a", ClientSecret: "b", RootCAs: f.ca.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = get(t, as(t, c, KeyID()), c.URL("x"))
			if (err == nil) != tt.ok || reached.Load() != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestRefusedCertificates: what the bank refuses is told apart from a network
// that is down only by what arrived.
func TestRefusedCertificates(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	c := b.client(t, func(c *Config) { c.Certificate = fixtures().stranger.TLS() })
	_, _, err := get(t, as(t, c, KeyAndSecret()), c.URL("fx_rates"))
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable && e.Code != CodeUnsealed {
		t.Errorf("%v", err)
	}
}

// TestProxy: TLS runs through a proxy end to end.
func TestProxy(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		tunnel(w, r)
	}))
	t.Cleanup(proxy.Close)
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := b.client(t, func(c *Config) { c.Proxy = via })
	if a, _, err := get(t, as(t, c, KeyAndSecret()), c.URL("fx_rates")); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	if got, _ := asked.Load().(string); got != "CONNECT "+c.endpoints.base.Host {
		t.Errorf("the proxy saw %q", got)
	}
}

// tunnel is a proxy's CONNECT.
func tunnel(w http.ResponseWriter, r *http.Request) {
	up, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, "", http.StatusBadGateway)
		return
	}
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		up.Close()
		return
	}
	_, _ = down.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	go pipe(up, down)
	go pipe(down, up)
}
