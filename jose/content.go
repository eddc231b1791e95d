package jose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
)

// A256CBC-HS512 (RFC 7518 section 5.2.5) in place. go-jose has the same cipher;
// it copies the message four times, which at 1 MiB costs as much as the
// cryptography (docs/jose.md), and it leaves plaintext in memory that nobody
// clears. Tests and a fuzz target hold the two against each other.
const (
	cekSize = 64 // MAC key, then AES-256 key
	ivSize  = aes.BlockSize
	tagSize = sha512.Size / 2
)

// paddedLen is the length of n bytes with PKCS #7 padding.
func paddedLen(n int) int { return n + aes.BlockSize - n%aes.BlockSize }

// sealContent encrypts text[:n] in place; text has paddedLen(n) bytes. cek has
// cekSize bytes, iv ivSize; tag receives tagSize bytes.
func sealContent(cek, iv, text []byte, n int, tag []byte, aad ...[]byte) error {
	block, err := aes.NewCipher(cek[cekSize/2:])
	if err != nil {
		return err
	}
	pad := byte(len(text) - n)
	for i := n; i < len(text); i++ {
		text[i] = pad
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	contentTag(tag[:0], cek, iv, text, aad)
	return nil
}

// openContent authenticates text, decrypts it in place and returns the part of
// it that is plaintext. Nothing is decrypted before the tag has been checked.
func openContent(cek, iv, text, tag []byte, aad ...[]byte) ([]byte, bool) {
	if len(cek) != cekSize || len(iv) != ivSize || len(tag) != tagSize ||
		len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, false
	}
	var sum [sha512.Size]byte
	if subtle.ConstantTimeCompare(contentTag(sum[:0], cek, iv, text, aad), tag) != 1 {
		return nil, false
	}
	block, err := aes.NewCipher(cek[cekSize/2:])
	if err != nil {
		return nil, false
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, false
	}
	for _, c := range text[len(text)-pad:] {
		if int(c) != pad {
			return nil, false
		}
	}
	return text[:len(text)-pad], true
}

// contentTag appends HMAC-SHA-512(AAD || IV || ciphertext || AL), truncated.
// The additional data comes in pieces, which spares joining them.
func contentTag(dst, cek, iv, text []byte, aad [][]byte) []byte {
	mac := hmac.New(sha512.New, cek[:cekSize/2])
	var bits uint64
	for _, piece := range aad {
		mac.Write(piece)
		bits += uint64(len(piece)) * 8
	}
	mac.Write(iv)
	mac.Write(text)
	var al [8]byte
	binary.BigEndian.PutUint64(al[:], bits)
	mac.Write(al[:])
	return append(dst, mac.Sum(make([]byte, 0, sha512.Size))[:tagSize]...)
}
