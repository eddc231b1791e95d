// Package signin has the pages on which people sign in and consent: a ready
// [issuer.SignIn] in plain HTML that works without JavaScript. The host brings
// its accounts by one small interface, [Users].
//
//	pages, err := signin.New(signin.Config{Users: users})
//	server, err := issuer.New(ctx, issuer.Config{SignIn: pages, ...})
//
// The login form posts the fields username and password to the URL of the
// authorization request; after a success the browser is sent back to that URL,
// by GET and with a session cookie. The consent form posts to it as well. Both
// forms carry hidden fields, which a program that signs in has to send along,
// with the cookies that it was given. Below the server's Prefix + "/session/"
// lies a page where people see whom they gave access, withdraw it, and sign out.
//
// # Statuses
//
// A form is 200. A wrong name or password, and a form that has lapsed, is the
// form again with 400: 401 would need a WWW-Authenticate challenge (RFC 9110
// section 15.5.2), for which browsers open a dialog of their own. Too many
// failures are 429 with Retry-After; 503 with Retry-After says that nothing can
// be decided now.
//
// # Sessions
//
// A session lives in a cookie that is sealed with the installation's keys, so
// that signing in writes nothing and any instance can read it. Each login makes
// a new one. Signing out is remembered in the store until the session would have
// ended by itself: a copy of the cookie is of no use from then on, at any
// instance. On https the cookies have the prefix "__Host-" and are Secure; they
// are always HttpOnly and SameSite=Lax.
//
// # Guessing
//
// Only failures count, by account and by address (an IPv6 address counts as its
// /64 network). Attempts at one account run one after the other, so that many at
// once do not outrun the count, and an account or address over its limit costs
// no password hash. A browser in which somebody has signed in to an account
// before has a count of its own for it: strangers who guess at the account, from
// wherever, do not lock its owner out of that browser. The counts are kept by
// each process for itself.
//
// # Other sites
//
// Forms of other sites are refused by [net/http.CrossOriginProtection], and for
// browsers that tell neither Sec-Fetch-Site nor Origin by a token in the form,
// bound to a cookie of the same browser. The pages load nothing, run no script
// and cannot be framed. Their Content-Security-Policy has no form-action on
// purpose: browsers apply it to the redirect after the consent as well, and to
// all that follow it, which lead wherever the client wants.
package signin
