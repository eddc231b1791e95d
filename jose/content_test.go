package jose

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContentRFC7518 is the test case of RFC 7518 appendix B.3.
func TestContentRFC7518(t *testing.T) {
	t.Parallel()
	cek := make([]byte, cekSize)
	for i := range cek {
		cek[i] = byte(i)
	}
	iv := unhex(t, "1af38c2dc2b96ffdd86694092341bc04")
	plain := []byte("A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience")
	aad := []byte("The second principle of Auguste Kerckhoffs")
	want := unhex(t, "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd"+
		"822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b"+
		"36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3"+
		"a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950b"+
		"be2638d09dd7a4930930806d0703b1f6")
	wantTag := unhex(t, "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5")

	text := append(bytes.Clone(plain), make([]byte, paddedLen(len(plain))-len(plain))...)
	tag := make([]byte, tagSize)
	if err := sealContent(cek, iv, text, len(plain), tag, aad[:7], aad[7:]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) || !bytes.Equal(tag, wantTag) {
		t.Fatalf("got\n%x\n%x", text, tag)
	}
	got, ok := openContent(cek, iv, text, tag, aad)
	if !ok || !bytes.Equal(got, plain) {
		t.Error("does not open")
	}
}

func TestOpenContentRefuses(t *testing.T) {
	t.Parallel()
	cek, iv, tag := make([]byte, cekSize), make([]byte, ivSize), make([]byte, tagSize)
	text := make([]byte, 32)
	if err := sealContent(cek, iv, text, 20, tag, []byte("aad")); err != nil {
		t.Fatal(err)
	}
	flipped := func(p []byte, i int) []byte {
		p = bytes.Clone(p)
		p[i] ^= 1
		return p
	}
	// A padding that is wrong under a tag that is right.
	padded := func(last byte) (text, tag []byte) {
		text, tag = make([]byte, 32), make([]byte, tagSize)
		text[31] = last
		if err := sealContent(cek, iv, text, 32, tag, []byte("aad")); err != nil {
			t.Fatal(err)
		}
		return text, tag
	}
	zero, zeroTag := padded(0)
	long, longTag := padded(17)
	torn, tornTag := padded(2)
	tests := []struct {
		name               string
		cek, iv, text, tag []byte
		aad                string
	}{
		{"text", cek, iv, flipped(text, 0), tag, "aad"},
		{"last block", cek, iv, flipped(text, 31), tag, "aad"},
		{"tag", cek, iv, text, flipped(tag, 31), "aad"},
		{"short tag", cek, iv, text, tag[:16], "aad"},
		{"no tag", cek, iv, text, nil, "aad"},
		{"iv", cek, flipped(iv, 0), text, tag, "aad"},
		{"short iv", cek, iv[:12], text, tag, "aad"},
		{"aad", cek, iv, text, tag, "aae"},
		{"MAC key", flipped(cek, 0), iv, text, tag, "aad"},
		{"short key", cek[:32], iv, text, tag, "aad"},
		{"half a block", cek, iv, text[:24], tag, "aad"},
		{"a block less", cek, iv, text[:16], tag, "aad"},
		{"no text", cek, iv, nil, tag, "aad"},
		{"padding of zero", cek, iv, zero, zeroTag, "aad"},
		{"padding of more than a block", cek, iv, long, longTag, "aad"},
		{"padding that differs", cek, iv, torn, tornTag, "aad"},
	}
	for _, tt := range tests {
		if _, ok := openContent(tt.cek, tt.iv, bytes.Clone(tt.text), tt.tag, []byte(tt.aad)); ok {
			t.Errorf("%s: opened", tt.name)
		}
	}
	if _, ok := openContent(cek, iv, text, tag, []byte("aad")); !ok {
		t.Error("the unchanged text does not open")
	}
}

// FuzzContent holds our cipher against go-jose's, both ways.
func FuzzContent(f *testing.F) {
	f.Add([]byte("plain"), []byte("aad"))
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{16}, 48), []byte{0})
	f.Fuzz(func(t *testing.T, plain, aad []byte) {
		cek, iv, tag := make([]byte, cekSize), make([]byte, ivSize), make([]byte, tagSize)
		_, _ = rand.Read(cek)
		_, _ = rand.Read(iv)
		theirs, err := josecipher.NewCBCHMAC(cek, aes.NewCipher)
		if err != nil {
			t.Fatal(err)
		}
		text := append(bytes.Clone(plain), make([]byte, paddedLen(len(plain))-len(plain))...)
		if err := sealContent(cek, iv, text, len(plain), tag, aad); err != nil {
			t.Fatal(err)
		}
		if got, err := theirs.Open(nil, iv, append(bytes.Clone(text), tag...), aad); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("go-jose does not open ours: %v", err)
		}
		sealed := theirs.Seal(nil, iv, plain, aad)
		n := len(sealed) - tagSize
		if got, ok := openContent(cek, iv, sealed[:n], sealed[n:], aad); !ok || !bytes.Equal(got, plain) {
			t.Fatal("ours does not open go-jose's")
		}
	})
}
