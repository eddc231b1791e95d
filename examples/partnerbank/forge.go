package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	gojose "github.com/go-jose/go-jose/v4"
)

// The forgeries are made with go-jose, part by part, so that each is wrong in
// one thing and right in everything else.

const (
	rightSignature = gojose.RS256
	rightKey       = gojose.RSA_OAEP_256
	rightContent   = gojose.A256CBC_HS512
)

// sign makes a JWS in the general JSON serialization with the client's key.
func (c *caller) sign(alg gojose.SignatureAlgorithm, payload string) (string, error) {
	key := gojose.JSONWebKey{Key: c.pair.PrivateKey, KeyID: c.signer.KeyID()}
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		return "", err
	}
	return general(signed.FullSerialize(), "signatures", "protected", "header", "signature")
}

// unsigned makes a JWS that says it needs no signature.
func (c *caller) unsigned(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":""}]}`, encode([]byte(payload)), encode([]byte(`{"alg":"none"}`)))
}

// encrypt makes a JWE in the general JSON serialization to the bank's key.
func (c *caller) encrypt(alg gojose.KeyAlgorithm, enc gojose.ContentEncryption, content string) (string, error) {
	to := c.bank.Encrypting()[0]
	options := new(gojose.EncrypterOptions).WithType("JOSE+JSON").WithContentType("JOSE+JSON")
	encrypter, err := gojose.NewEncrypter(enc, gojose.Recipient{Algorithm: alg, Key: to.RSA(), KeyID: to.KeyID()}, options)
	if err != nil {
		return "", err
	}
	sealed, err := encrypter.Encrypt([]byte(content))
	if err != nil {
		return "", err
	}
	return general(sealed.FullSerialize(), "recipients", "header", "encrypted_key")
}

// general moves members of a flattened serialization into the list of the
// general one (RFC 7515 section 7.2.1, RFC 7516 section 7.2.1). A JWE keeps its
// protected header outside.
func general(flattened, list string, members ...string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(flattened), &object); err != nil {
		return "", err
	}
	one := map[string]json.RawMessage{}
	for _, name := range members {
		if value, ok := object[name]; ok {
			one[name] = value
			delete(object, name)
		}
	}
	moved, err := json.Marshal([]any{one})
	if err != nil {
		return "", err
	}
	object[list] = moved
	whole, err := json.Marshal(object)
	return string(whole), err
}
