package grants

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
)

// CheckChallenge checks the PKCE parameters of an authorization request (RFC
// 7636 section 4.3): S256 only, and required unless the client is confidential
// and the profile lets it be left out.
func CheckChallenge(challenge, method string, required bool) *wire.Error {
	switch {
	case challenge == "" && method == "" && !required:
		return nil
	case challenge == "":
		return wire.InvalidRequest("code_challenge_missing", "PKCE is required: send code_challenge and code_challenge_method=S256.")
	case method != "S256":
		return wire.InvalidRequest("code_challenge_method", "Use code_challenge_method=S256; plain is refused.")
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(challenge); err != nil || len(b) != sha256.Size {
		return wire.InvalidRequest("code_challenge_malformed", "With S256 the code_challenge is 43 characters of base64url.")
	}
	return nil
}

// verifyChallenge compares a verifier with the challenge of its code (RFC 7636
// section 4.6). A verifier without a challenge is refused as well, or leaving
// the challenge out of the request would go unnoticed (RFC 9700 section 4.8.2).
func verifyChallenge(challenge, verifier string) error {
	if challenge == "" && verifier == "" {
		return nil
	}
	if challenge == "" {
		return wire.InvalidGrant("code_verifier_without_challenge")
	}
	if verifier == "" {
		return wire.InvalidGrant("code_verifier_missing")
	}
	if !validVerifier(verifier) {
		return wire.InvalidGrant("code_verifier_malformed")
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) != 1 {
		return wire.InvalidGrant("code_verifier_wrong")
	}
	return nil
}

// validVerifier reports whether v is 43 to 128 unreserved characters (RFC 7636
// section 4.1).
func validVerifier(v string) bool {
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	for i := range len(v) {
		switch c := v[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
