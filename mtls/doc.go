// Package mtls tells which client a request's certificate belongs to.
//
// Trust is the registered certificate itself: a client registers the DER of its
// certificate, self-signed or issued by anybody, and whoever proves possession
// of its key is that client, for as long as the registration lasts. Chains of a
// certification authority are an option on top ([Rules].Roots).
//
// A [Verifier] asks the caller's registry twice. In the handshake, by
// tls.Config.VerifyConnection, which unlike VerifyPeerCertificate also runs when
// a session is resumed; and for each request ([Verifier.Check],
// [Verifier.Handler]), because keep-alive and HTTP/2 connections outlive a
// revocation. What crypto/tls lets pass by itself is refused here: certificates
// without an explicit clientAuth usage, RSA keys under 2048 bits, expired ones
// ([Rules]).
//
// TLS may end at a proxy. Then a [Proxy] says which header carries the
// certificate and which peers may set it; from any other peer the header is a
// refusal.
//
// The rest is what a registration needs: thumbprints of RFC 8705
// ([Thumbprint]), subjects of tls_client_auth ([Subject]), certificates in a
// JWKS ([ParseJWKS]), reading what partners send ([Import]), the file names it
// comes under ([FileName]), and which certificates are about to expire
// ([ExpiryReport]).
//
// The package imports the standard library only.
package mtls
