package gormstore

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"strconv"

	"github.com/gatewright/gatewright/storage"
)

// On PostgreSQL the common case of a rotation and of an end, that all is well, is
// one statement and one round trip instead of six. What such a statement does not
// answer has changed nothing, and goes the way that all commands can go
// (batch.go), which alone says why a command was refused.

// goodStanding joins what the row x depends on, and lets only such rows pass
// whose client, organization and member are active with no epoch raised. It is
// what standing.go decides, but for an organization other than the client's.
const goodStanding = `
JOIN gw_client c ON c.id = x.client AND c.organization = x.organization
JOIN gw_organization o ON o.id = x.organization
LEFT JOIN gw_member m ON x.subject <> '' AND m.organization = x.organization AND m.subject = x.subject
WHERE c.status = 1 AND (c.expires_at = 0 OR c.expires_at > r.at) AND c.epoch <= x.client_epoch
AND o.status = 1 AND o.epoch <= x.organization_epoch
AND (m.subject IS NULL OR m.status = 1 AND m.epoch <= x.member_epoch)`

var (
	rotationColumns = []column{
		{"id", binary}, {"client", text}, {"was", integer}, {"presented", binary}, {"next", binary},
		{"at", integer}, {"next_idle_at", integer}, {"next_access_until", integer}, {"skew", integer},
	}
	// firstColumns are a new row, and the expiry of the virtual grant's access
	// tokens and the time of its rotation.
	firstColumns = append(slices.Clone(grantTable.columns), column{"old_until", integer}, column{"at", integer}, column{"skew", integer})
	endColumns   = []column{{"id", binary}, {"client", text}, {"at", integer}, {"reason", text}, {"until", integer}}
)

var onConflict = " ON CONFLICT (kind, id) DO UPDATE SET " + changeTable.assignments(postgres)

// rotateText rotates rows that are there, and returns them with their changes.
// The predecessor's expiry is needed after the update, so the rows are locked
// and read first; PostgreSQL checks the conditions again on a row that it had to
// wait for.
var rotateText = `WITH l AS (
SELECT x.id, x.access_until AS old_until, r.next, r.at, r.next_idle_at, r.next_access_until, r.skew
FROM ` + source("r", 1, rotationColumns) + ` JOIN gw_grant x ON x.id = r.id` + goodStanding + `
AND x.client = r.client AND x.generation = r.was AND x.generation < 4294967295 AND x.refresh = r.presented
AND x.ended_at = 0 AND (x.expires_at = 0 OR x.expires_at > r.at) AND (x.idle_at = 0 OR x.idle_at > r.at)
ORDER BY x.id FOR UPDATE OF x
), u AS (
UPDATE gw_grant g SET generation = g.generation + 1, refresh = l.next, rotated_at = l.at, graceable = 1,
idle_at = l.next_idle_at, access_until = l.next_access_until
FROM l WHERE g.id = l.id RETURNING ` + names(grantTable.columns, "g.") + `
), n AS (
INSERT INTO gw_change (` + names(changeTable.columns, "") + `)
SELECT 2, u.id, u.client, 0, 0, 0, u.generation, 0, l.old_until + l.skew FROM l JOIN u ON u.id = l.id WHERE l.old_until > l.at
` + onConflict + ` RETURNING id, min_generation, valid_until
) SELECT ` + names(grantTable.columns, "u.") + `, n.min_generation, n.valid_until FROM u LEFT JOIN n ON n.id = u.id`

// firstText makes the rows of virtual grants that are rotated for the first
// time, if there are none.
var firstText = `WITH u AS (
INSERT INTO gw_grant (` + names(grantTable.columns, "") + `)
SELECT ` + names(grantTable.columns, "x.") + ` FROM (SELECT *, at AS now FROM ` + source("v", 1, firstColumns) + `) x
CROSS JOIN LATERAL (SELECT x.now AS at) r` + goodStanding + `
ORDER BY x.id ON CONFLICT (id) DO NOTHING RETURNING id, client, generation
), n AS (
INSERT INTO gw_change (` + names(changeTable.columns, "") + `)
SELECT 2, u.id, u.client, 0, 0, 0, u.generation, 0, v.old_until + v.skew FROM u
JOIN ` + source("v", 1, firstColumns) + ` ON v.id = u.id WHERE v.old_until > v.at
` + onConflict + ` RETURNING id, min_generation, valid_until
) SELECT u.id, n.min_generation, n.valid_until FROM u LEFT JOIN n ON n.id = u.id`

