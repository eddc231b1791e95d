//go:build cgo && !gatewright_purego

package database

// What sqlitestore registers in this build.
const (
	sqliteDriver     = "sqlite3"
	sqliteParameters = "?_busy_timeout=5000&_synchronous=FULL"
)
