package gormstore

import (
	"strconv"
	"strings"
)

// kind is the type of a column in the only terms that statements need.
type kind string

const (
	integer kind = "bigint"
	binary  kind = "bytea"
	text    kind = "text"
)

type column struct {
	name string
	kind kind
}

// table is a table as the queue's statements see it. Its primary key is the
// first columns.
type table struct {
	name    string
	columns []column
	keys    int
	// conflict is what an insert does with a row that is there, nothing if empty;
	// "new." and "old." stand for the two rows, and greatest() for the larger.
	conflict []assignment
}

type assignment struct{ column, value string }

// update is an UPDATE of single rows by primary key.
type update struct {
	table *table
	set   []column
	// guard is a column whose old value is compared, with compare.
	guard   *column
	compare string
}

var (
	grantTable = &table{name: "gw_grant", keys: 1, columns: []column{
		{"id", binary}, {"client", text}, {"organization", text}, {"subject", text},
		{"client_epoch", integer}, {"organization_epoch", integer}, {"member_epoch", integer},
		{"account", binary}, {"consented_at", integer}, {"expires_at", integer}, {"idle_at", integer},
		{"access_until", integer}, {"generation", integer}, {"refresh", binary}, {"rotated_at", integer},
		{"graceable", integer}, {"ended_at", integer}, {"end_reason", text}, {"lists", text}, {"sealed", binary},
	}}
	artifactTable = &table{name: "gw_artifact", keys: 2, columns: []column{
		{"kind", integer}, {"akey", binary}, {"client", text}, {"organization", text}, {"subject", text},
		{"client_epoch", integer}, {"organization_epoch", integer}, {"member_epoch", integer},
		{"sealed", binary}, {"expires_at", integer}, {"redeemed_at", integer}, {"grant_id", binary}, {"account", binary},
	}}
	changeTable = &table{name: "gw_change", keys: 2, columns: []column{
		{"kind", integer}, {"id", binary}, {"client", text}, {"status", integer}, {"version", integer}, {"epoch", integer},
		{"min_generation", integer}, {"ended", integer}, {"valid_until", integer},
	}, conflict: []assignment{
		// status first: MySQL assigns from left to right.
		{"status", "CASE WHEN new.version >= old.version THEN new.status ELSE old.status END"},
		{"version", "greatest(old.version, new.version)"},
		{"client", "new.client"},
		{"epoch", "greatest(old.epoch, new.epoch)"},
		{"min_generation", "greatest(old.min_generation, new.min_generation)"},
		{"ended", "greatest(old.ended, new.ended)"},
		{"valid_until", "greatest(old.valid_until, new.valid_until)"},
		{"seq", "NULL"},
	}}
	claimTable = &table{name: "gw_claim", keys: 2, columns: []column{
		{"namespace", text}, {"ckey", binary}, {"valid_until", integer},
	}}
	eventTable = &table{name: "gw_event", keys: 1, columns: []column{
		{"id", binary}, {"happened_at", integer}, {"event_type", text}, {"outcome", text}, {"organization", text},
		{"actor", text}, {"target", text}, {"client", text}, {"grant_id", binary}, {"address", text},
		{"route", text}, {"reason", text}, {"state_before", binary}, {"state_after", binary},
	}}
	clientKeyTable = &table{name: "gw_client_key", keys: 2, columns: []column{
		{"environment", text}, {"thumbprint", binary}, {"client", text},
	}}
	ruleTable = &table{name: "gw_rule", keys: 2, columns: []column{
		{"organization", text}, {"digest", binary}, {"place", integer}, {"fields", text},
	}}

	rulesetTable = &table{name: "gw_ruleset", keys: 1, columns: []column{
		{"organization", text}, {"revision", integer},
	}}

	rotateGrant = &update{table: grantTable, guard: &column{"generation", integer}, compare: " = ", set: []column{
		{"generation", integer}, {"refresh", binary}, {"rotated_at", integer}, {"graceable", integer},
		{"idle_at", integer}, {"access_until", integer}, {"ended_at", integer}, {"end_reason", text},
	}}
	redeemArtifact = &update{table: artifactTable, guard: &column{"redeemed_at", integer}, compare: " = ", set: []column{
		{"redeemed_at", integer}, {"grant_id", binary},
	}}
	stampChange = &update{table: changeTable, set: []column{{"seq", integer}}}
	sealEvent   = &update{table: eventTable, set: []column{{"seq", integer}, {"chain", binary}}}
	touchClient = &update{table: &table{name: "gw_client_use", keys: 1, columns: []column{{"id", text}, {"used_at", integer}}},
		set: []column{{"used_at", integer}}, guard: &column{"used_at", integer}, compare: " < "}
)

func names(columns []column, prefix string) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(prefix)
		b.WriteString(c.name)
	}
	return b.String()
}

// unnest is a PostgreSQL row source of array parameters.
func unnest(columns []column) string {
	var b strings.Builder
	b.WriteString("unnest(")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1) + "::" + string(c.kind) + "[]")
	}
	b.WriteString(") AS new(" + names(columns, "") + ")")
	return b.String()
}

// tuples writes n times "(?, ?)".
func tuples(columns, n int) string {
	one := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return strings.Repeat(one+", ", n-1) + one
}

// insertText is an INSERT of n rows (any number on PostgreSQL) that tells which
// of them are new, where one statement can.
func (t *table) insertText(d dialect, n int) string {
	switch {
	case d == mysql:
	case t.conflict != nil:
		return t.addText(d, n) + " RETURNING " + names(t.columns, "")
	case d == postgres:
		return t.addText(d, n) + " RETURNING " + names(t.columns[:t.keys], "")
	}
	return t.addText(d, n)
}

