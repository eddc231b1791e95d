//go:build cgo && !gatewright_purego

package example

// sqliteDriver is the driver that sqlitestore links with cgo.
const sqliteDriver = "sqlite3"
