package mtls

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A SubjectKind is the member of a client's metadata that holds the subject its
// certificate must have.
//
// https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2
type SubjectKind string

// The kinds of subject, by the names of the client metadata.
const (
	SubjectDN    SubjectKind = "tls_client_auth_subject_dn"
	SubjectDNS   SubjectKind = "tls_client_auth_san_dns"
	SubjectURI   SubjectKind = "tls_client_auth_san_uri"
	SubjectIP    SubjectKind = "tls_client_auth_san_ip"
	SubjectEmail SubjectKind = "tls_client_auth_san_email"
)

// A Subject is how a client of the method tls_client_auth is recognised: not by
// its certificate but by one name in a certificate from a trusted issuer. It is
// immutable; the zero Subject matches nothing.
type Subject struct {
	kind SubjectKind
	text string
	dn   []rdn
	ip   netip.Addr
}

// NewSubject makes a subject. A distinguished name is text as in RFC 4514, such
// as "CN=partner,O=Example,C=AE"; its names are compared parsed, each exactly,
// in order.
func NewSubject(kind SubjectKind, value string) (Subject, error) {
	s := Subject{kind: kind, text: value}
	if value == "" {
		return Subject{}, errors.New("mtls: " + string(kind) + ": empty")
	}
	switch kind {
	case SubjectDN:
		dn, err := parseDN(value)
		if err != nil {
			return Subject{}, errors.New("mtls: " + string(kind) + ": not a distinguished name")
		}
		s.dn = dn
	case SubjectDNS:
		if strings.Contains(value, "*") {
			return Subject{}, errors.New("mtls: " + string(kind) + ": wildcards are not names")
		}
	case SubjectURI:
		if u, err := url.Parse(value); err != nil || !u.IsAbs() {
			return Subject{}, errors.New("mtls: " + string(kind) + ": not an absolute URI")
		}
	case SubjectIP:
		addr, err := netip.ParseAddr(value)
		if err != nil || addr.Zone() != "" {
			return Subject{}, errors.New("mtls: " + string(kind) + ": not an IP address")
		}
		s.ip = addr.Unmap()
	case SubjectEmail:
		if !strings.Contains(value, "@") {
			return Subject{}, errors.New("mtls: " + string(kind) + ": not an email address")
		}
	default:
		return Subject{}, errors.New("mtls: unknown kind of subject")
	}
	return s, nil
}

// SubjectFromMetadata makes a subject from a client's metadata, of which exactly
// one of the five members must be there.
func SubjectFromMetadata(members map[SubjectKind]string) (Subject, error) {
	var kind SubjectKind
	for _, k := range []SubjectKind{SubjectDN, SubjectDNS, SubjectURI, SubjectIP, SubjectEmail} {
		if _, ok := members[k]; !ok {
			continue
		}
		if kind != "" {
			return Subject{}, errors.New("mtls: " + string(kind) + " and " + string(k) + ": only one may be given")
		}
		kind = k
	}
	if kind == "" {
		return Subject{}, errors.New("mtls: " + string(SubjectDN) + ": no subject is given")
	}
	return NewSubject(kind, members[kind])
}

// IsZero tells whether s was never set.
func (s Subject) IsZero() bool { return s.kind == "" }

// Check returns nil if presented has this subject and comes from one of roots.
// Without roots it is [ErrIssuer]: anybody can write any name into a certificate
// of their own. Another subject is [ErrSubject].
func (s Subject) Check(presented Presented, roots *x509.CertPool, now time.Time) error {
	if err := verifyChain(presented.Certificate, presented.Intermediates, roots, now); err != nil {
		return err
	}
	if !s.in(presented.Certificate) {
		return ErrSubject
	}
	return nil
}

func (s Subject) in(cert *x509.Certificate) bool {
	switch s.kind {
	case SubjectDN:
		dn, err := parseRDNs(cert.RawSubject)
		return err == nil && equalRDNs(dn, s.dn)
	case SubjectDNS:
		return slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.EqualFold(name, s.text) })
	case SubjectURI:
		return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == s.text })
	case SubjectIP:
		for _, ip := range cert.IPAddresses {
			if addr, ok := netip.AddrFromSlice(ip); ok && addr.Unmap() == s.ip {
				return true
			}
		}
	case SubjectEmail:
		return slices.Contains(cert.EmailAddresses, s.text)
	}
	return false
}
