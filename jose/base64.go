package jose

import "encoding/base64"

// encoding is base64url without padding (RFC 7515 section 2). Strict refuses
// trailing bits that are not zero, so that one value has one text.
var encoding = base64.RawURLEncoding.Strict()

var errEncoding = refuse(ReasonEncoding, "not canonical base64url")

// decode writes the decoded src to dst, which has decodedLen(src) bytes.
// The decoder skips CR and LF; a skipped byte shows in the length.
func decode(dst, src []byte) error {
	n, err := encoding.Decode(dst, src)
	if err != nil || n != len(dst) || encoding.EncodedLen(n) != len(src) {
		return errEncoding
	}
	return nil
}

func decodedLen(src []byte) int { return encoding.DecodedLen(len(src)) }

// appendDecoded decodes a short value.
func appendDecoded(dst, src []byte) ([]byte, error) {
	n := len(dst)
	dst = append(dst, make([]byte, decodedLen(src))...)
	if err := decode(dst[n:], src); err != nil {
		return nil, err
	}
	return dst, nil
}
