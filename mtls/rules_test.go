package mtls

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestRules(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	for name, good := range map[string]*mtlstest.Pair{"P-256": f.partner, "RSA 2048": f.partnerRSA, "self-signed": f.selfSigned} {
		if err := (Rules{}).Check(good.Certificate, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []mtlstest.Key{mtlstest.P384, mtlstest.P521} {
		pair, err := f.ca.Issue(mtlstest.Leaf{Key: key, Usage: mtlstest.BothAuth})
		if err != nil {
			t.Fatal(err)
		}
		if err := (Rules{}).Check(pair.Certificate, nil); err != nil {
			t.Errorf("curve of kind %d: %v", key, err)
		}
	}
	for name, bad := range f.bad {
		if err := (Rules{}).Check(bad.Certificate, nil); !errors.Is(err, bad.want) {
			t.Errorf("%s: got %v, want %v", name, err, bad.want)
		}
	}
	p224, err := f.ca.Issue(mtlstest.Leaf{Key: mtlstest.P224})
	if err != nil {
		t.Fatal(err)
	}
	if err := (Rules{}).Check(p224.Certificate, nil); !errors.Is(err, ErrKey) {
		t.Errorf("P-224: %v", err)
	}
	exponent := *f.partnerRSA.Certificate
	exponent.PublicKey = weakExponent(exponent.PublicKey.(*rsa.PublicKey))
	if err := (Rules{}).Check(&exponent, nil); !errors.Is(err, ErrKey) {
		t.Errorf("RSA with exponent 3: %v", err)
	}
}

func TestRulesRSAOnly(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	rules := Rules{RSAOnly: true}
	if err := rules.Check(f.partnerRSA.Certificate, nil); err != nil {
		t.Error(err)
	}
	if err := rules.Check(f.partner.Certificate, nil); !errors.Is(err, ErrKey) {
		t.Errorf("P-256: %v", err)
	}
}

func TestRulesRoots(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	rules := Rules{Roots: f.ca.Pool()}
	if err := rules.Check(f.partner.Certificate, nil); err != nil {
		t.Error(err)
	}
	foreign, err := f.otherCA.Issue(mtlstest.Leaf{CommonName: "partner.example"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]*mtlstest.Pair{"other CA": foreign, "self-signed": f.selfSigned} {
		if err := rules.Check(pair.Certificate, nil); !errors.Is(err, ErrIssuer) {
			t.Errorf("%s: %v", name, err)
		}
		// The other authority as an intermediate makes no root of it.
		if err := rules.Check(pair.Certificate, []*x509.Certificate{f.otherCA.Certificate}); !errors.Is(err, ErrIssuer) {
			t.Errorf("%s with its issuer: %v", name, err)
		}
	}
	if err := (Rules{Roots: x509.NewCertPool()}).Check(f.partner.Certificate, nil); !errors.Is(err, ErrIssuer) {
		t.Errorf("no roots: %v", err)
	}
}

func TestRulesClock(t *testing.T) {
	t.Parallel()
	cert := pairs(t).partner.Certificate
	for _, tt := range []struct {
		name string
		now  time.Time
		want error
	}{
		{"first second", cert.NotBefore, nil},
		{"before it", cert.NotBefore.Add(-time.Second), ErrNotYetValid},
		{"last second", cert.NotAfter, nil},
		{"after it", cert.NotAfter.Add(time.Second), ErrExpired},
	} {
		rules := Rules{Now: func() time.Time { return tt.now }}
		if err := rules.Check(cert, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}
