//go:build !cgo || gatewright_purego

package example

// sqliteDriver is the driver that sqlitestore links without cgo.
const sqliteDriver = "sqlite"