// addText is insertText, but tells only how many are new.
func (t *table) addText(d dialect, n int) string {
	var b strings.Builder
	b.WriteString("INSERT ")
	if d == mysql && t.conflict == nil {
		// The lengths of all values are checked before, so that IGNORE can mean
		// nothing but the key.
		b.WriteString("IGNORE ")
	}
	b.WriteString("INTO " + t.name + " (" + names(t.columns, "") + ") ")
	if d == postgres {
		b.WriteString("SELECT " + names(t.columns, "new.") + " FROM " + unnest(t.columns))
	} else {
		b.WriteString("VALUES " + tuples(len(t.columns), n))
	}
	switch {
	case d == mysql && t.conflict != nil:
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
	case d == mysql:
		return b.String()
	case t.conflict == nil:
		b.WriteString(" ON CONFLICT (" + names(t.columns[:t.keys], "") + ") DO NOTHING")
	default:
		b.WriteString(" ON CONFLICT (" + names(t.columns[:t.keys], "") + ") DO UPDATE SET ")
	}
	b.WriteString(t.assignments(d))
	return b.String()
}

// assignments is what the conflict clause sets.
func (t *table) assignments(d dialect) string {
	var b strings.Builder
	for i, a := range t.conflict {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.column + " = " + t.onConflict(d, a.value))
	}
	return b.String()
}

func (t *table) onConflict(d dialect, value string) string {
	value = strings.ReplaceAll(value, "old.", t.name+".")
	switch d {
	case mysql:
		for _, c := range t.columns {
			value = strings.ReplaceAll(value, "new."+c.name, "VALUES("+c.name+")")
		}
	case sqlite:
		value = strings.ReplaceAll(value, "greatest(", "max(")
		fallthrough
	default:
		value = strings.ReplaceAll(value, "new.", "excluded.")
	}
	return value
}

// selectText reads n rows (any number on PostgreSQL) by primary key, in its
// order, and locks them if asked to.
func (t *table) selectText(d dialect, n int, lock bool) string {
	keys := t.columns[:t.keys]
	var b strings.Builder
	b.WriteString("SELECT " + names(t.columns, "t.") + " FROM " + t.name + " t")
	switch {
	case d == postgres:
		b.WriteString(" JOIN " + unnest(keys) + " ON ")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" AND ")
			}
			b.WriteString("t." + k.name + " = new." + k.name)
		}
	case n == 1:
		b.WriteString(" WHERE " + strings.ReplaceAll(names(keys, "t."), ",", " = ? AND") + " = ?")
	case t.keys == 1:
		b.WriteString(" WHERE t." + keys[0].name + " IN " + tuples(n, 1))
	default:
		b.WriteString(" WHERE (" + names(keys, "t.") + ") IN (" + tuples(t.keys, n) + ")")
	}
	if n != 1 {
		b.WriteString(" ORDER BY " + names(keys, "t."))
	}
	if lock {
		b.WriteString(d.lock())
		if d == postgres {
			b.WriteString(" OF t")
		}
	}
	return b.String()
}

// params are an update's parameters in order: keys, new values, old value. On
// PostgreSQL they are the columns of the row source; elsewhere the order is
// values, keys, old value.
func (u *update) params() []column {
	params := append([]column(nil), u.table.columns[:u.table.keys]...)
	for _, c := range u.set {
		params = append(params, column{"set_" + c.name, c.kind})
	}
	if u.guard != nil {
		params = append(params, column{"was_" + u.guard.name, u.guard.kind})
	}
	return params
}

func (u *update) text(d dialect) string {
	keys := u.table.columns[:u.table.keys]
	var b strings.Builder
	if d == postgres {
		b.WriteString("UPDATE " + u.table.name + " t SET ")
		for i, c := range u.set {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(c.name + " = new.set_" + c.name)
		}
		b.WriteString(" FROM " + unnest(u.params()) + " WHERE ")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" AND ")
			}
			b.WriteString("t." + k.name + " = new." + k.name)
		}
		if u.guard != nil {
			b.WriteString(" AND t." + u.guard.name + u.compare + "new.was_" + u.guard.name)
		}
		return b.String()
	}
	b.WriteString("UPDATE " + u.table.name + " SET ")
	b.WriteString(strings.ReplaceAll(names(u.set, ""), ",", " = ?,") + " = ?")
	b.WriteString(" WHERE " + strings.ReplaceAll(names(keys, ""), ",", " = ? AND") + " = ?")
	if u.guard != nil {
		b.WriteString(" AND " + u.guard.name + u.compare + "?")
	}
	return b.String()
}

// deleteText removes n rows (any number on PostgreSQL) by primary key.
func (t *table) deleteText(d dialect, n int) string {
	keys := t.columns[:t.keys]
	var b strings.Builder
	b.WriteString("DELETE FROM " + t.name)
	switch {
	case d == postgres:
		b.WriteString(" USING " + unnest(keys) + " WHERE ")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" AND ")
			}
			b.WriteString(t.name + "." + k.name + " = new." + k.name)
		}
	case n == 1:
		b.WriteString(" WHERE " + strings.ReplaceAll(names(keys, ""), ",", " = ? AND") + " = ?")
	case t.keys == 1:
		b.WriteString(" WHERE " + keys[0].name + " IN " + tuples(n, 1))
	default:
		b.WriteString(" WHERE (" + names(keys, "") + ") IN (" + tuples(t.keys, n) + ")")
	}
	return b.String()
}
