package mtlstest_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(mtlstest.Leaf{CommonName: "partner"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Certificate.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Fatal(err)
	}
	key, err := pair.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(pair.PEM(), key); err != nil {
		t.Fatal(err)
	}
	self, err := ca.Issue(mtlstest.Leaf{SelfSigned: true, NotAfter: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := self.Certificate.Verify(x509.VerifyOptions{Roots: ca.Pool()}); err == nil {
		t.Fatal("a self-signed certificate verifies")
	}
	server, err := ca.IssueServer("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if _, err := server.Certificate.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: host}); err != nil {
			t.Error(host, err)
		}
	}
	if _, err := ca.Issue(mtlstest.Leaf{Key: 99}); err == nil {
		t.Fatal("an unknown kind of key")
	}
}

func TestOpenCA(t *testing.T) {
	t.Parallel()
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		t.Fatal(err)
	}
	again := mtlstest.OpenCA(ca.Pair())
	pair, err := again.Issue(mtlstest.Leaf{CommonName: "partner"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Certificate.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error("a certificate of the authority that was kept:", err)
	}
}

func ExampleCA_Issue() {
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		fmt.Println(err)
		return
	}
	weak, err := ca.Issue(mtlstest.Leaf{CommonName: "partner", Key: mtlstest.RSA1024})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(weak.Certificate.Subject, weak.Certificate.PublicKeyAlgorithm)
	// Output: CN=partner RSA
}
