package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// fileName is {CN}_PublicKey_{ExpiryDDMMYY}.cer. The common name has no
// separator of paths, and does not begin with a dot.
var fileName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9.-]{0,63})_PublicKey_([0-9]{6})\.cer$`)

var commonName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$`)

// A FileName is what the name of a certificate file says.
type FileName struct {
	// CommonName is the CN of the subject.
	CommonName string
	// Expiry is the day on which the certificate expires, at 00:00 UTC.
	Expiry time.Time
}

// ErrFileName: a file name is not of the form {CN}_PublicKey_{ExpiryDDMMYY}.cer.
var ErrFileName error = invalid("the file name is not of the form {CN}_PublicKey_{ExpiryDDMMYY}.cer")

// FileNameError says that a well-formed file name is not the one of the
// certificate in the file.
type FileNameError struct {
	Name, Want string
}

func (e *FileNameError) Error() string {
	return fmt.Sprintf("mtls: the file is named %s, its certificate is %s", e.Name, e.Want)
}

// Refusal is the HTTP status and the stable code of the answer.
func (e *FileNameError) Refusal() (status int, code string) {
	return http.StatusBadRequest, "invalid_certificate"
}

// NameOf returns what the file of cert is to be named. The error is [ErrNoName]
// or [ErrNoDate].
func NameOf(cert *x509.Certificate) (FileName, error) {
	cn, ok := singleCommonName(cert)
	if !ok || !commonName.MatchString(cn) {
		return FileName{}, ErrNoName
	}
	expiry := cert.NotAfter.UTC()
	if expiry.Year() < 2000 || expiry.Year() > 2099 {
		return FileName{}, ErrNoDate
	}
	return FileName{cn, time.Date(expiry.Year(), expiry.Month(), expiry.Day(), 0, 0, 0, 0, time.UTC)}, nil
}

// ParseFileName reads the name of a file, without a folder. A two-digit year is
// one of this century. The error is [ErrFileName].
func ParseFileName(name string) (FileName, error) {
	m := fileName.FindStringSubmatch(name)
	if m == nil {
		return FileName{}, ErrFileName
	}
	expiry, err := time.Parse("02012006", m[2][:4]+"20"+m[2][4:])
	if err != nil {
		return FileName{}, ErrFileName
	}
	return FileName{m[1], expiry}, nil
}

// String returns the name of the file.
func (n FileName) String() string {
	return n.CommonName + "_PublicKey_" + n.Expiry.UTC().Format("020106") + ".cer"
}

// CheckFileName returns nil if a file of this name may hold cert: the common
// name and the day of expiry are the certificate's. The error is [ErrFileName],
// [ErrNoName], [ErrNoDate] or a *[FileNameError].
func CheckFileName(name string, cert *x509.Certificate) error {
	got, err := ParseFileName(name)
	if err != nil {
		return err
	}
	want, err := NameOf(cert)
	if err != nil {
		return err
	}
	if got != want {
		return &FileNameError{Name: got.String(), Want: want.String()}
	}
	return nil
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// singleCommonName returns the subject's CN, of which there must be one:
// crypto/x509 would return the last of several.
func singleCommonName(cert *x509.Certificate) (string, bool) {
	names, err := parseRDNs(cert.RawSubject)
	if err != nil {
		return "", false
	}
	cn, n := "", 0
	for _, rdn := range names {
		for _, a := range rdn {
			if a.oid == oidCommonName.String() {
				cn = a.value
				n++
			}
		}
	}
	return cn, n == 1
}

var errName = errors.New("mtls: not a distinguished name")
