package token

import "encoding/binary"

// KeyID returns the id of the data key that a credential says it was made with,
// for [keyring.Ring.Learn]; false for what is no credential of ours, or one that
// no key is part of, as a client secret. Nothing is verified.
func KeyID(tok string) (uint32, bool) {
	if kind := Kind(tok); kind == "" || kind == SecretPrefix || len(tok) < prefixSize+8 {
		return 0, false
	}
	var head [6]byte
	if !decodeExact(head[:], []byte(tok[prefixSize:prefixSize+8])) || head[0] != version {
		return 0, false
	}
	return binary.BigEndian.Uint32(head[1:]), true
}
