package bankdemo

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
)

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestVaultKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	type state struct {
		ca, server, client, jwks []byte
		certificateFile          string
	}
	look := func() state {
		v := must(OpenVault(dir))(t)
		server := must(v.ServerCertificate("bank.example"))(t)
		shown := must(server.GetCertificate(nil))(t)
		client := must(v.Client("production", "partner.example"))(t)
		keys, file, err := v.BankKeys()
		if err != nil {
			t.Fatal(err)
		}
		written := must(os.ReadFile(file))(t)
		if !bytes.Equal(written, keys.JWKS()) {
			t.Error("the file holds other keys")
		}
		if _, err := jose.ReadPublicKeys(file); err != nil {
			t.Error(err)
		}
		return state{v.CA().PEM(), shown.Certificate[0], client.Pair.Certificate.Raw, written, client.CertificateFile}
	}
	first, second := look(), look()
	if !bytes.Equal(first.ca, second.ca) || !bytes.Equal(first.server, second.server) || !bytes.Equal(first.client, second.client) || !bytes.Equal(first.jwks, second.jwks) || first.certificateFile != second.certificateFile {
		t.Error("opened again, the vault holds something else")
	}
	named, err := mtls.ParseFileName(filepath.Base(first.certificateFile))
	if err != nil || named.CommonName != "partner.example" {
		t.Error(named, err)
	}
	v := must(OpenVault(dir))(t)
	other := must(v.Client("uat", "partner.example"))(t)
	if bytes.Equal(other.Pair.Certificate.Raw, first.client) {
		t.Error("two environments share a certificate")
	}
	again := must(v.ServerCertificate("other.example"))(t)
	leaf := must(again.GetCertificate(nil))(t).Leaf
	if err := leaf.VerifyHostname("other.example"); err != nil {
		t.Error("a new host name:", err)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if info, statErr := d.Info(); err != nil || statErr != nil || !d.IsDir() && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVaultRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"ca.pem", "ca.key", "bank-signing.key"} {
		dir := t.TempDir()
		v := must(OpenVault(dir))(t)
		if err := os.WriteFile(filepath.Join(dir, file), []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenVault(dir)
		if file == "bank-signing.key" {
			_, _, err = v.BankKeys()
		}
		if err == nil {
			t.Errorf("%s: junk was overwritten or believed", file)
		}
	}
}

func TestMixed(t *testing.T) {
	t.Parallel()
	v := must(OpenVault(t.TempDir()))(t)
	server := must(v.ServerCertificate())(t)
	inner := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	l := Mixed(inner, &tls.Config{GetCertificate: server.GetCertificate, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12})
	web := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			_, _ = io.WriteString(w, "TLS "+r.Proto)
			return
		}
		_, _ = io.WriteString(w, "plain "+r.Proto)
	})}
	done := make(chan error, 1)
	go func() { done <- web.Serve(l) }()
	silent := must(net.Dial("tcp", inner.Addr().String()))(t) // holds nobody up
	defer silent.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: v.CA().Pool()}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for scheme, want := range map[string]string{"http": "plain HTTP/1.1", "https": "TLS HTTP/2.0"} {
		a, err := Send(t.Context(), &http.Client{Transport: transport, Timeout: 5 * time.Second}, "GET", scheme+"://"+inner.Addr().String()+"/", "")
		if err != nil || string(a.Body) != want {
			t.Errorf("%s: %s %v", scheme, a.Body, err)
		}
	}
	if err := web.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != http.ErrServerClosed {
		t.Error(err)
	}
}
