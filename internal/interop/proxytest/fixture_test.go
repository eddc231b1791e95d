package proxytest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// fixture holds the certificates of one test, and the files that proxies read.
type fixture struct {
	dir                                   string
	ca                                    *mtlstest.CA
	server, partner, selfSigned, stranger *mtlstest.Pair
	foreign                               *mtlstest.Pair // of another authority, by the partner's name
	proxy                                 *mtlstest.Pair // the proxy's own, towards the server
	bad                                   map[string]*mtlstest.Pair
	caFile, certFile, keyFile, bundleFile string
	proxyCertFile, proxyKeyFile           string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), bad: map[string]*mtlstest.Pair{}}
	must := func(pair *mtlstest.Pair, err error) *mtlstest.Pair {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		t.Fatal(err)
	}
	other, err := mtlstest.NewCA("other CA")
	if err != nil {
		t.Fatal(err)
	}
	f.ca = ca
	f.server = must(ca.IssueServer("localhost", "127.0.0.1"))
	f.partner = must(ca.Issue(mtlstest.Leaf{CommonName: "partner.example"}))
	f.selfSigned = must(ca.Issue(mtlstest.Leaf{CommonName: "self.example", SelfSigned: true}))
	f.stranger = must(ca.Issue(mtlstest.Leaf{CommonName: "stranger.example"}))
	f.foreign = must(other.Issue(mtlstest.Leaf{CommonName: "partner.example"}))
	f.proxy = must(ca.Issue(mtlstest.Leaf{CommonName: "proxy"}))
	past := time.Now().Add(-2 * time.Hour)
	for name, leaf := range map[string]mtlstest.Leaf{
		"expired":                    {NotBefore: past, NotAfter: past.Add(time.Hour)},
		"expired, self-signed":       {SelfSigned: true, NotBefore: past, NotAfter: past.Add(time.Hour)},
		"not yet valid":              {NotBefore: time.Now().Add(time.Hour)},
		"RSA 1024":                   {Key: mtlstest.RSA1024},
		"RSA 1024, self-signed":      {Key: mtlstest.RSA1024, SelfSigned: true},
		"no extended key usage":      {Usage: mtlstest.NoUsage},
		"any extended key usage":     {Usage: mtlstest.AnyUsage},
		"server authentication only": {Usage: mtlstest.ServerAuth},
	} {
		leaf.CommonName = "bad.example"
		f.bad[name] = must(ca.Issue(leaf))
	}
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(f.dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := func(pair *mtlstest.Pair) []byte {
		t.Helper()
		data, err := pair.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	f.caFile = write("ca.pem", ca.PEM())
	f.certFile = write("server.pem", f.server.PEM())
	f.keyFile = write("server.key", key(f.server))
	f.bundleFile = write("bundle.pem", append(f.server.PEM(), key(f.server)...))
	f.proxyCertFile = write("proxy.pem", f.proxy.PEM())
	f.proxyKeyFile = write("proxy.key", key(f.proxy))
	return f
}
