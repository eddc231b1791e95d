// Package clientip finds the address that a request really came from, or says
// that it cannot be known.
//
// Only two things are believed: the address of the peer at the other end of the
// connection, and what a proxy on the configured list says about the hop before
// it. A [Resolver] therefore reads exactly one header, and reads it from the
// right, because the left part is whatever the client cared to send:
//
//  1. The peer address is parsed; IPv4-mapped addresses become IPv4, zones are
//     refused.
//  2. A peer that is no trusted proxy is the client. Headers are not looked at.
//  3. Otherwise the header is walked right to left over all its lines, skipping
//     trusted proxies.
//  4. The first address that is no trusted proxy is the client. Anything else
//     met on the way (junk, "unknown", an obfuscated name, an empty element, the
//     end of the list) is an error, and the request is to be refused.
//
// Which addresses a client may call from is another question, answered after the
// client is identified; see package allowlist.
//
// [ProxyListener] is the same for proxies that speak the PROXY protocol in front
// of the connection instead of adding a header.
package clientip