// endText ends rows that are there and makes ended ones of virtual grants.
var endText = `WITH e AS (SELECT * FROM ` + source("e", 1, endColumns) + `),
l AS (
SELECT g.id FROM e JOIN gw_grant g ON g.id = e.id
WHERE g.ended_at = 0 AND (e.client = '' OR g.client = e.client) ORDER BY g.id FOR UPDATE OF g
), u AS (
UPDATE gw_grant g SET ended_at = e.at, end_reason = e.reason FROM l JOIN e ON e.id = l.id
WHERE g.id = l.id RETURNING g.id, g.client
), i AS (
INSERT INTO gw_grant (` + names(grantTable.columns, "") + `)
SELECT ` + names(grantTable.columns, "v.") + ` FROM ` + source("v", 1+len(endColumns), grantTable.columns) + `
ON CONFLICT (id) DO NOTHING RETURNING id, client
) INSERT INTO gw_change (` + names(changeTable.columns, "") + `)
SELECT 2, b.id, b.client, 0, 0, 0, 0, 1, e.until FROM (SELECT * FROM u UNION ALL SELECT * FROM i) b JOIN e ON e.id = b.id
` + onConflict + ` RETURNING ` + names(changeTable.columns, "gw_change.")

// source is a row source of array parameters from $first on.
func source(alias string, first int, columns []column) string {
	var b bytes.Buffer
	b.WriteString("unnest(")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(first+i) + "::" + string(c.kind) + "[]")
	}
	b.WriteString(") AS " + alias + "(" + names(columns, "") + ")")
	return b.String()
}

// oneTrip carries out what it can of the commands, each kind in one statement
// that commits by itself, and returns the others in their order. A grant that
// two commands concern is for a batch. On an error nothing is known of those of
// its kind; others are done.
func oneTrip(ctx context.Context, s *session, commands []command) (rest []command, err error) {
	var rotations, firsts []*rotate
	var ends []*endGrant
	seen := make(map[storage.ID]bool, len(commands))
	for _, c := range commands {
		switch c := c.(type) {
		case *rotate:
			if seen[c.rotation.ID] {
				continue
			}
			seen[c.rotation.ID] = true
			if c.rotation.Virtual != nil && c.rotation.From == 0 {
				firsts = append(firsts, c)
			} else {
				rotations = append(rotations, c)
			}
		case *endGrant:
			if seen[c.end.ID] {
				continue
			}
			seen[c.end.ID] = true
			ends = append(ends, c)
		}
	}
	rest = commands
	for _, step := range []func() ([]command, error){
		func() ([]command, error) { return rotateAll(ctx, s, rotations) },
		func() ([]command, error) { return rotateFirst(ctx, s, firsts) },
		func() ([]command, error) { return endAll(ctx, s, ends) },
	} {
		// Rows come before the commit, whose failure is an error of the step.
		done, err := step()
		if err != nil {
			return rest, err
		}
		rest = without(rest, done)
	}
	return rest, nil
}

func without(commands, done []command) []command {
	if len(done) == 0 {
		return commands
	}
	gone := make(map[command]bool, len(done))
	for _, c := range done {
		gone[c] = true
	}
	rest := make([]command, 0, len(commands)-len(done))
	for _, c := range commands {
		if !gone[c] {
			rest = append(rest, c)
		}
	}
	return rest
}

func byID(x, y []any) int { return bytes.Compare(x[0].([]byte), y[0].([]byte)) }

