// Package client is what a partner or an app uses to call a bank that demands
// mutual TLS, sealed messages and OAuth tokens: configuration in,
// [http.Client] out.
//
// [New] makes a [Client]. [Client.HTTPClient] gives an [http.Client] for one
// [Identity]: the client id alone, id and secret, the application itself (with
// or without the account it acts on), or a customer who has signed in. What
// goes through it is signed and encrypted to the bank, what comes back is
// decrypted and verified, every request has a message id of its own, and the
// token is fetched when it is needed, used until shortly before it expires, and
// renewed by one request however many wait for it.
//
// # What cannot be turned off
//
// The server's certificate is always checked: no field takes a tls.Config, a
// RoundTripper or an http.Client. Requests to another origin than the bank's
// are refused before anything is sent, redirects are not followed, and
// credentials that a caller puts into a request are replaced. Refresh tokens
// are encrypted before a [TokenStore] sees them.
//
// # Customers
//
// [Client.AuthorizeURL] is where to send the customer's browser, with the
// account number encrypted to the bank. [Callback] reads what comes back,
// [Client.Exchange] turns the code into tokens and keeps them, and from then on
// [OnBehalfOf] is an identity for [Client.HTTPClient]. Account and customer ids
// travel masked in paths: see [Mask].
//
// # Sandbox
//
// In the [Sandbox] environment there is no mutual TLS, nothing is sealed, and
// token requests are forms with HTTP Basic credentials. A program that works
// there needs only another [Config].
//
// # Errors
//
// A response of an API is a response, whatever its status; [CheckResponse] makes
// an *[Error] of a refusal. When a request could not be made or its answer could
// not be trusted, the error of [http.Client.Do] has an *[Error] in its chain.
// No error and no log line contains a secret, a token or an account number.
package client
