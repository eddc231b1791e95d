package jose

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKeyFile bounds a key file, in bytes.
const maxKeyFile = 1 << 20

var errNoKey = errors.New("jose: no key in the data")

// ReadPrivateKeys reads a file of at most 1 MiB with [ParsePrivateKeys].
func ReadPrivateKeys(name string) ([]*PrivateKey, error) {
	data, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return ParsePrivateKeys(data)
}

// ReadPublicKeys reads a file of at most 1 MiB with [ParsePublicKeys].
func ReadPublicKeys(name string) (*PublicKeys, error) {
	data, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	return ParsePublicKeys(data)
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("jose: key file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("jose: key file: %w", err)
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("jose: key file is over %d bytes", maxKeyFile)
	}
	return data, nil
}

// ParsePrivateKeys reads private RSA keys from PEM (PKCS #8 or PKCS #1, any
// number of blocks, certificates beside them passed over), DER (either), a JWK
// or a JWK Set; which one it is shows in the data. Keys from PEM and DER get
// their RFC 7638 thumbprint as kid. Encrypted PEM is refused: decrypt it first.
// No error contains anything of the data.
func ParsePrivateKeys(data []byte) ([]*PrivateKey, error) {
	switch kindOf(data) {
	case kindJSON:
		return privateFromJSON(data)
	case kindPEM:
		return privateFromPEM(data)
	default:
		key, err := privateFromDER("", data)
		if err != nil {
			return nil, err
		}
		return []*PrivateKey{key}, nil
	}
}

// ParsePublicKeys reads public RSA keys from PEM (certificates, PKIX or PKCS #1
// public keys), DER (one certificate or PKIX key), a JWK or a JWK Set. Keys
// from PEM and DER get their RFC 7638 thumbprint as kid, and may be used for
// both. Data with a private key in it is refused: it is in the wrong place.
func ParsePublicKeys(data []byte) (*PublicKeys, error) {
	switch kindOf(data) {
	case kindJSON:
		return ParseJWKS(data)
	case kindPEM:
		return publicFromPEM(data)
	default:
		key, err := publicFromDER("CERTIFICATE", data)
		if err != nil {
			key, err = publicFromDER("PUBLIC KEY", data)
		}
		if err != nil {
			return nil, err
		}
		return NewPublicKeys(key)
	}
}

type keyKind int

const (
	kindDER keyKind = iota
	kindPEM
	kindJSON
)

func kindOf(data []byte) keyKind {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		return kindJSON
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return kindPEM
	default:
		return kindDER
	}
}

func privateFromJSON(data []byte) ([]*PrivateKey, error) {
	entries, err := parseSet(data)
	if err != nil {
		return nil, err
	}
	var keys []*PrivateKey
	for i, e := range entries {
		key, err := e.private()
		switch {
		case err != nil:
			return nil, fmt.Errorf("jose: keys[%d]: %w", i, err)
		case key != nil:
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKey
	}
	return keys, nil
}

func privateFromPEM(data []byte) ([]*PrivateKey, error) {
	var keys []*PrivateKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			continue
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("jose: the private key is encrypted; decrypt it first")
		}
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("jose: the private key is encrypted; decrypt it first")
		}
		key, err := privateFromDER(block.Type, block.Bytes)
		clear(block.Bytes)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errNoKey
	}
	return keys, nil
}

// privateFromDER reads the form that a PEM type names, or tries both.
func privateFromDER(pemType string, der []byte) (*PrivateKey, error) {
	if pemType == "RSA PRIVATE KEY" || pemType == "" {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return NewPrivateKey("", key)
		}
	}
	if pemType == "PRIVATE KEY" || pemType == "" {
		if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
			signer, ok := key.(crypto.Signer)
			if !ok {
				return nil, errors.New("jose: the private key is not RSA")
			}
			return NewPrivateKey("", signer)
		}
	}
	return nil, errors.New("jose: the data is no RSA private key")
}

func publicFromPEM(data []byte) (*PublicKeys, error) {
	var keys []*PublicKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		key, err := publicFromDER(block.Type, block.Bytes)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errNoKey
	}
	return NewPublicKeys(keys...)
}

func publicFromDER(pemType string, der []byte) (*PublicKey, error) {
	switch pemType {
	case "CERTIFICATE":
		if cert, err := x509.ParseCertificate(der); err == nil {
			return PublicKeyFromCertificate("", cert)
		}
	case "PUBLIC KEY":
		if key, err := x509.ParsePKIXPublicKey(der); err == nil {
			public, ok := key.(*rsa.PublicKey)
			if !ok {
				return nil, errors.New("jose: the public key is not RSA")
			}
			return NewPublicKey("", public)
		}
	case "RSA PUBLIC KEY":
		if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return NewPublicKey("", key)
		}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("jose: a private key where only public keys may be")
	}
	return nil, errors.New("jose: the data is no RSA public key or certificate")
}