func rotateAll(ctx context.Context, s *session, commands []*rotate) (done []command, err error) {
	if len(commands) == 0 {
		return nil, nil
	}
	of := make(map[storage.ID]*rotate, len(commands))
	rows := make([][]any, len(commands))
	for i, c := range commands {
		r := &c.rotation
		of[r.ID] = c
		rows[i] = []any{
			r.ID[:], r.Client, int64(r.From), r.Presented, r.Next,
			toMillis(r.At), toMillis(r.IdleAt), toMillis(r.AccessUntil), r.Skew.Milliseconds(),
		}
		if len(r.Presented) == 0 || !storable(r.Client) {
			rows[i][1], rows[i][3] = "", []byte(nil) // hits nothing
		}
	}
	slices.SortFunc(rows, byID)
	err = s.query(ctx, func(row *sql.Rows) error {
		var generation, until sql.Null[int64]
		g, err := scanGrant(row, &generation, &until)
		if err != nil {
			return err
		}
		c := of[g.ID]
		c.answer = storage.Rotated{Outcome: storage.Done, Grant: g, Changes: rotationChange(&g, generation, until)}
		done = append(done, c)
		return nil
	}, rotateText, arrays(rotationColumns, rows)...)
	return done, err
}

func rotationChange(g *storage.Grant, generation, until sql.Null[int64]) []storage.Change {
	if !generation.Valid {
		return nil
	}
	return []storage.Change{{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client,
		MinGeneration: uint32(generation.V), Until: fromUntil(until.V),
	}}
}

func rotateFirst(ctx context.Context, s *session, commands []*rotate) (done []command, err error) {
	of := make(map[storage.ID]*rotate, len(commands))
	next := make(map[storage.ID]*grantState, len(commands))
	var rows [][]any
	for _, c := range commands {
		r := &c.rotation
		state := candidate(*r.Virtual, r.ID)
		state.grant.Generation = 0
		old := toMillis(state.grant.AccessUntil)
		// As if all were in good standing, which the statement finds out.
		if state.rotate(r, assumed(&state.grant)) != storage.Done {
			continue
		}
		of[r.ID], next[r.ID] = c, state
		rows = append(rows, append(grantRow(&state.grant), old, toMillis(r.At), r.Skew.Milliseconds()))
	}
	if len(rows) == 0 {
		return nil, nil
	}
	slices.SortFunc(rows, byID)
	err = s.query(ctx, func(row *sql.Rows) error {
		var id sql.RawBytes
		var generation, until sql.Null[int64]
		if err := row.Scan(&id, &generation, &until); err != nil {
			return err
		}
		c := of[storage.ID(id)]
		g := next[storage.ID(id)].grant
		c.answer = storage.Rotated{Outcome: storage.Done, Grant: g, Changes: rotationChange(&g, generation, until)}
		done = append(done, c)
		return nil
	}, firstText, arrays(firstColumns, rows)...)
	return done, err
}

// assumed is the best standing that the parties of a grant can have.
func assumed(g *storage.Grant) *standing {
	return &standing{
		clients: map[string]clientStanding{g.Client: {
			standingRow: standingRow{status: storage.Active}, organization: g.Organization,
		}},
		organizations: map[string]standingRow{g.Organization: {status: storage.Active}},
	}
}

func endAll(ctx context.Context, s *session, commands []*endGrant) (done []command, err error) {
	if len(commands) == 0 {
		return nil, nil
	}
	of := make(map[storage.ID]*endGrant, len(commands))
	var rows, virtual [][]any
	for _, c := range commands {
		e := &c.end
		if !storable(e.Client) {
			continue
		}
		of[e.ID] = c
		rows = append(rows, []any{e.ID[:], e.Client, toMillis(e.At), e.Reason, toUntil(e.Until)})
		if e.Virtual != nil && (e.Client == "" || e.Client == e.Virtual.Client) {
			state := candidate(*e.Virtual, e.ID)
			state.end(e.At, e.Reason, e.Until)
			virtual = append(virtual, grantRow(&state.grant))
		}
	}
	slices.SortFunc(rows, byID)
	slices.SortFunc(virtual, byID)
	args := append(arrays(endColumns, rows), arrays(grantTable.columns, virtual)...)
	err = s.query(ctx, func(row *sql.Rows) error {
		change, err := scanChange(row)
		if err != nil {
			return err
		}
		c := of[storage.ID([]byte(change.ID))]
		c.change = change
		done = append(done, c)
		return nil
	}, endText, args...)
	return done, err
}

// anyTrip reports whether there is something for oneTrip.
func anyTrip(commands []command) bool {
	return slices.ContainsFunc(commands, func(c command) bool {
		switch c.(type) {
		case *rotate, *endGrant:
			return true
		}
		return false
	})
}
