package mtls

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func writePair(t *testing.T, dir string, certificate, key *mtlstest.Pair) (certFile, keyFile string) {
	t.Helper()
	keyPEM, err := key.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, data := range map[string][]byte{certFile: certificate.PEM(), keyFile: keyPEM} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestReload: a new pair serves the next handshake; a broken one changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir, f.server, f.server)
	own, err := LoadServerCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, newRegistry(f), Config{})
	config, err := v.TLSConfig(own.GetCertificate, TLSOptions{Optional: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: whoami, ErrorLog: quiet()}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	shown := func() Thumbprint {
		c, err := tls.Dial("tcp", l.Addr().String(), clientConfig(t, tls.VersionTLS13, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return ThumbprintOf(c.ConnectionState().PeerCertificates[0])
	}
	first := ThumbprintOf(f.server.Certificate)
	if shown() != first || !own.NotAfter().Equal(f.server.Certificate.NotAfter) {
		t.Fatal("not the first certificate")
	}

	expired, err := f.ca.Issue(mtlstest.Leaf{Usage: mtlstest.ServerAuth, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]func(){
		"another's key":   func() { writePair(t, dir, f.server, f.partner) },
		"expired":         func() { writePair(t, dir, expired, expired) },
		"half-written":    func() { os.WriteFile(certFile, f.server.PEM()[:40], 0o600) },
		"file is missing": func() { os.Remove(keyFile) },
	} {
		broken()
		if err := own.Reload(); err == nil {
			t.Errorf("%s: reloaded", name)
		}
		if shown() != first {
			t.Errorf("%s: replaced the working certificate", name)
		}
		writePair(t, dir, f.server, f.server)
	}

	next, err := f.ca.IssueServer("localhost")
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, next, next)
	if err := own.Reload(); err != nil {
		t.Fatal(err)
	}
	if shown() != ThumbprintOf(next.Certificate) {
		t.Fatal("the new certificate is not in use")
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir, f.server, f.server)
	own, err := LoadServerCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan error, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		own.Watch(ctx, 5*time.Millisecond, func(err error) { reports <- err })
	}()
	wait := func() error {
		t.Helper()
		select {
		case err := <-reports:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("no report")
			return nil
		}
	}
	if err := os.WriteFile(certFile, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if wait() == nil {
		t.Fatal("junk was taken")
	}
	select {
	case err := <-reports:
		t.Fatalf("the same files were reported twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	next, err := f.ca.Issue(mtlstest.Leaf{CommonName: "a much longer name than before", Usage: mtlstest.ServerAuth})
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, next, next)
	for wait() != nil { // the pair is written file by file
	}
	pair, err := own.GetCertificate(nil)
	if err != nil || !pair.Leaf.Equal(next.Certificate) {
		t.Fatalf("not the new certificate: %v", err)
	}
	cancel()
	<-done
}

func TestLoadServerCertificateRefuses(t *testing.T) {
	t.Parallel()
	if _, err := LoadServerCertificate("", ""); err == nil {
		t.Error("no files")
	}
	if _, err := LoadServerCertificate(filepath.Join(t.TempDir(), "a"), "b"); err == nil {
		t.Error("missing files")
	}
	var zero ServerCertificate
	if _, err := zero.GetCertificate(nil); err == nil || !zero.NotAfter().IsZero() {
		t.Error("the zero value has a certificate")
	}
}
