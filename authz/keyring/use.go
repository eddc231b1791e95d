package keyring

// Use says what a key is used for. Each use has keys of its own.
type Use uint8

// The uses of keys.
const (
	AccessToken  Use = iota + 1
	RefreshToken     // sealed refresh tokens
	Opaque           // codes, device codes, pushed requests, references, interactions
	ClientSecret     // hashes of client secrets
	Cookie           // sessions of the browser pages
	Record           // bound ids and session data at rest
	Lookup           // keyed hashes for equality, as of an account id
	SigningKey       // ES256; see [Ring.Signer]
	Audit            // the chain of the audit trail

	uses = iota + 1
)

// names enter the derivation of keys and never change.
var names = [uses]string{
	AccessToken:  "access_token",
	RefreshToken: "refresh_token",
	Opaque:       "opaque",
	ClientSecret: "client_secret",
	Cookie:       "cookie",
	Record:       "record",
	Lookup:       "lookup",
	SigningKey:   "signing_key",
	Audit:        "audit",
}

// String names the use.
func (u Use) String() string {
	if u == 0 || int(u) >= uses {
		return "invalid"
	}
	return names[u]
}

// Purpose returns which data key the use derives from.
func (u Use) Purpose() Purpose {
	switch u {
	case AccessToken, RefreshToken, Opaque, Cookie:
		return Tokens
	case ClientSecret, Record, Lookup, Audit:
		return Records
	case SigningKey:
		return Signing
	default:
		return ""
	}
}

// Purpose is what a data key serves; keys are rotated by purpose.
type Purpose string

// The purposes of data keys.
const (
	// Tokens serves AccessToken, RefreshToken, Opaque and Cookie. Its keys are
	// retired by themselves when nothing that they sealed can still live.
	Tokens Purpose = "tokens"
	// Records serves ClientSecret, Record, Lookup and Audit: what stays in the
	// store. Its keys are retired only when asked ([Ring.Retire]).
	Records Purpose = "records"
	// Signing serves ES256 signatures (RFC 7518 section 3.4).
	Signing Purpose = "signing"
)

// purposes in the order in which first keys are made: instances that race make
// the same ones with the same ids, and the store picks the winner.
var purposes = [...]Purpose{Tokens, Records, Signing}
