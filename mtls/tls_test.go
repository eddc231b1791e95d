package mtls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// serve runs a real server behind a verifier over reg and returns its address.
func serve(t *testing.T, v *Verifier, options TLSOptions, handler http.Handler) string {
	t.Helper()
	f := pairs(t)
	server := f.server.TLS()
	config, err := v.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, TLSConfig: config, ErrorLog: quiet()}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func newVerifier(t *testing.T, reg *registry, config Config) *Verifier {
	t.Helper()
	v, err := New(reg.lookup, config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	identity, ok := FromContext(r.Context())
	if !ok {
		http.Error(w, "no identity", http.StatusTeapot)
		return
	}
	fmt.Fprint(w, identity.Client, " ", r.Proto)
})

// clientConfig is a client's that speaks one version only. A nil pair shows no
// certificate.
func clientConfig(t *testing.T, version uint16, pair *mtlstest.Pair) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: pairs(t).ca.Pool(), MinVersion: version, MaxVersion: version, ServerName: "localhost"}
	if pair != nil {
		config.Certificates = []tls.Certificate{pair.TLS()}
	}
	return config
}

// ask opens one connection and sends one request over it. In TLS 1.3 only the
// read tells what the server thinks of the certificate.
func ask(addr string, config *tls.Config) (body string, resumed bool, err error) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, config)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"); err != nil {
		return "", false, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return "", false, err
	}
	return string(answer), c.ConnectionState().DidResume, nil
}

var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestHandshake(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	reg := newRegistry(f)
	v := newVerifier(t, reg, Config{})
	addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
	revoked, err := f.ca.Issue(mtlstest.Leaf{CommonName: "revoked.example"})
	if err != nil {
		t.Fatal(err)
	}
	reg.revoke(revoked)
	foreign, err := f.otherCA.Issue(mtlstest.Leaf{CommonName: "partner.example"})
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := f.ca.Issue(mtlstest.Leaf{CommonName: "self.example", SelfSigned: true})
	if err != nil {
		t.Fatal(err)
	}

	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				name string
				pair *mtlstest.Pair
				want string
			}{
				{"P-256", f.partner, "partner"},
				{"RSA, second certificate of the client", f.partnerRSA, "partner"},
				{"self-signed and registered", f.selfSigned, "self"},
			} {
				body, _, err := ask(addr, clientConfig(t, version, tt.pair))
				if err != nil || !strings.HasPrefix(body, "HTTP/1.0 200") || !strings.Contains(body, tt.want) {
					t.Errorf("%s: %q, %v", tt.name, body, err)
				}
			}
			refusals := map[string]*mtlstest.Pair{
				"no certificate":                     nil,
				"not registered":                     f.stranger,
				"revoked":                            revoked,
				"other CA, registered one's name":    foreign,
				"self-signed, registered one's name": impostor,
			}
			for name, bad := range f.bad {
				refusals[name] = bad.Pair
			}
			for name, pair := range refusals {
				if body, _, err := ask(addr, clientConfig(t, version, pair)); err == nil {
					t.Errorf("%s: answered %q", name, body)
				} else if remote := (*net.OpError)(nil); !errors.As(err, &remote) || remote.Op != "remote error" {
					t.Errorf("%s: failed, but not by the server's alert: %v", name, err)
				}
			}
		})
	}
}

func TestHandshakeOldProtocols(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	v := newVerifier(t, newRegistry(f), Config{})
	addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if body, _, err := ask(addr, clientConfig(t, version, f.partner)); err == nil {
			t.Errorf("version %x: answered %q", version, body)
		}
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config := clientConfig(t, tls.VersionTLS12, f.partner)
		config.CipherSuites = []uint16{suite.ID}
		_, _, err := ask(addr, config)
		if strings.HasPrefix(suite.Name, "TLS_RSA_") || strings.Contains(suite.Name, "_CBC_") || strings.Contains(suite.Name, "RC4") {
			if err == nil {
				t.Errorf("%s was agreed on", suite.Name)
			}
		}
	}
	config := clientConfig(t, tls.VersionTLS12, f.partner)
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	if _, _, err := ask(addr, config); err != nil {
		t.Errorf("a good suite: %v", err)
	}
}

// TestRevokedBeforeResumption: a session may be resumed for as long as the
// registration lasts, and not after.
func TestRevokedBeforeResumption(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newRegistry(f)
			v := newVerifier(t, reg, Config{})
			addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
			config := clientConfig(t, version, f.partner)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			if _, resumed, err := ask(addr, config); err != nil || resumed {
				t.Fatalf("first: resumed %v, %v", resumed, err)
			}
			if _, resumed, err := ask(addr, config); err != nil || !resumed {
				t.Fatalf("second: resumed %v, %v; the test would tell nothing", resumed, err)
			}
			reg.revoke(f.partner)
			if body, resumed, err := ask(addr, config); err == nil {
				t.Fatalf("after revocation: %q, resumed %v", body, resumed)
			}
		})
	}
}

