package josetest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"testing"

	"github.com/gatewright/gatewright/jose"
	gojose "github.com/go-jose/go-jose/v4"
)

// The figures of docs/jose.md, from this folder:
//
//	GOWORK=off go test -run '^$' -bench Nested -benchtime 60x -count 8
//
// "floor" is the cryptography that the envelope cannot do without, on the sizes
// it is done on, with nothing encoded, copied or parsed. "go-jose" and "jwx"
// are those libraries' own JSON serializations. On a shared machine take the
// least of the repetitions.
var benchSizes = []struct {
	name string
	n    int
}{{"1KiB", 1 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}}

func run(b *testing.B, name string, n int, f func() error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(n))
		b.ReportAllocs()
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNestedSeal(b *testing.B) {
	for _, size := range benchSizes {
		payload := samplePayload(size.n)
		n := len(payload)
		run(b, size.name+"/floor", n, floorSeal(n))
		run(b, size.name+"/jose", n, func() error { _, err := sealToBank(payload); return err })
		run(b, size.name+"/go-jose", n, func() error { _, err := goJoseSeal(payload); return err })
		run(b, size.name+"/jwx", n, func() error { _, err := jwxSeal(payload); return err })
	}
}

func BenchmarkNestedOpen(b *testing.B) {
	for _, size := range benchSizes {
		payload := samplePayload(size.n)
		n := len(payload)
		ours, err := sealToBank(payload)
		if err != nil {
			b.Fatal(err)
		}
		goJose, err := goJoseSeal(payload)
		if err != nil {
			b.Fatal(err)
		}
		jwx, err := jwxSeal(payload)
		if err != nil {
			b.Fatal(err)
		}
		run(b, size.name+"/floor", n, floorOpen(b, n))
		run(b, size.name+"/jose", n, func() error { _, err := openFromClient(ours); return err })
		run(b, size.name+"/jose+json", n, func() error { // as the server does
			m, err := openFromClient(ours)
			if err != nil {
				return err
			}
			return jose.CheckJSON(m.Payload)
		})
		run(b, size.name+"/go-jose", n, func() error { _, err := goJoseOpen(goJose); return err })
		run(b, size.name+"/jwx", n, func() error { _, err := jwxOpen(jwx); return err })
	}
}

// signedLen and contentLen are the sizes that n bytes are signed and encrypted at.
func signedLen(n int) int  { return base64.RawURLEncoding.EncodedLen(n) + 100 }
func contentLen(n int) int { return (base64.RawURLEncoding.EncodedLen(n) + 550) &^ 15 }

// floorSeal does the cryptography of sealing n bytes.
func floorSeal(n int) func() error {
	signed, text := make([]byte, signedLen(n)), make([]byte, contentLen(n))
	key, to := client().raw, &bank().raw.PublicKey
	return func() error {
		sum := sha256.Sum256(signed)
		if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]); err != nil {
			return err
		}
		cek := make([]byte, 64)
		if _, err := rand.Read(cek); err != nil {
			return err
		}
		if _, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to, cek, nil); err != nil {
			return err
		}
		block, err := aes.NewCipher(cek[32:])
		if err != nil {
			return err
		}
		cipher.NewCBCEncrypter(block, cek[:16]).CryptBlocks(text, text)
		mac := hmac.New(sha512.New, cek[:32])
		mac.Write(text)
		mac.Sum(nil)
		return nil
	}
}

// floorOpen does the cryptography of opening n bytes.
func floorOpen(b *testing.B, n int) func() error {
	b.Helper()
	signed, text := make([]byte, signedLen(n)), make([]byte, contentLen(n))
	key, from := bank().raw, client().raw
	sum := sha256.Sum256(signed)
	signature, err := rsa.SignPKCS1v15(nil, from, crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, make([]byte, 64), nil)
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		cek, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil)
		if err != nil {
			return err
		}
		mac := hmac.New(sha512.New, cek[:32])
		mac.Write(text)
		mac.Sum(nil)
		block, err := aes.NewCipher(cek[32:])
		if err != nil {
			return err
		}
		cipher.NewCBCDecrypter(block, cek[:16]).CryptBlocks(text, text)
		sum := sha256.Sum256(signed)
		return rsa.VerifyPKCS1v15(&from.PublicKey, crypto.SHA256, sum[:], signature)
	}
}

func goJoseSeal(payload []byte) (string, error) {
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.RS256, Key: client().raw}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	encrypter, err := gojose.NewEncrypter(gojose.A256CBC_HS512,
		gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: bank().raw.Public()}, nil)
	if err != nil {
		return "", err
	}
	sealed, err := encrypter.Encrypt([]byte(signed.FullSerialize()))
	if err != nil {
		return "", err
	}
	return sealed.FullSerialize(), nil
}

func goJoseOpen(message string) ([]byte, error) {
	sealed, err := gojose.ParseEncryptedJSON(message, []gojose.KeyAlgorithm{gojose.RSA_OAEP_256}, []gojose.ContentEncryption{gojose.A256CBC_HS512})
	if err != nil {
		return nil, err
	}
	inner, err := sealed.Decrypt(bank().raw)
	if err != nil {
		return nil, err
	}
	signed, err := gojose.ParseSignedJSON(string(inner), []gojose.SignatureAlgorithm{gojose.RS256})
	if err != nil {
		return nil, err
	}
	return signed.Verify(&client().raw.PublicKey)
}
