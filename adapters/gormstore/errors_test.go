package gormstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/storage"
)

type stateError struct{ state string }

func (e stateError) Error() string    { return "ERROR: duplicate key (id)=(secret)" }
func (e stateError) SQLState() string { return e.state }

type numberError struct {
	Number  uint16
	Message string
}

func (e *numberError) Error() string { return e.Message }

func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, sentinel := range sentinels {
		if got := answer("op", sentinel); got != sentinel {
			t.Errorf("%v has become %v", sentinel, got)
		}
	}
	if answer("op", nil) != nil {
		t.Error("no error has become one")
	}
	refused := &invalid{"too long"}
	if got := answer("op", refused); got != error(refused) || errors.Is(got, storage.ErrUnavailable) {
		t.Errorf("an invalid command has become %v", got)
	}
	for _, test := range []struct {
		cause error
		says  string
		again bool
	}{
		{stateError{"23505"}, "SQLSTATE 23505", false},
		{stateError{"40P01"}, "SQLSTATE 40P01", true},
		{stateError{"40001"}, "SQLSTATE 40001", true},
		{fmt.Errorf("wrapped: %w", stateError{"40P01"}), "SQLSTATE 40P01", true},
		{stateError{"55P03"}, "SQLSTATE 55P03", false},
		{&numberError{1062, "Duplicate entry 'secret'"}, "MySQL error 1062", false},
		{fmt.Errorf("wrapped: %w", &numberError{1213, "Deadlock"}), "MySQL error 1213", true},
		{&net.OpError{Op: "dial", Err: errors.New("secret")}, "network error", false},
		{context.DeadlineExceeded, "deadline", false},
		{context.Canceled, "canceled", false},
		{driver.ErrBadConn, "connection lost", false},
		{errClosed, "closed", false},
		{errors.New("secret"), "*errors.errorString", false},
	} {
		got := answer("op", test.cause)
		if !errors.Is(got, storage.ErrUnavailable) || errors.Is(got, storage.ErrBusy) || !errors.Is(got, test.cause) {
			t.Errorf("%v has become %v", test.cause, got)
		}
		if text := got.Error(); !strings.Contains(text, test.says) || strings.Contains(text, "secret") {
			t.Errorf("%v is told as %q", test.cause, text)
		}
		if again(got) != test.again {
			t.Errorf("%v: to be tried again: %v", test.cause, !test.again)
		}
	}
}
