package mtls

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func TestImport(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	cert := f.partner.Certificate
	text := f.partner.PEM()
	key, err := f.partner.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	keyBlock, _ := pem.Decode(key)
	rsaKey, err := f.partnerRSA.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, headers map[string]string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der})
	}
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"PEM", text, nil},
		{"DER", cert.Raw, nil},
		{"PEM with text around", []byte("subject=CN = partner\n" + string(text) + "\ntrailing\n"), nil},
		{"PEM with CRLF", bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), nil},

		{"nothing", nil, ErrNotCertificate},
		{"text", []byte("partner"), ErrNotCertificate},
		{"two certificates", append(bytes.Clone(text), f.stranger.PEM()...), ErrNotCertificate},
		{"the same twice", append(bytes.Clone(text), text...), ErrNotCertificate},
		{"DER with a trailing byte", append(bytes.Clone(cert.Raw), 0), ErrNotCertificate},
		{"two DER", append(bytes.Clone(cert.Raw), cert.Raw...), ErrNotCertificate},
		{"cut DER", cert.Raw[:len(cert.Raw)-1], ErrNotCertificate},
		{"cut PEM", text[:len(text)-10], ErrNotCertificate},
		{"broken block after a good one", append(bytes.Clone(text), "-----BEGIN CERTIFICATE-----\n!"...), ErrNotCertificate},
		{"trusted certificate", block("TRUSTED CERTIFICATE", nil, cert.Raw), ErrNotCertificate},
		{"request", block("CERTIFICATE REQUEST", nil, cert.Raw), ErrNotCertificate},
		{"public key", block("PUBLIC KEY", nil, cert.RawSubjectPublicKeyInfo), ErrNotCertificate},
		{"headers", block("CERTIFICATE", map[string]string{"A": "b"}, cert.Raw), ErrNotCertificate},
		{"junk in a block", block("CERTIFICATE", nil, []byte("junk")), ErrNotCertificate},
		{"too large", append(bytes.Clone(text), make([]byte, maxImport)...), ErrNotCertificate},

		{"private key", key, ErrPrivateKey},
		{"RSA private key", rsaKey, ErrPrivateKey},
		{"private key after the certificate", append(bytes.Clone(text), key...), ErrPrivateKey},
		{"private key before the certificate", append(bytes.Clone(key), text...), ErrPrivateKey},
		{"broken private key after the certificate", append(bytes.Clone(text), "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"...), ErrPrivateKey},
		{"encrypted private key", block("ENCRYPTED PRIVATE KEY", nil, []byte("x")), ErrPrivateKey},
		{"old private key", block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"}, []byte("x")), ErrPrivateKey},
		{"private key in DER", keyBlock.Bytes, ErrPrivateKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Import(tt.data, Rules{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if (err == nil) != (got != nil) || got != nil && !got.Equal(cert) {
				t.Fatalf("certificate %v", got)
			}
		})
	}
	for name, bad := range f.bad {
		_, err := Import(bad.PEM(), Rules{})
		var rule *RuleError
		if !errors.Is(err, bad.want) || !errors.As(err, &rule) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if status, code := rule.Refusal(); status != http.StatusBadRequest || code != "invalid_certificate" {
			t.Errorf("%s: refused with %d %s", name, status, code)
		}
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	issue := func(leaf mtlstest.Leaf) *x509.Certificate {
		pair, err := f.ca.Issue(leaf)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Certificate
	}
	day := func(y int, m time.Month, d, h int, zone *time.Location) time.Time {
		return time.Date(y, m, d, h, 30, 0, 0, zone)
	}
	dubai := time.FixedZone("", 4*3600)

	cert := issue(mtlstest.Leaf{CommonName: "api.partner-1.example", NotAfter: day(2031, time.February, 9, 12, time.UTC)})
	const name = "api.partner-1.example_PublicKey_090231.cer"
	got, err := NameOf(cert)
	if err != nil || got.String() != name {
		t.Fatalf("%v, %v", got, err)
	}
	if back, err := ParseFileName(name); err != nil || back != got {
		t.Fatalf("%v, %v", back, err)
	}
	if err := CheckFileName(name, cert); err != nil {
		t.Fatal(err)
	}
	// The day is that of UTC: half past midnight in the Gulf is the day before.
	early := issue(mtlstest.Leaf{CommonName: "a", NotAfter: day(2031, time.March, 1, 0, dubai)})
	if err := CheckFileName("a_PublicKey_280231.cer", early); err != nil {
		t.Error(err)
	}
	if n, err := ParseFileName("a_PublicKey_010199.cer"); err != nil || n.Expiry.Year() != 2099 {
		t.Errorf("a year is not one of this century: %v, %v", n, err)
	}

	for _, bad := range []string{
		"", "_PublicKey_090231.cer", "api_PublicKey_090231", "api_PublicKey_090231.crt", "api_PublicKey_090231.cer.exe",
		"api_publickey_090231.cer", "api_PublicKey_90231.cer", "api_PublicKey_0902031.cer", "api_PublicKey_09022031.cer",
		"api_PublicKey_310231.cer", "api_PublicKey_000131.cer", "api_PublicKey_011331.cer", "api_PublicKey_0902-1.cer",
		"../api_PublicKey_090231.cer", "..\\api_PublicKey_090231.cer", "/etc/api_PublicKey_090231.cer", ".api_PublicKey_090231.cer",
		"-api_PublicKey_090231.cer", "a b_PublicKey_090231.cer", "a_b_PublicKey_090231.cer", "api_PublicKey_090231.cer\n",
		"api_PublicKey_090231.cer\x00", "api\x00_PublicKey_090231.cer", "\u0430pi_PublicKey_090231.cer", "api_PublicKey_\uff1090231.cer",
		"*.example_PublicKey_090231.cer", strings.Repeat("a", 65) + "_PublicKey_090231.cer",
	} {
		if n, err := ParseFileName(bad); !errors.Is(err, ErrFileName) {
			t.Errorf("%q was read as %v, %v", bad, n, err)
		}
		if err := CheckFileName(bad, cert); !errors.Is(err, ErrFileName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, wrong := range []string{
		"api.partner-2.example_PublicKey_090231.cer", "API.partner-1.example_PublicKey_090231.cer",
		"api.partner-1.example_PublicKey_100231.cer", "api.partner-1.example_PublicKey_090232.cer", "api.partner-1.example_PublicKey_020931.cer",
	} {
		var e *FileNameError
		if err := CheckFileName(wrong, cert); !errors.As(err, &e) || e.Name != wrong || e.Want != name {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for what, tt := range map[string]struct {
		cert *x509.Certificate
		want error
	}{
		"no common name":      {issue(mtlstest.Leaf{DNSNames: []string{"a.example"}}), ErrNoName},
		"space":               {issue(mtlstest.Leaf{CommonName: "Partner Bank"}), ErrNoName},
		"path":                {issue(mtlstest.Leaf{CommonName: "../../etc"}), ErrNoName},
		"long":                {issue(mtlstest.Leaf{CommonName: strings.Repeat("a", 65)}), ErrNoName},
		"newline at the end":  {issue(mtlstest.Leaf{CommonName: "partner\n"}), ErrNoName},
		"two common names":    {issue(mtlstest.Leaf{Subject: pkix.Name{CommonName: "a", ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: "a"}, {Type: oidCommonName, Value: "b"}}}}), ErrNoName},
		"in the next century": {issue(mtlstest.Leaf{CommonName: "a", NotAfter: day(2131, time.January, 1, 0, time.UTC)}), ErrNoDate},
		"in the last century": {issue(mtlstest.Leaf{CommonName: "a", NotBefore: day(1998, 1, 1, 0, time.UTC), NotAfter: day(1999, time.January, 1, 0, time.UTC)}), ErrNoDate},
	} {
		if n, err := NameOf(tt.cert); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v", what, n, err)
		}
		if err := CheckFileName("a_PublicKey_010131.cer", tt.cert); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestExpiryReport(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	now := time.Now()
	issue := func(days int) *x509.Certificate {
		pair, err := f.ca.Issue(mtlstest.Leaf{CommonName: "a", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, days)})
		if err != nil {
			t.Fatal(err)
		}
		return pair.Certificate
	}
	report := ExpiryReport(map[string][]*x509.Certificate{
		"well":    {issue(200)},
		"renewed": {issue(5), issue(300)},
		"late":    {issue(-1), issue(10)},
		"none":    nil,
	}, now, 30*24*time.Hour)
	type line struct {
		client        string
		days          int
		expired, sole bool
	}
	var got []line
	for _, e := range report {
		got = append(got, line{e.Client, int((e.Left + 12*time.Hour) / (24 * time.Hour)), e.Expired(), e.Sole})
		if e.Thumbprint.IsZero() || e.CommonName != "a" || e.NotAfter.Location() != time.UTC {
			t.Errorf("%+v", e)
		}
	}
	want := []line{{"late", 0, true, true}, {"renewed", 5, false, false}, {"late", 10, false, true}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: got %v, want %v", i, got[i], want[i])
		}
	}
}
