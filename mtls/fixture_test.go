package mtls

import (
	"context"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// fixture is made once: certificates are immutable, and RSA keys take time.
type fixture struct {
	ca, otherCA *mtlstest.CA
	server      *mtlstest.Pair
	partner     *mtlstest.Pair // good, P-256
	partnerRSA  *mtlstest.Pair // good, RSA-2048
	selfSigned  *mtlstest.Pair // good
	stranger    *mtlstest.Pair // good, never registered
	bad         map[string]badLeaf
}

type badLeaf struct {
	*mtlstest.Pair
	want error
}

var testPairs = sync.OnceValues(func() (*fixture, error) {
	f := &fixture{bad: map[string]badLeaf{}}
	var err error
	must := func(p *mtlstest.Pair, e error) *mtlstest.Pair {
		if e != nil {
			err = e
		}
		return p
	}
	if f.ca, err = mtlstest.NewCA("test CA"); err != nil {
		return nil, err
	}
	if f.otherCA, err = mtlstest.NewCA("other CA"); err != nil {
		return nil, err
	}
	f.server = must(f.ca.IssueServer("localhost", "127.0.0.1", "login.example", "api.example"))
	f.partner = must(f.ca.Issue(mtlstest.Leaf{CommonName: "partner.example"}))
	f.partnerRSA = must(f.ca.Issue(mtlstest.Leaf{CommonName: "partner.example", Key: mtlstest.RSA2048}))
	f.selfSigned = must(f.ca.Issue(mtlstest.Leaf{CommonName: "self.example", SelfSigned: true}))
	f.stranger = must(f.ca.Issue(mtlstest.Leaf{CommonName: "stranger.example"}))
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	for name, leaf := range map[string]struct {
		leaf mtlstest.Leaf
		want error
	}{
		"expired":                    {mtlstest.Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Minute)}, ErrExpired},
		"expired, self-signed":       {mtlstest.Leaf{SelfSigned: true, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Minute)}, ErrExpired},
		"not yet valid":              {mtlstest.Leaf{NotBefore: time.Now().Add(time.Hour)}, ErrNotYetValid},
		"RSA 1024":                   {mtlstest.Leaf{Key: mtlstest.RSA1024}, ErrKey},
		"Ed25519":                    {mtlstest.Leaf{Key: mtlstest.Ed25519}, ErrKey},
		"no extended key usage":      {mtlstest.Leaf{Usage: mtlstest.NoUsage}, ErrUsage},
		"any extended key usage":     {mtlstest.Leaf{Usage: mtlstest.AnyUsage}, ErrUsage},
		"server authentication only": {mtlstest.Leaf{Usage: mtlstest.ServerAuth}, ErrUsage},
		"key usage without signing":  {mtlstest.Leaf{KeyUsage: 1 << 2}, ErrUsage},
		"unknown critical extension": {mtlstest.Leaf{ExtraExtensions: []pkix.Extension{unknown}}, ErrExtension},
	} {
		leaf.leaf.CommonName = "bad.example"
		f.bad[name] = badLeaf{must(f.ca.Issue(leaf.leaf)), leaf.want}
	}
	return f, err
})

func pairs(t testing.TB) *fixture {
	t.Helper()
	f, err := testPairs()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// registry is one that changes while it is asked.
type registry struct {
	mu      sync.Mutex
	clients map[Thumbprint]string
	revoked map[Thumbprint]bool
	broken  error
	asked   int
}

func (r *registry) lookup(ctx context.Context, p Presented) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case r.broken != nil:
		return "", r.broken
	case r.revoked[p.Thumbprint]:
		return "", ErrRevoked
	case r.clients[p.Thumbprint] == "":
		return "", ErrNotRegistered
	}
	return r.clients[p.Thumbprint], nil
}

func (r *registry) revoke(p *mtlstest.Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoked[ThumbprintOf(p.Certificate)] = true
}

func (r *registry) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

// newRegistry registers everything but the stranger, the bad ones too: only the
// rules stand between them and the handler.
func newRegistry(f *fixture) *registry {
	r := &registry{clients: map[Thumbprint]string{}, revoked: map[Thumbprint]bool{}}
	r.clients[ThumbprintOf(f.partner.Certificate)] = "partner"
	r.clients[ThumbprintOf(f.partnerRSA.Certificate)] = "partner" // two certificates that overlap
	r.clients[ThumbprintOf(f.selfSigned.Certificate)] = "self"
	for _, bad := range f.bad {
		r.clients[ThumbprintOf(bad.Certificate)] = "bad"
	}
	return r
}

// weakExponent is a public key that only the exponent spoils.
func weakExponent(key *rsa.PublicKey) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Set(key.N), E: 3}
}
