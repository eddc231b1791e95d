//go:build !cgo || gatewright_purego

package sqlitestore

import (
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver of this build
)

const driverName = "sqlite"

func parameters(busy time.Duration, readOnly bool) string {
	values := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()),
		"synchronous(FULL)",
	}}
	if readOnly {
		values.Add("_pragma", "query_only(1)")
	} else {
		values.Add("_pragma", "journal_mode(WAL)")
	}
	return values.Encode()
}
