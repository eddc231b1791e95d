// Package gormstore keeps Gatewright's data in SQLite, PostgreSQL, MySQL (8.0
// or later) or MariaDB (10.6 or later), through a [gorm.DB] that the host has
// opened. It links no driver: the host picks one, or takes
// [github.com/gatewright/gatewright/adapters/gormstore/sqlitestore].
//
// # How commands run
//
// Commands that run for every token (redeem, rotate, end, claim, put, append)
// go through a bounded queue. A few goroutines take what is there, execute it
// with prepared statements on connections of their own, and commit once for all
// of it; an answer leaves only after that commit. A full queue answers
// [storage.ErrBusy] at once. Administrative commands and lists use GORM, each
// command in a transaction of its own.
//
// # What decides
//
// Exactly-once is decided in the database: rows are read with FOR UPDATE in the
// order of their keys (SQLite: in the one write transaction), and new ones are
// inserted with "do nothing" on a conflict. No lock in the process matters, so
// any number of processes may share one database. Isolation is READ COMMITTED.
//
// The store keeps connections of its own, with settings and prepared statements:
// connect to the server itself, or through a pooler that gives a connection to one
// client at a time (session pooling).
//
// All errors of the database and the network wrap [storage.ErrUnavailable].
//
// # Migrations
//
// The schema is versioned and embedded. [Migrate], [MigrateDown] and
// [MigrationStatus] handle it; [New] refuses a schema that is older or newer
// than the code with a [*SchemaError], and with [Options.Migrate] brings an older
// one up first. Migrations run under a lock of the database, so that several
// instances can start at once.
package gormstore
