package proxytest

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func startHAProxy(t *testing.T, f *fixture, config string) (frontend string) {
	t.Helper()
	program(t, "haproxy", "haproxy")
	frontend = "127.0.0.1:" + freePort(t)
	startHAProxyAt(t, f, frontend, config)
	return frontend
}

func startHAProxyAt(t *testing.T, f *fixture, frontend, config string) {
	t.Helper()
	path := program(t, "haproxy", "haproxy")
	text := `
global
	ssl-default-bind-options ssl-min-ver TLSv1.2
	maxconn 256
defaults
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend public
	bind ` + frontend + config
	start(t, frontend, path, "-db", "-f", write(t, f.dir, "haproxy.cfg", text))
}

// TestHAProxy ends TLS with HAProxy, which passes the certificate on by RFC 9440
// and lets everything through that it could find fault with.
func TestHAProxy(t *testing.T) {
	program(t, "haproxy", "haproxy")
	for _, tt := range []struct {
		name   string
		header clientip.Header
		config string
		socket bool // HAProxy calls the server over a Unix socket
	}{
		// A line of its own after what the client sent.
		{"X-Forwarded-For", clientip.XForwardedFor, "option forwardfor", false},
		{"X-Forwarded-For, Unix socket", clientip.XForwardedFor, "option forwardfor", true},
		// One line that replaces it.
		{"Forwarded", clientip.Forwarded, `http-request set-header Forwarded for=%[src];proto=https`, false},
		{"X-Real-IP", clientip.XRealIP, `http-request set-header X-Real-IP %[src]`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			l, upstream := net.Listener(nil), ""
			resolver := clientip.FromHeader(tt.header, trustedProxies)
			if tt.socket {
				resolver = clientip.FromUnixSocket(tt.header, nil)
				l = listen(t, "unix", filepath.Join(f.dir, "app.sock"))
				upstream = "server app unix@" + l.Addr().String()
			} else {
				l = listen(t, "tcp", "127.0.0.1:0")
				upstream = "source " + proxyIP + "\n\tserver app " + l.Addr().String()
			}
			a := newApp(t, f, resolver, &mtls.Proxy{Header: mtls.ClientCert(), Trusted: resolver.FromProxy})
			a.serve(t, l)
			frontend := startHAProxy(t, f, fmt.Sprintf(` ssl crt %s alpn h2,http/1.1 verify optional ca-file %s ca-ignore-err all crt-ignore-err all no-ca-names
	mode http
	%s
	http-request del-header Client-Cert
	http-request del-header Client-Cert-Chain
	http-request set-header Client-Cert :%%[ssl_c_der,base64]: if { ssl_c_used }
	default_backend app
backend app
	mode http
	%s
`, f.bundleFile, f.caFile, tt.config, upstream))
			d := &deployment{fixture: f, app: a, frontend: frontend, header: "Client-Cert", spoof: clientCert}
			d.run(t)
			if !tt.socket {
				t.Run("past the proxy", func(t *testing.T) { d.pastTheProxy(t, l.Addr().String()) })
			}
		})
	}
}

// TestHAProxyPassesTLSOn: HAProxy forwards TCP and tells the client's address by
// the PROXY protocol; TLS ends in the server.
func TestHAProxyPassesTLSOn(t *testing.T) {
	program(t, "haproxy", "haproxy")
	for _, version := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"} {
		t.Run(version, func(t *testing.T) {
			f := newFixture(t)
			a := newApp(t, f, clientip.Direct(), nil)
			inner := listen(t, "tcp", "127.0.0.1:0")
			l, err := clientip.NewProxyListener(inner, trustedProxies, clientip.ProxyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			a.serveTLS(t, f, l)
			frontend := startHAProxy(t, f, fmt.Sprintf(`
	mode tcp
	default_backend app
backend app
	mode tcp
	source %s
	server app %s %s
`, proxyIP, inner.Addr(), version))
			(&deployment{fixture: f, app: a, frontend: frontend}).run(t)

			t.Run("past the proxy", func(t *testing.T) {
				direct := &deployment{fixture: f, app: a, frontend: inner.Addr().String()}
				if got, err := get(t, direct.client(t, caller{pair: f.partner}), http.Header{}); err == nil {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func clientCert(pair *mtlstest.Pair) string { return mtlstest.ClientCertHeader(pair.Certificate) }
