package keyring

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// RootPrefix begins the text form of a root secret.
const RootPrefix = "gwk_"

const (
	minRoot = 32
	maxRoot = 64
)

// Root is a secret of the host under which data keys are wrapped. It is printed
// and logged as its ID only; [Root.Text] writes the secret.
type Root struct {
	// ID tells roots apart. It is stored beside each wrapped key and is public.
	ID string
	// Secret is at least 32 random bytes.
	Secret []byte
}

// NewRoot makes a random root of 32 bytes.
func NewRoot() Root {
	secret := make([]byte, minRoot)
	_, _ = rand.Read(secret) // crypto/rand never fails since Go 1.24
	return Root{ID: fingerprint(secret), Secret: secret}
}

// ParseRoot reads what [Root.Text] wrote; white space around it is ignored. The
// ID of the root follows from the secret. The error never shows the text.
func ParseRoot(text string) (Root, error) {
	body, ok := TrimChecksum([]byte(strings.TrimSpace(text)))
	rest, prefixed := strings.CutPrefix(string(body), RootPrefix)
	if !ok || !prefixed {
		return Root{}, errors.New("keyring: not a root secret: it begins with " + RootPrefix + " and ends with a checksum")
	}
	enc := base64.RawURLEncoding.Strict()
	secret, err := enc.DecodeString(rest)
	if err != nil || len(secret) < minRoot || len(secret) > maxRoot || enc.EncodedLen(len(secret)) != len(rest) {
		return Root{}, fmt.Errorf("keyring: not a root secret: it holds %d to %d bytes as base64url", minRoot, maxRoot)
	}
	return Root{ID: fingerprint(secret), Secret: secret}, nil
}

// Text writes the secret with its prefix and checksum, for a secret manager or a
// file that only the server can read.
func (r Root) Text() string {
	b := base64.RawURLEncoding.AppendEncode([]byte(RootPrefix), r.Secret)
	return string(AppendChecksum(b))
}

// Format implements [fmt.Formatter]: whatever the verb, the secret stays out.
func (r Root) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "root:"+r.ID) }

// MarshalText implements [encoding.TextMarshaler] with the ID alone, so that a
// root inside a logged or encoded struct does not give itself away.
func (r Root) MarshalText() ([]byte, error) { return []byte("root:" + r.ID), nil }

// fingerprint names a secret without telling anything of it.
func fingerprint(secret []byte) string {
	id, err := hkdf.Key(sha256.New, secret, nil, "gatewright keyring root id v1", 8)
	if err != nil {
		panic("keyring: " + err.Error()) // only for impossible lengths
	}
	return hex.EncodeToString(id)
}
