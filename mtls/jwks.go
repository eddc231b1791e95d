package mtls

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// maxJWKS is how many keys of a set are read.
const maxJWKS = 16

// ParseJWKS returns the certificates that a client of the method
// self_signed_tls_client_auth registers in its key set: the first of each key's
// x5c, which must hold that same key. Keys without x5c are passed over; a set
// without any is an error. The certificates are not judged yet; use
// [Rules.Check].
//
// https://www.rfc-editor.org/rfc/rfc8705#section-2.2.2
func ParseJWKS(data []byte) ([]*x509.Certificate, error) {
	var set struct {
		Keys []struct {
			Kty string   `json:"kty"`
			N   string   `json:"n"`
			E   string   `json:"e"`
			Crv string   `json:"crv"`
			X   string   `json:"x"`
			Y   string   `json:"y"`
			D   string   `json:"d"`
			X5c []string `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) > maxJWKS {
		return nil, ErrJWKS
	}
	var out []*x509.Certificate
	for _, key := range set.Keys {
		if key.D != "" {
			return nil, ErrPrivateKey
		}
		if len(key.X5c) == 0 {
			continue
		}
		der, err := base64.StdEncoding.Strict().DecodeString(key.X5c[0]) // not base64url; RFC 7517, section 4.7
		if err != nil {
			return nil, ErrJWKS
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, ErrJWKS
		}
		var same bool
		switch public := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			same = key.Kty == "RSA" && sameNumber(key.N, public.N) && sameNumber(key.E, big.NewInt(int64(public.E)))
		case *ecdsa.PublicKey:
			same = key.Kty == "EC" && key.Crv == public.Curve.Params().Name && samePoint(key.X, key.Y, public)
		}
		if !same {
			return nil, ErrJWKS
		}
		out = append(out, cert)
	}
	if len(out) == 0 {
		return nil, ErrJWKS
	}
	return out, nil
}

func sameNumber(encoded string, n *big.Int) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	return err == nil && len(b) > 0 && new(big.Int).SetBytes(b).Cmp(n) == 0
}

// samePoint compares the coordinates with the uncompressed point of key.
func samePoint(x, y string, key *ecdsa.PublicKey) bool {
	point, err := key.Bytes()
	if err != nil || len(point)%2 == 0 {
		return false
	}
	half := len(point) / 2
	return sameNumber(x, new(big.Int).SetBytes(point[1:1+half])) && sameNumber(y, new(big.Int).SetBytes(point[1+half:]))
}
