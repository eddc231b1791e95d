package gormstore

import (
	"strings"
	"testing"
)

func TestArrays(t *testing.T) {
	t.Parallel()
	columns := []column{{"a", integer}, {"b", binary}, {"c", text}}
	got := arrays(columns, [][]any{
		{int64(-1), []byte{0, 0xff}, ``},
		{int64(2), []byte(nil), `a"b\c,{}NULL é`},
		{int64(3), []byte{}, `NULL`},
	})
	for i, want := range []string{
		`{-1,2,3}`,
		`{"\\x00ff",NULL,"\\x"}`,
		`{"","a\"b\\c,{}NULL é","NULL"}`,
	} {
		if got[i] != want {
			t.Errorf("column %d: got %s, want %s", i, got[i], want)
		}
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	small := &table{name: "t", keys: 2, columns: []column{{"a", integer}, {"b", binary}, {"c", text}}}
	merging := &table{name: "t", keys: 1, columns: []column{{"a", integer}, {"c", integer}}, conflict: []assignment{{"c", "greatest(old.c, new.c)"}}}
	guarded := &update{table: small, set: []column{{"c", text}}, guard: &column{"c", text}, compare: " = "}
	for _, test := range []struct{ name, got, want string }{
		{"insert, PostgreSQL", small.insertText(postgres, 9), `INSERT INTO t (a, b, c) SELECT new.a, new.b, new.c FROM unnest($1::bigint[], $2::bytea[], $3::text[]) AS new(a, b, c) ON CONFLICT (a, b) DO NOTHING RETURNING a, b`},
		{"add, PostgreSQL", small.addText(postgres, 9), `INSERT INTO t (a, b, c) SELECT new.a, new.b, new.c FROM unnest($1::bigint[], $2::bytea[], $3::text[]) AS new(a, b, c) ON CONFLICT (a, b) DO NOTHING`},
		{"add, SQLite", small.addText(sqlite, 2), `INSERT INTO t (a, b, c) VALUES (?, ?, ?), (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`},
		{"insert, MySQL", small.insertText(mysql, 2), `INSERT IGNORE INTO t (a, b, c) VALUES (?, ?, ?), (?, ?, ?)`},
		{"insert, SQLite", small.insertText(sqlite, 1), `INSERT INTO t (a, b, c) VALUES (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`},
		{"upsert, PostgreSQL", merging.insertText(postgres, 1), `INSERT INTO t (a, c) SELECT new.a, new.c FROM unnest($1::bigint[], $2::bigint[]) AS new(a, c) ON CONFLICT (a) DO UPDATE SET c = greatest(t.c, excluded.c) RETURNING a, c`},
		{"upsert, MySQL", merging.insertText(mysql, 1), `INSERT INTO t (a, c) VALUES (?, ?) ON DUPLICATE KEY UPDATE c = greatest(t.c, VALUES(c))`},
		{"upsert, SQLite", merging.insertText(sqlite, 1), `INSERT INTO t (a, c) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET c = max(t.c, excluded.c) RETURNING a, c`},
		{"select, PostgreSQL", small.selectText(postgres, 3, true), `SELECT t.a, t.b, t.c FROM t t JOIN unnest($1::bigint[], $2::bytea[]) AS new(a, b) ON t.a = new.a AND t.b = new.b ORDER BY t.a, t.b FOR UPDATE OF t`},
		{"select, MySQL", small.selectText(mysql, 2, true), `SELECT t.a, t.b, t.c FROM t t WHERE (t.a, t.b) IN ((?, ?), (?, ?)) ORDER BY t.a, t.b FOR UPDATE`},
		{"select, SQLite", small.selectText(sqlite, 1, true), `SELECT t.a, t.b, t.c FROM t t WHERE t.a = ? AND t.b = ?`},
		{"update, PostgreSQL", guarded.text(postgres), `UPDATE t t SET c = new.set_c FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[]) AS new(a, b, set_c, was_c) WHERE t.a = new.a AND t.b = new.b AND t.c = new.was_c`},
		{"update, MySQL", guarded.text(mysql), `UPDATE t SET c = ? WHERE a = ? AND b = ? AND c = ?`},
		{"delete, PostgreSQL", small.deleteText(postgres, 2), `DELETE FROM t USING unnest($1::bigint[], $2::bytea[]) AS new(a, b) WHERE t.a = new.a AND t.b = new.b`},
		{"delete, MySQL", small.deleteText(mysql, 2), `DELETE FROM t WHERE (a, b) IN ((?, ?), (?, ?))`},
		{"delete, SQLite", small.deleteText(sqlite, 1), `DELETE FROM t WHERE a = ? AND b = ?`},
		{"bind", postgres.bind("a = ? AND b = ?"), "a = $1 AND b = $2"},
	} {
		if test.got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
		}
	}
}

func TestSeek(t *testing.T) {
	t.Parallel()
	rows := [][]any{{int64(1), []byte("a"), "x"}, {int64(1), []byte("b"), "x"}, {int64(2), []byte("a"), "x"}, {int64(2), []byte(nil), "x"}}
	for _, test := range []struct {
		at   int
		key  []any
		want int
	}{
		{0, []any{int64(1), []byte("a")}, 0},
		{1, []any{int64(1), []byte("a")}, 0}, // out of order
		{0, []any{int64(2), []byte("a")}, 2}, // two were there
		{3, []any{int64(2), []byte{}}, 3},
		{4, []any{int64(1), []byte("b")}, 1}, // beyond the end
	} {
		if got, ok := seek(rows, test.at, test.key); got != test.want || !ok {
			t.Errorf("from %d on %v is row %d, want %d", test.at, test.key, got, test.want)
		}
	}
	for _, key := range [][]any{{int64(1), "a"}, {int64(3), []byte("a")}, {"1", []byte("a")}, {int64(1), []byte("c")}} {
		if got, ok := seek(rows, 0, key); ok {
			t.Errorf("%v, which was not sent, is row %d", key, got)
		}
	}
}

// FuzzEncode: a document comes back as it went in, or is refused.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "a", "\xff", "�", `\ufffd`, `\\ufffd`, "\\\xff", `\` + "�", "a\x00b", "<>&", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded, err := encode([]string{s, s + "x"})
		if err != nil {
			if strings.ToValidUTF8(s, "") == s {
				t.Errorf("%q was refused", s)
			}
			return
		}
		row, err := decodeRow([]byte(encoded))
		if err != nil || len(row) != 2 || row[0] != s || row[1] != s+"x" {
			t.Errorf("%q came back as %q, %v", s, row, err)
		}
	})
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, want string
		longest  int
	}{
		{"plain", "plain", 10},
		{"exactly", "exactly", 7},
		{"cut off", "cut", 3},
		{"é", "", 1},
		{"aé", "a", 2},
		{"a\xffb", "a�b", 10},
		{"a\x00b", "a�b", 10},
		{"\xff\xff\xff", "�", 5},
	} {
		if got := clip(test.in, test.longest); got != test.want {
			t.Errorf("clip(%q, %d) is %q, want %q", test.in, test.longest, got, test.want)
		}
	}
}

func TestStorable(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"": true, "client": true, "é": true, strings.Repeat("x", 255): true,
		strings.Repeat("x", 256): false, "a\x00": false, "\xff": false,
	} {
		if storable(id) != want {
			t.Errorf("storable(%q) is %v", id, !want)
		}
	}
}
