package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"reflect"

	"github.com/gatewright/gatewright/storage"
)

var (
	// errAlone says that a command must be run without others.
	errAlone = errors.New("gormstore: to be run alone")
	// errLost says that another instance has done it meanwhile.
	errLost = errors.New("gormstore: done by another instance")
	// errHeld ends the search for a holder of a role.
	errHeld  = errors.New("gormstore: the role is held")
	errPanic = errors.New("gormstore: the host's function did not return")
	// errClosed is what commands meet after Close.
	errClosed = errors.New("gormstore: the store is closed")
	errOver   = errors.New("gormstore: the transaction is over")
)

// sentinels are the answers of commands; other errors are the database's.
var sentinels = []error{
	storage.ErrNotFound, storage.ErrExists, storage.ErrConflict, storage.ErrFinal,
	storage.ErrLastHolder, storage.ErrSeen, storage.ErrUnavailable,
}

// databaseError is an error of the driver or the network. Its text leaves out
// what the database says beyond its code, since some databases quote values.
type databaseError struct {
	op    string
	cause error
}

func (e *databaseError) Error() string {
	return fmt.Sprintf("gormstore: %s: %v: %s", e.op, storage.ErrUnavailable, describe(e.cause))
}

func (e *databaseError) Unwrap() []error { return []error{storage.ErrUnavailable, e.cause} }

// invalid is a command that no store could carry out: the caller's mistake.
type invalid struct{ what string }

func (e *invalid) Error() string { return "gormstore: " + e.what }

// brokenError says that after the cause the transaction cannot go on.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return "gormstore: transaction lost: " + describe(e.cause) }
func (e *brokenError) Unwrap() error { return e.cause }

// answer makes of any error what a command may return.
func answer(op string, err error) error {
	if err == nil {
		return nil
	}
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return err
		}
	}
	if _, ok := errors.AsType[*invalid](err); ok {
		return err
	}
	return &databaseError{op: op, cause: err}
}

func describe(err error) string {
	if state := sqlState(err); state != "" {
		return "SQLSTATE " + state
	}
	if n := mysqlNumber(err); n != 0 {
		return fmt.Sprintf("MySQL error %d", n)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded.Error()
	case errors.Is(err, context.Canceled):
		return context.Canceled.Error()
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return "connection lost"
	case errors.Is(err, errClosed), errors.Is(err, errOver):
		return err.Error()
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return "network error"
	}
	return fmt.Sprintf("%T", err)
}

// sqlState is PostgreSQL's code, as its drivers give it.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// mysqlNumber is the code of MySQL's driver, which gives it as a field only; the
// type is not linked here.
func mysqlNumber(err error) uint16 {
	if err == nil {
		return 0
	}
	if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
		if f := v.FieldByName("Number"); f.IsValid() && f.Kind() == reflect.Uint16 {
			return uint16(f.Uint())
		}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return mysqlNumber(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if n := mysqlNumber(inner); n != 0 {
				return n
			}
		}
	}
	return 0
}

// again reports that the database gave a transaction up for the sake of another
// and did nothing of it: a deadlock, or serialization that failed.
func again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01":
		return true
	}
	return mysqlNumber(err) == 1213
}
