//go:build !cgo || gatewright_purego

package database

// What sqlitestore registers in this build.
const (
	sqliteDriver     = "sqlite"
	sqliteParameters = "?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
)
