package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// selfSigned returns a certificate of the key.
func selfSigned(t testing.TB, k *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func jwkJSON(t testing.TB, key gojose.JSONWebKey) []byte {
	t.Helper()
	data, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	raw := rawKey(clientKey())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&raw.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1, public1 := x509.MarshalPKCS1PrivateKey(raw), x509.MarshalPKCS1PublicKey(&raw.PublicKey)
	cert := selfSigned(t, raw)
	thumbprint := clientKey().Public().Thumbprint()

	for name, tt := range map[string]struct {
		data []byte
		kid  string
	}{
		"PKCS #8 PEM":          {pemOf("PRIVATE KEY", pkcs8), thumbprint},
		"PKCS #1 PEM":          {pemOf("RSA PRIVATE KEY", pkcs1), thumbprint},
		"PKCS #8 DER":          {pkcs8, thumbprint},
		"PKCS #1 DER":          {pkcs1, thumbprint},
		"PEM with certificate": {append(pemOf("CERTIFICATE", cert.Raw), pemOf("PRIVATE KEY", pkcs8)...), thumbprint},
		"JWK":                  {jwkJSON(t, gojose.JSONWebKey{Key: raw, KeyID: "k"}), "k"},
		"JWK without kid":      {jwkJSON(t, gojose.JSONWebKey{Key: raw}), thumbprint},
	} {
		keys, err := ParsePrivateKeys(tt.data)
		if err != nil || len(keys) != 1 || keys[0].KeyID() != tt.kid || !keys[0].Public().Equal(clientKey().Public()) {
			t.Errorf("private %s: %v %v", name, keys, err)
		}
		if _, err := ParsePublicKeys(tt.data); err == nil {
			t.Errorf("%s: a private key passed for a public one", name)
		}
	}
	for name, tt := range map[string]struct {
		data []byte
		kid  string
	}{
		"PKIX PEM":        {pemOf("PUBLIC KEY", pkix), thumbprint},
		"PKCS #1 PEM":     {pemOf("RSA PUBLIC KEY", public1), thumbprint},
		"certificate PEM": {pemOf("CERTIFICATE", cert.Raw), thumbprint},
		"certificate DER": {cert.Raw, thumbprint},
		"PKIX DER":        {pkix, thumbprint},
		"JWK":             {jwkJSON(t, gojose.JSONWebKey{Key: &raw.PublicKey, KeyID: "k"}), "k"},
	} {
		set, err := ParsePublicKeys(tt.data)
		if err != nil || len(set.Verifying()) != 1 || len(set.Encrypting()) != 1 || set.Verifying()[0].KeyID() != tt.kid {
			t.Errorf("public %s: %v", name, err)
		}
		if _, err := ParsePrivateKeys(tt.data); err == nil {
			t.Errorf("%s: a public key passed for a private one", name)
		}
	}
	fromCert, err := PublicKeyFromCertificate("", cert)
	if err != nil || !fromCert.named(fromCert.x5tS256) || fromCert.named("") {
		t.Errorf("certificate: %v", err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, _ := x509.MarshalPKCS8PrivateKey(ec)
	ecPublic, _ := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"text":            []byte("hello"),
		"PEM of nothing":  []byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
		"broken PEM":      []byte("-----BEGIN PRIVATE KEY-----\nAAAA"),
		"EC PEM":          pemOf("PRIVATE KEY", ecDER),
		"EC public PEM":   pemOf("PUBLIC KEY", ecPublic),
		"encrypted":       pemOf("ENCRYPTED PRIVATE KEY", []byte{1}),
		"encrypted, old":  []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
		"another PEM":     pemOf("CERTIFICATE REQUEST", []byte{1}),
		"RSA-1024":        pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)),
		"RSA-1024 public": pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&small.PublicKey)),
		"RSA-1024 JWK":    jwkJSON(t, gojose.JSONWebKey{Key: &small.PublicKey}),
		"EC JWK":          jwkJSON(t, gojose.JSONWebKey{Key: ec}),
		"oct JWK":         []byte(`{"kty":"oct","k":"AAAA"}`),
		"no JWK":          []byte(`{"a":1}`),
		"empty JWKS":      []byte(`{"keys":[]}`),
		"JWKS of text":    []byte(`{"keys":["x"]}`),
		"keys no array":   []byte(`{"keys":{}}`),
		"keys twice":      []byte(`{"keys":[],"keys":[]}`),
		"trailing":        append(jwkJSON(t, gojose.JSONWebKey{Key: &small.PublicKey}), '{'),
		"too many keys":   []byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, maxSetKeys+1), ",") + `]}`),
	} {
		if keys, err := ParsePrivateKeys(data); err == nil {
			t.Errorf("private %s: %v", name, keys)
		} else if strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: the error shows the data: %v", name, err)
		}
		if _, err := ParsePublicKeys(data); err == nil {
			t.Errorf("public %s: accepted", name)
		}
	}
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	n := func(k *PrivateKey) string { // the public members of a JWK
		return strings.Trim(string(jwkJSON(t, gojose.JSONWebKey{Key: k.Public().RSA()})), "{}")
	}
	a, b := n(clientKey()), n(strangerKey())
	const ec = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	for name, tt := range map[string]struct {
		doc             string
		verify, encrypt int // -1: refused
	}{
		"no use":                     {`{"keys":[{` + a + `}]}`, 1, 1},
		"sig":                        {`{"keys":[{` + a + `,"use":"sig"}]}`, 1, 0},
		"enc":                        {`{"keys":[{` + a + `,"use":"enc"}]}`, 0, 1},
		"alg says sig":               {`{"keys":[{` + a + `,"alg":"RS256"}]}`, 1, 0},
		"alg says enc":               {`{"keys":[{` + a + `,"alg":"RSA-OAEP-256"}]}`, 0, 1},
		"key_ops say sig":            {`{"keys":[{` + a + `,"key_ops":["verify"]}]}`, 1, 0},
		"key_ops say both":           {`{"keys":[{` + a + `,"key_ops":["verify","wrapKey"]}]}`, 1, 1},
		"one kid for two uses":       {`{"keys":[{` + a + `,"use":"sig","kid":"k"},{` + b + `,"use":"enc","kid":"k"}]}`, 1, 1},
		"others beside it":           {`{"keys":[` + ec + `,{"kty":"new"},{` + b + `,"alg":"PS256"},{` + a + `}]}`, 1, 1},
		"use for something else":     {`{"keys":[{` + b + `,"use":"tls"},{` + a + `}]}`, 1, 1},
		"unknown members":            {`{"keys":[{` + a + `,"ext":true}],"issuer":"x"}`, 1, 1},
		"use and alg contradict":     {`{"keys":[{` + a + `,"use":"enc","alg":"RS256"}]}`, -1, 0},
		"use and key_ops contradict": {`{"keys":[{` + a + `,"use":"enc","key_ops":["verify"]}]}`, -1, 0},
		"key_ops of neither":         {`{"keys":[{` + a + `,"key_ops":["deriveKey"]}]}`, -1, 0},
		"one kid for two keys":       {`{"keys":[{` + a + `,"kid":"k"},{` + b + `,"kid":"k"}]}`, -1, 0},
		"only others":                {`{"keys":[` + ec + `]}`, -1, 0},
		"a symmetric key":            {`{"keys":[{` + a + `},{"kty":"oct","k":"AAAA"}]}`, -1, 0},
		"a private EC key":           {`{"keys":[{` + a + `},{"kty":"EC","d":"AAAA"}]}`, -1, 0},
		"a member twice":             {`{"keys":[{` + a + `,"use":"sig","use":"enc"}]}`, -1, 0},
		"a member in two cases":      {`{"keys":[{` + a + `,"use":"sig","USE":"enc"}]}`, -1, 0},
		"no modulus":                 {`{"keys":[{"kty":"RSA","e":"AQAB"}]}`, -1, 0},
		"exponent 3":                 {`{"keys":[{` + strings.Replace(a, `"e":"AQAB"`, `"e":"Aw"`, 1) + `}]}`, -1, 0},
		"modulus no base64url":       {`{"keys":[{"kty":"RSA","e":"AQAB","n":"+/+/"}]}`, -1, 0},
		"kid no string":              {`{"keys":[{` + a + `,"kid":1}]}`, -1, 0},
		"x5c of another key":         {`{"keys":[{` + a + `,"x5c":["AAAA"]}]}`, -1, 0},
	} {
		set, err := ParseJWKS([]byte(tt.doc))
		if (err != nil) != (tt.verify < 0) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil && (len(set.Verifying()) != tt.verify || len(set.Encrypting()) != tt.encrypt) {
			t.Errorf("%s: %d verify, %d encrypt", name, len(set.Verifying()), len(set.Encrypting()))
		}
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private := write("key.pem", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rawKey(clientKey()))))
	public := write("bank.jwks", testKeyring(t).JWKS())
	large := write("large", make([]byte, maxKeyFile+1))
	if keys, err := ReadPrivateKeys(private); err != nil || len(keys) != 1 {
		t.Errorf("%v %v", keys, err)
	}
	set, err := ReadPublicKeys(public)
	if err != nil || len(set.Verifying()) != 1 || len(set.Encrypting()) != 1 ||
		set.Verifying()[0].KeyID() != "bank-sig" || set.Encrypting()[0].KeyID() != "bank-enc" {
		t.Errorf("%+v %v", set, err)
	}
	for _, path := range []string{large, filepath.Join(dir, "absent"), dir} {
		if _, err := ReadPrivateKeys(path); err == nil {
			t.Errorf("%s: read", filepath.Base(path))
		}
		if _, err := ReadPublicKeys(path); err == nil {
			t.Errorf("%s: read", filepath.Base(path))
		}
	}
}

// TestKeysDoNotPrint: no verb and no encoder shows a private key.
func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	k := clientKey()
	d := rawKey(k).D.String()
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "key", k)
	encoded, _ := json.Marshal(map[string]any{"key": k})
	for _, text := range []string{
		fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %d %x", k, k, k, k, k, k), fmt.Sprintf("%+v", *k),
		fmt.Sprintf("%+v", Keys{Signing: []*PrivateKey{k}}), logged.String(), string(encoded),
	} {
		if strings.Contains(text, d) || strings.Contains(text, rawKey(k).D.Text(16)) || len(text) > 1000 {
			t.Errorf("%.200s", text)
		}
	}
}
