// Package allowlist decides whether an address is on a client's list of
// addresses and address ranges.
//
// A [List] is compiled once, when the client's record is read, and never changes
// after; a changed record is a new list. An empty list denies everything, a
// range that covers everything is refused, and private and loopback ranges need
// an explicit permission, because behind a misconfigured proxy they are
// everybody's address.
//
// Where the address comes from is the question of package clientip. [Control]
// puts the two together in front of a handler.
package allowlist
