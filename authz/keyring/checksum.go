package keyring

import "hash/crc32"

// ChecksumSize is the length of the checksum at the end of every credential.
const ChecksumSize = 6

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// AppendChecksum appends six base-62 digits of the CRC-32 (IEEE) of b. It lets a
// secret scanner tell a leaked credential from a look-alike, and a typing error
// be told at once; it protects nothing.
func AppendChecksum(b []byte) []byte {
	sum := crc32.ChecksumIEEE(b)
	var digits [ChecksumSize]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return append(b, digits[:]...)
}

// TrimChecksum returns b without its checksum, and whether that was right.
func TrimChecksum(b []byte) ([]byte, bool) {
	if len(b) <= ChecksumSize {
		return nil, false
	}
	body, tail := b[:len(b)-ChecksumSize], b[len(b)-ChecksumSize:]
	sum := crc32.ChecksumIEEE(body)
	for i := len(tail) - 1; i >= 0; i-- {
		if tail[i] != base62[sum%62] {
			return nil, false
		}
		sum /= 62
	}
	return body, true
}
