package gormstore

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
)

// arrays writes the columns of rows as PostgreSQL array literals, one parameter
// a column, so that one prepared statement serves any number of rows with any
// driver.
func arrays(columns []column, rows [][]any) []any {
	args := make([]any, len(columns))
	buffer := literals.Get().(*[]byte)
	defer literals.Put(buffer)
	b := *buffer
	for c := range columns {
		b = append(b[:0], '{')
		for r, row := range rows {
			if r > 0 {
				b = append(b, ',')
			}
			b = appendElement(b, row[c])
		}
		b = append(b, '}')
		args[c] = string(b)
	}
	*buffer = b
	return args
}

// literals are buffers to write array literals in.
var literals = sync.Pool{New: func() any { return new([]byte) }}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func appendElement(b []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(b, v, 10)
	case []byte:
		if v == nil {
			return append(b, "NULL"...)
		}
		b = append(b, `"\\x`...)
		b = hex.AppendEncode(b, v)
		return append(b, '"')
	case string:
		b = append(b, '"')
		if strings.ContainsAny(v, `\"`) {
			v = escape.Replace(v)
		}
		b = append(b, v...)
		return append(b, '"')
	default:
		return append(b, "NULL"...)
	}
}
