package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
)

// forge builds messages part by part, so that each part can be wrong while all
// the cryptography around it is right.
type forge struct {
	payload   string
	jwsHeader string
	signer    *PrivateKey
	signature func(input []byte) []byte                // nil: RS256
	jws       func(payload, header, sig string) string // nil: general form

	jweHeader string
	to        *PublicKey
	wrap      func(cek []byte) []byte // nil: RSA-OAEP-256
	aad       string
	jwe       func(p jweText) string // nil: general form
	content   *string                // nil: the JWS
}

type jweText struct{ protected, key, iv, ciphertext, tag, aad string }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// honest is a message from client to bank that opens.
func honest() *forge {
	return &forge{
		payload:   `{"amount":"10.00"}`,
		jwsHeader: `{"alg":"RS256","kid":"client-1"}`,
		signer:    clientKey(),
		jweHeader: `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"bank-enc"}`,
		to:        bankDecryption().Public(),
	}
}

func (f *forge) signed() string {
	payload, header := b64(f.payload), b64(f.jwsHeader)
	sign := f.signature
	if sign == nil {
		sign = func(input []byte) []byte {
			sum := sha256.Sum256(input)
			sig, err := rsa.SignPKCS1v15(nil, rawKey(f.signer), crypto.SHA256, sum[:])
			if err != nil {
				panic(err)
			}
			return sig
		}
	}
	sig := b64(string(sign([]byte(header + "." + payload))))
	if f.jws != nil {
		return f.jws(payload, header, sig)
	}
	return fmt.Sprintf(`{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}`, payload, header, sig)
}

func (f *forge) sealed() string {
	content := f.content
	if content == nil {
		s := f.signed()
		content = &s
	}
	cek, iv, tag := make([]byte, cekSize), make([]byte, ivSize), make([]byte, tagSize)
	_, _ = rand.Read(cek)
	_, _ = rand.Read(iv)
	text := make([]byte, paddedLen(len(*content)))
	copy(text, *content)
	header := b64(f.jweHeader)
	aad := [][]byte{[]byte(header)}
	if f.aad != "" {
		aad = append(aad, []byte("."+f.aad))
	}
	if err := sealContent(cek, iv, text, len(*content), tag, aad...); err != nil {
		panic(err)
	}
	wrap := f.wrap
	if wrap == nil {
		wrap = oaep(sha256.New(), f.to)
	}
	p := jweText{
		protected: header, key: b64(string(wrap(cek))), iv: b64(string(iv)),
		ciphertext: b64(string(text)), tag: b64(string(tag)), aad: f.aad,
	}
	if f.jwe != nil {
		return f.jwe(p)
	}
	return generalJWE(p, "")
}

// generalJWE is the general form with further members of the outer object.
func generalJWE(p jweText, more string) string {
	return fmt.Sprintf(`{"protected":"%s"%s,"recipients":[{"encrypted_key":"%s"}],"iv":"%s","ciphertext":"%s","tag":"%s"}`,
		p.protected, more, p.key, p.iv, p.ciphertext, p.tag)
}

func oaep(h hash.Hash, to *PublicKey) func([]byte) []byte {
	return func(cek []byte) []byte {
		out, err := rsa.EncryptOAEP(h, rand.Reader, to.key, cek, nil)
		if err != nil {
			panic(err)
		}
		return out
	}
}

func oaepSHA1(to *PublicKey) func([]byte) []byte { return oaep(sha1.New(), to) }

func rsa15(to *PublicKey) func([]byte) []byte {
	return func(cek []byte) []byte {
		//lint:ignore SA1019 the forbidden algorithm is what is forged here
		out, err := rsa.EncryptPKCS1v15(rand.Reader, to.key, cek)
		if err != nil {
			panic(err)
		}
		return out
	}
}

func pss(k *PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		sig, err := rsa.SignPSS(rand.Reader, rawKey(k), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
		if err != nil {
			panic(err)
		}
		return sig
	}
}

func rs512(k *PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha512.Sum512(input)
		sig, err := rsa.SignPKCS1v15(nil, rawKey(k), crypto.SHA512, sum[:])
		if err != nil {
			panic(err)
		}
		return sig
	}
}

// openAsBank opens a message as the bank would from its client.
func openAsBank(message string) (*Message, error) {
	return Open([]byte(message), []*PrivateKey{bankDecryption()}, []*PublicKey{clientKey().Public()}, OpenOptions{})
}
