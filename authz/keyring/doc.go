// Package keyring keeps the keys that Gatewright seals, hashes and signs with.
//
// A host holds one or more root secrets ([Root]) and hands them over at start.
// Everything else follows from data keys, which are random, live in the store
// wrapped with the first root, and are rotated without downtime: a new key is
// announced, is used once every instance had time to read it, then only opens
// what it sealed, and is retired when its last token has expired.
//
// No data key is used as such. For every use ([Use]), issuer and environment a
// key of its own is derived (HKDF-SHA-256, RFC 5869), so that a token or a
// cookie never passes for another, and the same store and roots under another
// issuer or environment open nothing.
//
// Reading ([Ring.Seal], [Ring.Open], [Ring.MAC], ...) takes no lock. A [Ring] is
// safe for concurrent use.
package keyring
