package token

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"

	"github.com/gatewright/gatewright/authz/keyring"
)

// Prefixes of credentials. All have the same length.
const (
	AccessPrefix       = "gwa_"
	RefreshPrefix      = "gwr_"
	CodePrefix         = "gwc_" // authorization code
	DevicePrefix       = "gwd_" // device code (RFC 8628)
	RequestPrefix      = "gwq_" // pushed request (RFC 9126)
	ReferencePrefix    = "gwo_" // reference token
	InteractionPrefix  = "gwi_" // authorization request that waits for its person
	RegistrationPrefix = "gwn_" // registration access token (RFC 7592)
	SecretPrefix       = "gws_" // client secret

	prefixSize = len(AccessPrefix)
)

// ClientIDPrefix begins generated client ids, which are public.
const ClientIDPrefix = "app_"

// Kind returns the prefix of a credential, and "" for what has none of ours. It
// looks at nothing else.
func Kind(tok string) string {
	if len(tok) <= prefixSize {
		return ""
	}
	switch p := tok[:prefixSize]; p {
	case AccessPrefix, RefreshPrefix, CodePrefix, DevicePrefix, RequestPrefix,
		ReferencePrefix, InteractionPrefix, RegistrationPrefix, SecretPrefix:
		return p
	default:
		return ""
	}
}

const secretSize = 32

// NewSecret returns a random client secret of 256 bits.
func NewSecret() string {
	var secret [secretSize]byte
	_, _ = rand.Read(secret[:]) // crypto/rand never fails since Go 1.24
	b := base64.RawURLEncoding.AppendEncode([]byte(SecretPrefix), secret[:])
	return string(keyring.AppendChecksum(b))
}

// CheckSecret reports whether s has the form of a generated client secret,
// checksum included. It says nothing of whose it is.
func CheckSecret(s string) bool {
	if !strings.HasPrefix(s, SecretPrefix) {
		return false
	}
	body, ok := keyring.TrimChecksum([]byte(s))
	if !ok {
		return false
	}
	var secret [secretSize]byte
	return decodeExact(secret[:], body[prefixSize:])
}

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewClientID returns a random client id: 120 bits in lower-case letters and
// digits after [ClientIDPrefix].
func NewClientID() string {
	var id [15]byte
	_, _ = rand.Read(id[:])
	return ClientIDPrefix + lower.EncodeToString(id[:])
}

var strict = base64.RawURLEncoding.Strict()

// decodeExact decodes base64url that fills dst exactly. It is canonical: no
// padding, no trailing bits, and none of the line breaks that encoding/base64
// passes over, as each leaves dst short.
func decodeExact(dst, src []byte) bool {
	if len(src) != strict.EncodedLen(len(dst)) {
		return false
	}
	n, err := strict.Decode(dst, src)
	return err == nil && n == len(dst)
}