// TestRevokedDuringConnection: a connection that is open already is of no use
// from the next request on, over HTTP/1.1 keep-alive and over HTTP/2.
func TestRevokedDuringConnection(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	for name, version := range versions {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				reg := newRegistry(f)
				v := newVerifier(t, reg, Config{})
				addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
				transport := &http.Transport{TLSClientConfig: clientConfig(t, version, f.partner), ForceAttemptHTTP2: protocol == "HTTP/2.0"}
				t.Cleanup(transport.CloseIdleConnections)
				reused := false
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
				get := func() (int, string) {
					r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "https://"+addr+"/", nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := transport.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					body, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					return resp.StatusCode, string(body)
				}
				if status, body := get(); status != http.StatusOK || body != "partner "+protocol {
					t.Fatalf("first: %d %q", status, body)
				}
				if status, _ := get(); status != http.StatusOK || !reused {
					t.Fatalf("second: %d, reused %v", status, reused)
				}
				reg.revoke(f.partner)
				status, body := get()
				if status != http.StatusForbidden || !strings.Contains(body, "client_certificate_refused") {
					t.Fatalf("after revocation: %d %q", status, body)
				}
				if !reused {
					t.Fatal("after revocation: another connection; the test tells nothing")
				}
			})
		}
	}
}

func TestRegistryFails(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	reg := newRegistry(f)
	v := newVerifier(t, reg, Config{})
	addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
	broken := errors.New("database away")
	transport := &http.Transport{TLSClientConfig: clientConfig(t, tls.VersionTLS13, f.partner)}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	resp, err := client.Get("https://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	reg.fail(broken)
	resp, err = client.Get("https://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || strings.Contains(string(body), "database") {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if body, _, err := ask(addr, clientConfig(t, tls.VersionTLS13, f.partner)); err == nil {
		t.Fatalf("a new connection: %q", body)
	}
}

func TestOptional(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	v := newVerifier(t, newRegistry(f), Config{})
	mux := http.NewServeMux()
	mux.Handle("/", v.Handler(whoami))
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "well") })
	addr := serve(t, v, TLSOptions{Optional: true}, mux)
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, _, err := ask(addr, clientConfig(t, version, nil))
			if err != nil || !strings.HasPrefix(body, "HTTP/1.0 403") {
				t.Errorf("no certificate: %q, %v", body, err)
			}
			body, _, err = ask(addr, clientConfig(t, version, f.partner))
			if err != nil || !strings.HasPrefix(body, "HTTP/1.0 200") {
				t.Errorf("good certificate: %q, %v", body, err)
			}
			if body, _, err = ask(addr, clientConfig(t, version, f.stranger)); err == nil {
				t.Errorf("unregistered certificate: %q", body)
			}
		})
	}
}

func TestPublicNames(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	v := newVerifier(t, newRegistry(f), Config{})
	open := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	mux := http.NewServeMux()
	mux.Handle("login.example/", open)
	mux.Handle("/", v.Handler(whoami))
	addr := serve(t, v, TLSOptions{PublicNames: []string{"Login.Example."}}, SameName(mux))

	get := func(name, host string, pair *mtlstest.Pair, cache tls.ClientSessionCache) (int, error) {
		config := clientConfig(t, tls.VersionTLS13, pair)
		config.ServerName = name
		config.ClientSessionCache = cache
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		return resp.StatusCode, nil
	}
	for _, tt := range []struct {
		name, sni, host string
		pair            *mtlstest.Pair
		want            int // 0: the handshake fails
	}{
		{"page without certificate", "login.example", "login.example", nil, http.StatusOK},
		{"page, name with port", "login.example", "login.example:443", nil, http.StatusOK},
		{"API over the page's connection", "login.example", "api.example", nil, http.StatusMisdirectedRequest},
		{"API over the page's connection with a certificate", "login.example", "api.example", f.partner, http.StatusMisdirectedRequest},
		{"page over the API's connection", "api.example", "login.example", f.partner, http.StatusMisdirectedRequest},
		{"API without certificate", "api.example", "api.example", nil, 0},
		{"API with certificate", "api.example", "api.example", f.partner, http.StatusOK},
	} {
		status, err := get(tt.sni, tt.host, tt.pair, nil)
		if status != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%s: %d, %v; want %d", tt.name, status, err, tt.want)
		}
	}

	// A session that was opened for a page, without a certificate, must not be
	// resumed as one for the API.
	cache := new(anyName)
	if status, err := get("login.example", "login.example", nil, cache); err != nil || status != http.StatusOK {
		t.Fatalf("page: %d, %v", status, err)
	}
	if cache.session == nil {
		t.Fatal("the server gave no session ticket; the test tells nothing")
	}
	if status, err := get("api.example", "api.example", nil, cache); err == nil {
		t.Fatalf("API by the session of a page: %d", status)
	}
}

// anyName is the session cache of a client that offers its one session to every
// name.
type anyName struct{ session *tls.ClientSessionState }

func (c *anyName) Get(string) (*tls.ClientSessionState, bool) { return c.session, c.session != nil }
func (c *anyName) Put(_ string, session *tls.ClientSessionState) {
	if session != nil {
		c.session = session
	}
}

func TestTLSConfigRefuses(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newRegistry(pairs(t)), Config{})
	certificate := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
	for name, got := range map[string]func() (*tls.Config, error){
		"nil verifier":      func() (*tls.Config, error) { return (*Verifier)(nil).TLSConfig(certificate, TLSOptions{}) },
		"zero verifier":     func() (*tls.Config, error) { return new(Verifier).TLSConfig(certificate, TLSOptions{}) },
		"no certificate":    func() (*tls.Config, error) { return v.TLSConfig(nil, TLSOptions{}) },
		"empty public name": func() (*tls.Config, error) { return v.TLSConfig(certificate, TLSOptions{PublicNames: []string{"."}}) },
	} {
		if config, err := got(); err == nil || config != nil {
			t.Errorf("%s: %v, %v", name, config, err)
		}
	}
}
