package jose

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// overMutualTLS serves a strict bank that knows its clients by certificate, and
// returns how to reach it with one.
func overMutualTLS(t *testing.T, http2 bool, handler http.HandlerFunc) (url string, with func(*PrivateKey) *http.Client) {
	t.Helper()
	known := map[string]string{clientKey().Public().Thumbprint(): "client", nextKey().Public().Thumbprint(): "client", strangerKey().Public().Thumbprint(): "stranger"}
	ring, ids := testKeyring(t), &spender{}
	srv := httptest.NewUnstartedServer(nil)
	srv.EnableHTTP2 = http2
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	cfg := Bank(ring)
	cfg.Binding, cfg.Issuer, cfg.Origin = Strict, "bank", srv.URL
	cfg.Spend, cfg.Logger = ids.spend, slog.New(slog.DiscardHandler)
	cfg.Resolve = func(r *http.Request) (Peer, error) {
		presented, err := PublicKeyFromCertificate("", r.TLS.PeerCertificates[0])
		if err != nil {
			return Peer{}, err
		}
		id, ok := known[presented.Thumbprint()]
		if !ok {
			return Peer{}, errors.New("an unknown certificate")
		}
		return Peer{ID: id, Verify: []*PublicKey{presented}, Encrypt: presented}, nil
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = s.Handler(handler)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv.URL, func(k *PrivateKey) *http.Client {
		cert := tls.Certificate{Certificate: [][]byte{selfSigned(t, rawKey(k)).Raw}, PrivateKey: rawKey(k)}
		base := &http.Transport{
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{cert}},
			ForceAttemptHTTP2: http2,
		}
		t.Cleanup(base.CloseIdleConnections)
		// The kid by which the bank knows a bare certificate is its thumbprint.
		own, err := NewPrivateKey("", rawKey(k))
		if err != nil {
			t.Fatal(err)
		}
		tr, err := NewTransport(TransportConfig{
			Base: base, Key: own, Bank: ring.Public(), Binding: Strict,
			ClientID: cmp.Or(known[own.KeyID()], "unknown"), BankID: "bank",
		})
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{Transport: tr}
	}
}

// TestOverMutualTLS goes over the network, with many requests of many sizes at
// once, so that a buffer that is given back too early shows.
func TestOverMutualTLS(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP2=%v", http2), func(t *testing.T) {
			t.Parallel()
			url, with := overMutualTLS(t, http2, func(w http.ResponseWriter, r *http.Request) {
				if (r.ProtoMajor == 2) != http2 {
					t.Errorf("%s", r.Proto)
				}
				m, _ := FromContext(r.Context())
				fmt.Fprintf(w, `{"client":%q,"echo":`, m.ClientID)
				_, _ = io.Copy(w, r.Body)
				_, _ = io.WriteString(w, "}")
			})
			var wg sync.WaitGroup
			for worker := range 6 {
				key, id := clientKey(), "client"
				if worker%3 == 2 {
					key, id = strangerKey(), "stranger"
				}
				c := with(key)
				wg.Go(func() {
					for i := range 6 {
						payload := `"` + strings.Repeat(string(rune('a'+worker)), 10+i*i*2500) + `"`
						res, err := c.Post(url+"/v1/echo?worker=1", "application/json", strings.NewReader(payload))
						if err != nil {
							t.Errorf("%v (%s, %v)", err, ReasonOf(err), errors.Unwrap(errors.Unwrap(err)))
							return
						}
						body, err := io.ReadAll(res.Body)
						res.Body.Close()
						if want := fmt.Sprintf(`{"client":%q,"echo":%s}`, id, payload); err != nil || string(body) != want {
							t.Errorf("got %.60q of %d bytes, want %.60q of %d", body, len(body), want, len(want))
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestUnknownCertificate: the refusal is plain, and the client is told so.
func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	url, with := overMutualTLS(t, false, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	res, err := with(bankSigning()).Get(url)
	if err == nil {
		res.Body.Close()
	}
	var unsealed *UnsealedError
	if !errors.As(err, &unsealed) || unsealed.Status != 401 {
		t.Errorf("%v", err)
	}
}
