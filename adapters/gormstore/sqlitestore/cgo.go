//go:build cgo && !gatewright_purego

package sqlitestore

import (
	"net/url"
	"strconv"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver of this build
)

const driverName = "sqlite3"

func parameters(busy time.Duration, readOnly bool) string {
	values := url.Values{
		"_busy_timeout": {strconv.FormatInt(busy.Milliseconds(), 10)},
		"_synchronous":  {"FULL"},
	}
	if readOnly {
		values.Set("_query_only", "true")
	} else {
		values.Set("_journal_mode", "WAL")
	}
	return values.Encode()
}
