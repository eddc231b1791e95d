// Package josetest holds the jose package against other implementations and
// published test vectors. It is a module of its own, so that lestrrat-go/jwx
// and the vectors never reach a consumer of Gatewright.
package josetest
