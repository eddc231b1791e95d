// Package token makes and opens the credentials of Gatewright.
//
// Access and refresh tokens are sealed: they carry their own content, encrypted
// and authenticated, and no row is written for them. What may have happened
// since they were issued is asked elsewhere, by the grant, generation, epochs
// and revision inside.
//
// Codes, device codes, pushed requests, interactions and reference tokens are
// opaque: random, with a MAC that is checked before anything is looked up, and a
// store key that is not part of the credential.
//
// Every credential is a prefix that says what it is, base64url (RFC 4648 section
// 5, no padding), and a checksum of six characters, so that scanners find a
// leaked one. None contains a character that form or header encoding changes.
package token
