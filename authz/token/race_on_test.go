//go:build race

package token_test

// raced: the race detector makes sync.Pool drop what it is given.
const raced = true
