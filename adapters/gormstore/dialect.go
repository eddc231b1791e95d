package gormstore

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// dialect is what a kind of database is called by GORM.
type dialect string

const (
	sqlite   dialect = "sqlite"
	postgres dialect = "postgres"
	mysql    dialect = "mysql" // and MariaDB
)

func dialectOf(db *gorm.DB) (dialect, error) {
	if db == nil || db.Dialector == nil {
		return "", fmt.Errorf("gormstore: no database was given")
	}
	switch d := dialect(db.Dialector.Name()); d {
	case sqlite, postgres, mysql:
		return d, nil
	default:
		return "", fmt.Errorf("gormstore: the dialect %q is none of sqlite, postgres, mysql", string(d))
	}
}

// begin is the statement that begins a transaction on a plain connection.
func (d dialect) begin() string {
	switch d {
	case sqlite:
		return "BEGIN IMMEDIATE"
	case postgres:
		return "BEGIN ISOLATION LEVEL READ COMMITTED"
	default:
		return "START TRANSACTION"
	}
}

// setup prepares a connection that belongs to one goroutine. It does not wait
// long for a row that somebody holds: others of its batch have no part in that,
// and go on without.
func (d dialect) setup() []string {
	switch d {
	case postgres:
		// A plan that was made while the tables were small may read them whole,
		// and a prepared statement keeps it. The statements of the queue all go
		// by primary keys, so any other plan is wrong.
		return []string{
			"SET enable_seqscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off",
			"SET lock_timeout = '1s'",
		}
	case mysql:
		return []string{
			"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
			"SET SESSION innodb_lock_wait_timeout = 1",
		}
	default:
		return nil
	}
}

// lock is what a SELECT ends with to lock its rows. SQLite has one writer, and
// whoever asks this is it.
func (d dialect) lock() string {
	if d == sqlite {
		return ""
	}
	return " FOR UPDATE"
}

// lockOf is lock for one of several tables, where a database can tell them apart.
func (d dialect) lockOf(alias string) string {
	if d == postgres {
		return " FOR UPDATE OF " + alias
	}
	return d.lock()
}

// share is what a SELECT ends with to see the newest rows in any isolation, and
// to keep them until the commit.
func (d dialect) share(alias string) string {
	switch d {
	case postgres:
		return " FOR SHARE OF " + alias
	case mysql:
		return " LOCK IN SHARE MODE"
	default:
		return ""
	}
}

// skipLocked is lock that leaves out rows that others hold.
func (d dialect) skipLocked() string {
	if d == sqlite {
		return ""
	}
	return " FOR UPDATE SKIP LOCKED"
}

var bound sync.Map // of string to string

// bind writes the placeholders of a constant statement as the database wants them.
func (d dialect) bind(query string) string {
	if d != postgres {
		return query
	}
	if found, ok := bound.Load(query); ok {
		return found.(string)
	}
	var b strings.Builder
	n := 0
	for i := range len(query) {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	text := b.String()
	bound.Store(query, text)
	return text
}
