// Package jose seals HTTP messages between a bank and its clients: a payload is
// signed, then encrypted, and travels as JSON.
//
// # The envelope
//
// The outer object is a JWE in the general JSON serialization (RFC 7516 section
// 7.2.1) with one recipient; its content is a JWS in the general JSON
// serialization (RFC 7515 section 7.2.1) with one signature; its payload is the
// API's JSON. The algorithms are fixed: RS256, RSA-OAEP-256, A256CBC-HS512.
// Nothing in a message chooses an algorithm or a key: a kid only selects among
// the active keys of the party that is already known. Every way to fail has one
// answer; the cause is in [Error], for the log.
//
// # Who uses what
//
//   - A server puts [Server.Handler] in front of its routes, with [Bank] as a
//     start. Hosts that order their own controls use [Server.Begin].
//   - A client uses [Transport] below its http.Client.
//   - Tools use [Seal], [Open], [SealAccount] and [OpenCompact].
//   - Keys come from [ParsePrivateKeys], [ParsePublicKeys] and [Remote]; the
//     bank's own live in a [Keyring], where they rotate.
//
// # Binding
//
// [Compatible] is the documented form of the bank: a MsgId header that nothing
// signs. [Strict] adds signed [Claims] in both directions. In either, a message
// id is spent once per client, by a message that was opened and verified.
package jose
