package keyring

import (
	"crypto/hmac"
	"encoding/base64"
	"strconv"
	"strings"
)

// secretPrefix begins our own hashes, in the manner of the PHC string format.
const secretPrefix = "$hmac-sha256$k="

// HashSecret hashes a generated secret for the store: HMAC-SHA-256 under the
// current record key, with the id of that key. It is as fast as it looks, and
// sound only for secrets of full entropy; human passwords need a slow hash.
func (r *Ring) HashSecret(secret string) string {
	k := r.current(ClientSecret)
	sum := k.mac([]byte(secret))
	b := append(make([]byte, 0, 80), secretPrefix...)
	b = strconv.AppendUint(b, uint64(k.id), 10)
	b = append(b, '$')
	return string(base64.RawURLEncoding.AppendEncode(b, sum[:]))
}

// VerifySecret compares a presented secret with a stored hash in constant time.
// rehash asks the caller to store a new hash, because the old one is of another
// kind or under an older key.
//
// Hashes of argon2id and bcrypt are accepted for imported clients, within bounds
// of cost, and a few at a time: it may wait for the others. An empty secret, an
// empty hash and an unknown kind of hash never match.
func (r *Ring) VerifySecret(secret, hash string) (ok, rehash bool) {
	if secret == "" || hash == "" || len(hash) > maxHash {
		return false, false
	}
	if rest, own := strings.CutPrefix(hash, secretPrefix); own {
		return r.verifyOwn(secret, rest)
	}
	ok = r.imported.verify(secret, hash)
	return ok, ok
}

// SecretKey returns the id of the key that a hash of ours was made with, false for
// other hashes. Where a client was refused, [Ring.Learn] of it tells whether the
// key is one that this instance has yet to read.
func SecretKey(hash string) (keyID uint32, ok bool) {
	rest, own := strings.CutPrefix(hash, secretPrefix)
	if !own {
		return 0, false
	}
	keyID, _, ok = cutSecret(rest)
	return keyID, ok
}

func cutSecret(rest string) (keyID uint32, sum string, ok bool) {
	number, sum, found := strings.Cut(rest, "$")
	id, err := strconv.ParseUint(number, 10, 32)
	if !found || err != nil {
		return 0, "", false
	}
	return uint32(id), sum, true
}

func (r *Ring) verifyOwn(secret, rest string) (ok, rehash bool) {
	id, want, ok := cutSecret(rest)
	if !ok {
		return false, false
	}
	k := r.key(ClientSecret, id)
	if k == nil {
		return false, false
	}
	sum := k.mac([]byte(secret))
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	ok = hmac.Equal(text[:], []byte(want))
	// Only forward: where another instance is ahead, two would hash in turn.
	return ok, ok && k.id < r.current(ClientSecret).id
}
