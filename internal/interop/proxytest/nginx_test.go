package proxytest

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

const nginxHeader = "X-SSL-Client-Cert"

// startNginx ends TLS with nginx in front of upstream ("http://..." or
// "https://..."). Any client certificate is let through whose holder has the
// key: whom to trust is the server's matter.
func startNginx(t *testing.T, f *fixture, upstream, more string) (frontend string) {
	t.Helper()
	program(t, "nginx", "nginx-light")
	frontend = "127.0.0.1:" + freePort(t)
	startNginxAt(t, f, frontend, upstream, more)
	return frontend
}

func startNginxAt(t *testing.T, f *fixture, frontend, upstream, more string) {
	t.Helper()
	path := program(t, "nginx", "nginx-light")
	name, group := whoRuns(t)
	config := fmt.Sprintf(`
daemon off;
user %s %s;
pid %[3]s/nginx.pid;
error_log stderr warn;
worker_processes 1;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[3]s/body;
	proxy_temp_path %[3]s/proxy;
	fastcgi_temp_path %[3]s/fastcgi;
	uwsgi_temp_path %[3]s/uwsgi;
	scgi_temp_path %[3]s/scgi;
	server {
		listen %[4]s ssl http2;
		server_name localhost;
		ssl_certificate %[5]s;
		ssl_certificate_key %[6]s;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_verify_client optional_no_ca;
		ssl_session_cache shared:sessions:1m;
		large_client_header_buffers 4 32k;
		location / {
			proxy_pass %[7]s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
			%[8]s
		}
	}
}
`, name, group, f.dir, frontend, f.certFile, f.keyFile, upstream, more)
	start(t, frontend, path, "-p", f.dir, "-e", "stderr", "-c", write(t, f.dir, "nginx.conf", config))
}

func TestNginx(t *testing.T) {
	program(t, "nginx", "nginx-light")
	f := newFixture(t)
	resolver := clientip.FromHeader(clientip.XForwardedFor, trustedProxies)
	a := newApp(t, f, resolver, &mtls.Proxy{Header: mtls.EscapedPEM(nginxHeader, ""), Trusted: resolver.FromProxy})
	l := listen(t, "tcp", "127.0.0.1:0")
	a.serve(t, l)
	frontend := startNginx(t, f, "http://"+l.Addr().String(), "proxy_bind "+proxyIP+";")
	d := &deployment{fixture: f, app: a, frontend: frontend, header: nginxHeader, spoof: escapedPEM}
	d.run(t)
	t.Run("past the proxy", func(t *testing.T) { d.pastTheProxy(t, l.Addr().String()) })
}

// TestNginxVerdict: where nginx checks the chain, its verdict counts too.
func TestNginxVerdict(t *testing.T) {
	program(t, "nginx", "nginx-light")
	f := newFixture(t)
	resolver := clientip.FromHeader(clientip.XForwardedFor, trustedProxies)
	a := newApp(t, f, resolver, &mtls.Proxy{Header: mtls.EscapedPEM(nginxHeader, "X-SSL-Client-Verify"), Trusted: resolver.FromProxy})
	l := listen(t, "tcp", "127.0.0.1:0")
	a.serve(t, l)
	frontend := startNginx(t, f, "http://"+l.Addr().String(),
		"proxy_bind "+proxyIP+"; proxy_set_header X-SSL-Client-Verify $ssl_client_verify;")
	d := &deployment{fixture: f, app: a, frontend: frontend}
	// nginx was given no authority, so it verifies nobody.
	for _, header := range []map[string][]string{nil, {"X-Ssl-Client-Verify": {"SUCCESS"}}} {
		got, err := get(t, d.client(t, caller{pair: f.partner}), header)
		if err != nil || got.status != 403 {
			t.Errorf("unverified, with %v: %+v, %v", header, got, err)
		}
	}
}

func TestNginxUnixSocket(t *testing.T) {
	program(t, "nginx", "nginx-light")
	f := newFixture(t)
	resolver := clientip.FromUnixSocket(clientip.XForwardedFor, nil)
	a := newApp(t, f, resolver, &mtls.Proxy{Header: mtls.EscapedPEM(nginxHeader, ""), Trusted: resolver.FromProxy})
	socket := filepath.Join(f.dir, "app.sock")
	a.serve(t, listen(t, "unix", socket))
	frontend := startNginx(t, f, "http://unix:"+socket+":", "")
	// There is no way past the proxy but the socket file.
	(&deployment{fixture: f, app: a, frontend: frontend, header: nginxHeader, spoof: escapedPEM}).run(t)
}

// TestNginxPinned: nginx proves by a certificate of its own that it is the proxy,
// and may call from anywhere.
func TestNginxPinned(t *testing.T) {
	program(t, "nginx", "nginx-light")
	f := newFixture(t)
	a := newApp(t, f, nil, &mtls.Proxy{Header: mtls.EscapedPEM(nginxHeader, ""), Pinned: []mtls.Thumbprint{mtls.ThumbprintOf(f.proxy.Certificate)}})
	l := listen(t, "tcp", "127.0.0.1:0")
	a.serveTLS(t, f, l)
	frontend := startNginx(t, f, "https://"+l.Addr().String(), fmt.Sprintf(
		"proxy_ssl_certificate %s; proxy_ssl_certificate_key %s; proxy_ssl_trusted_certificate %s; proxy_ssl_verify on; proxy_ssl_name localhost;",
		f.proxyCertFile, f.proxyKeyFile, f.caFile))
	d := &deployment{fixture: f, app: a, frontend: frontend, header: nginxHeader, spoof: escapedPEM}
	d.run(t)
	t.Run("past the proxy", func(t *testing.T) {
		direct := &deployment{fixture: f, app: a, frontend: l.Addr().String()}
		// The partner may come directly, by its own certificate, and as nobody else.
		got, err := get(t, direct.client(t, caller{pair: f.partner}), nil)
		if err != nil || got.body != served {
			t.Errorf("directly: %+v, %v", got, err)
		}
		for who, pair := range map[string]*mtlstest.Pair{"self-signed client": f.selfSigned, "stranger": f.stranger, "nobody": nil} {
			got, err = get(t, direct.client(t, caller{pair: pair}), map[string][]string{"X-Ssl-Client-Cert": {escapedPEM(f.partner)}})
			if err == nil && got.status != 403 {
				t.Errorf("%s as the partner: %+v", who, got)
			}
		}
	})
}

func escapedPEM(pair *mtlstest.Pair) string { return mtlstest.EscapedPEMHeader(pair.Certificate) }

// tlsConfig is of a server that ends TLS itself.
func tlsConfig(t *testing.T, f *fixture, a *app) *tls.Config {
	t.Helper()
	server := f.server.TLS()
	config, err := a.verifier.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, mtls.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}
