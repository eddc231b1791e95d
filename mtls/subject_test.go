package mtls

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestSubject(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	id, err := url.Parse("urn:partner:1")
	if err != nil {
		t.Fatal(err)
	}
	leaf := mtlstest.Leaf{
		Subject:  pkix.Name{CommonName: "partner, inc.", Organization: []string{"Example + Sons"}, OrganizationalUnit: []string{"API"}, Country: []string{"AE"}, SerialNumber: "77"},
		DNSNames: []string{"api.partner.example", "*.wild.example"},
		URIs:     []*url.URL{id},
		IPs:      []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1")},
		Emails:   []string{"api@partner.example"},
	}
	good, err := f.ca.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	presented := Presented{Certificate: good.Certificate}
	roots, now := f.ca.Pool(), time.Now()

	for _, tt := range []struct {
		kind  SubjectKind
		value string
		want  error
	}{
		{SubjectDN, `serialNumber=77,CN=partner\, inc.,OU=API,O=Example \+ Sons,C=AE`, nil},
		{SubjectDN, `SERIALNUMBER=77, cn=partner\2c inc., ou=API, o=Example \2B Sons, c=AE`, nil},
		{SubjectDN, `2.5.4.5=77,2.5.4.3=partner\, inc.,OU=API,O=Example \+ Sons,OID.2.5.4.6=AE`, nil},
		{SubjectDNS, "api.partner.example", nil},
		{SubjectDNS, "API.partner.example", nil},
		{SubjectURI, "urn:partner:1", nil},
		{SubjectIP, "192.0.2.1", nil},
		{SubjectIP, "::ffff:192.0.2.1", nil},
		{SubjectIP, "2001:DB8:0::1", nil},
		{SubjectEmail, "api@partner.example", nil},

		{SubjectDN, `CN=partner\, inc.,OU=API,O=Example \+ Sons,C=AE`, ErrSubject},                      // a part of it
		{SubjectDN, `C=AE,O=Example \+ Sons,OU=API,CN=partner\, inc.,serialNumber=77`, ErrSubject},      // the other way round
		{SubjectDN, `serialNumber=77,CN=Partner\, inc.,OU=API,O=Example \+ Sons,C=AE`, ErrSubject},      // another case
		{SubjectDN, `serialNumber=77,CN=partner\, inc.,OU=API,O=Example \+ Sons,C=AE,DC=x`, ErrSubject}, // more
		{SubjectDN, `serialNumber=77+CN=partner\, inc.,OU=API,O=Example \+ Sons,C=AE`, ErrSubject},      // joined
		{SubjectDN, `serialNumber=77,O=partner\, inc.,OU=API,CN=Example \+ Sons,C=AE`, ErrSubject},      // types exchanged
		{SubjectDN, `CN=serialNumber\=77\,CN\=partner`, ErrSubject},                                     // written into one value
		{SubjectDNS, "partner.example", ErrSubject},
		{SubjectDNS, "a.wild.example", ErrSubject}, // a wildcard of the certificate is no name
		{SubjectDNS, "api@partner.example", ErrSubject},
		{SubjectURI, "urn:partner:10", ErrSubject},
		{SubjectIP, "192.0.2.2", ErrSubject},
		{SubjectEmail, "API@partner.example", ErrSubject},
		{SubjectEmail, "api@partner.example.evil", ErrSubject},
	} {
		s, err := NewSubject(tt.kind, tt.value)
		if err != nil {
			t.Errorf("%s %q: %v", tt.kind, tt.value, err)
			continue
		}
		if err := s.Check(presented, roots, now); !errors.Is(err, tt.want) {
			t.Errorf("%s %q: got %v, want %v", tt.kind, tt.value, err, tt.want)
		}
	}

	// The names are worth nothing in a certificate of anybody's making.
	own, err := NewSubject(SubjectDNS, "api.partner.example")
	if err != nil {
		t.Fatal(err)
	}
	leaf.SelfSigned = true
	forged, err := f.ca.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	leaf.SelfSigned = false
	foreign, err := f.otherCA.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	leaf.NotBefore, leaf.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour)
	expired, err := f.ca.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]*mtlstest.Pair{"self-signed": forged, "other CA": foreign, "expired": expired} {
		if err := own.Check(Presented{Certificate: pair.Certificate}, roots, now); !errors.Is(err, ErrIssuer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := own.Check(presented, nil, now); !errors.Is(err, ErrIssuer) {
		t.Errorf("without roots: %v", err)
	}
	if err := (Subject{}).Check(presented, roots, now); !errors.Is(err, ErrSubject) || !(Subject{}).IsZero() {
		t.Errorf("the zero Subject: %v", err)
	}
}

func TestNewSubjectRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind  SubjectKind
		value string
	}{
		{SubjectDN, ""}, {SubjectDN, "partner"}, {SubjectDN, "CN="}, {SubjectDN, "CN=a,"}, {SubjectDN, ",CN=a"}, {SubjectDN, "CN=a+"},
		{SubjectDN, `CN=a"b"`}, {SubjectDN, `CN="a"`}, {SubjectDN, "CN=#0401"}, {SubjectDN, `CN=a\`}, {SubjectDN, `CN=a\4`}, {SubjectDN, `CN=a\zz`},
		{SubjectDN, "NOPE=a"}, {SubjectDN, "1=a"}, {SubjectDN, "1.02=a"}, {SubjectDN, "1..2=a"}, {SubjectDN, "CN=a\x00b"}, {SubjectDN, `CN=\ff`}, {SubjectDN, "=a"},
		{SubjectDNS, ""}, {SubjectDNS, "*.example"}, {SubjectURI, "partner"}, {SubjectURI, "/partner"}, {SubjectIP, "010.0.0.1"}, {SubjectIP, "fe80::1%eth0"},
		{SubjectIP, "192.0.2.0/24"}, {SubjectEmail, "partner"}, {"", "a"}, {"tls_client_auth", "a"},
	} {
		if s, err := NewSubject(tt.kind, tt.value); err == nil || !s.IsZero() {
			t.Errorf("%s %q: %v, %v", tt.kind, tt.value, s, err)
		}
	}
	if _, err := SubjectFromMetadata(nil); err == nil {
		t.Error("no member")
	}
	if _, err := SubjectFromMetadata(map[SubjectKind]string{SubjectDNS: "a.example", SubjectEmail: "a@b.example"}); err == nil {
		t.Error("two members")
	}
	if _, err := SubjectFromMetadata(map[SubjectKind]string{SubjectDNS: "a.example", SubjectDN: ""}); err == nil {
		t.Error("two members, one empty")
	}
	if s, err := SubjectFromMetadata(map[SubjectKind]string{SubjectDNS: "a.example"}); err != nil || s.IsZero() {
		t.Errorf("one member: %v", err)
	}
}

// FuzzDN: a name that is read is read again the same way when it is written with
// every character of its values escaped.
func FuzzDN(f *testing.F) {
	for _, s := range []string{"CN=a,O=b,C=AE", `CN=a\, b+UID=1;O=\c3\a9`, "2.5.4.3=x", `CN=\ a\ `, "CN=a, O = b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		names, err := parseDN(s)
		if err != nil {
			return
		}
		var text string
		for i := len(names) - 1; i >= 0; i-- {
			if i < len(names)-1 {
				text += ","
			}
			for j, a := range names[i] {
				if j > 0 {
					text += "+"
				}
				text += a.oid + "="
				for _, c := range []byte(a.value) {
					text += fmt.Sprintf(`\%02x`, c)
				}
			}
		}
		again, err := parseDN(text)
		if err != nil || !equalRDNs(again, names) {
			t.Fatalf("%q is %v, but %q is %v, %v", s, names, text, again, err)
		}
	})
}

// FuzzSubjectDER: the subject of a certificate is whatever its maker wrote.
func FuzzSubjectDER(f *testing.F) {
	der, err := asn1.Marshal(pkix.Name{CommonName: "a", Country: []string{"AE"}}.ToRDNSequence())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		names, err := parseRDNs(der)
		if err == nil && !equalRDNs(names, names) {
			t.Fatal("a name is not itself")
		}
	})
}
