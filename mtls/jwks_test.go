package mtls

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// jwk makes a key of pair with the certificate of another, usually itself.
func jwk(t *testing.T, pair, certificate *mtlstest.Pair) map[string]any {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	key := map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(certificate.Certificate.Raw)}}
	switch public := pair.Certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		key["kty"], key["n"], key["e"] = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		key["kty"], key["crv"] = "EC", "P-256"
		key["x"], key["y"] = encode(point[1:33]), encode(point[33:])
	}
	return key
}

func jwks(t *testing.T, keys ...map[string]any) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	with := func(key map[string]any, name string, value any) map[string]any { key[name] = value; return key }
	got, err := ParseJWKS(jwks(t, jwk(t, f.selfSigned, f.selfSigned), map[string]any{"kty": "oct"}, jwk(t, f.partnerRSA, f.partnerRSA)))
	if err != nil || len(got) != 2 || !got[0].Equal(f.selfSigned.Certificate) || !got[1].Equal(f.partnerRSA.Certificate) {
		t.Fatalf("%d certificates, %v", len(got), err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"no JSON":                   {[]byte("keys"), ErrJWKS},
		"no keys":                   {[]byte(`{}`), ErrJWKS},
		"no certificates":           {jwks(t, map[string]any{"kty": "RSA"}), ErrJWKS},
		"another's certificate":     {jwks(t, jwk(t, f.selfSigned, f.partner)), ErrJWKS},
		"another's RSA certificate": {jwks(t, with(jwk(t, f.partnerRSA, f.partnerRSA), "n", "AQAB")), ErrJWKS},
		"another kind":              {jwks(t, jwk(t, f.selfSigned, f.partnerRSA)), ErrJWKS},
		"no key members":            {jwks(t, with(jwk(t, f.selfSigned, f.selfSigned), "x", "")), ErrJWKS},
		"another curve":             {jwks(t, with(jwk(t, f.selfSigned, f.selfSigned), "crv", "P-384")), ErrJWKS},
		"base64url certificate":     {jwks(t, with(jwk(t, f.selfSigned, f.selfSigned), "x5c", []string{"_-"})), ErrJWKS},
		"broken certificate":        {jwks(t, with(jwk(t, f.selfSigned, f.selfSigned), "x5c", []string{"AAAA"})), ErrJWKS},
		"good and bad":              {jwks(t, jwk(t, f.partner, f.partner), jwk(t, f.selfSigned, f.partner)), ErrJWKS},
		"private key":               {jwks(t, with(jwk(t, f.selfSigned, f.selfSigned), "d", "AQAB")), ErrPrivateKey},
		"too many":                  {[]byte(`{"keys":[` + strings.Repeat(`{},`, maxJWKS) + `{}]}`), ErrJWKS},
	} {
		if got, err := ParseJWKS(tt.data); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
}
