// Package migratecmd is `gatewright migrate`: the schema of a database.
package migratecmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/database"
)

// Command is the command.
func Command() command.Command {
	return command.Command{Name: "migrate", About: "bring the schema of a database up or down", Sub: []command.Command{
		{Name: "status", Args: "-dsn DATABASE", About: "tell which version the database has", Run: status,
			Help: "Changes nothing. Exits with 3 if the version is not that of this command."},
		{Name: "up", Args: "-dsn DATABASE", About: "bring the database to the version of this command", Run: up,
			Help: "Any number of processes may migrate at once; one does it. A SQLite file that is not there is made."},
		{Name: "down", Args: "-dsn DATABASE -to VERSION", About: "take migrations back", Run: down,
			Help: "Tables and columns that a migration added go, with the data in them. Make a backup first, and stop\nthe servers: they refuse a schema that is not theirs."},
	}}
}

// state is what is told of a schema.
type state struct {
	Database string `json:"database"`
	Have     int    `json:"have"`
	Want     int    `json:"want"`
	// Migrations in order; applied_at is null for those to come.
	Migrations []migration `json:"migrations"`
}

type migration struct {
	Version   int        `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"`
}

func stateOf(dsn database.DSN, s gormstore.Schema) state {
	out := state{Database: dsn.String(), Have: s.Have, Want: s.Want, Migrations: []migration{}}
	for _, m := range s.Migrations {
		one := migration{Version: m.Version, Name: m.Name}
		if !m.AppliedAt.IsZero() {
			at := m.AppliedAt.UTC()
			one.AppliedAt = &at
		}
		out.Migrations = append(out.Migrations, one)
	}
	return out
}

func (s state) text(w io.Writer) {
	fmt.Fprintf(w, "%s has version %d; this command wants %d\n", s.Database, s.Have, s.Want)
	for _, m := range s.Migrations {
		when := "not applied"
		if m.AppliedAt != nil {
			when = m.AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%4d  %-30s %s\n", m.Version, m.Name, when)
	}
}

func status(c *command.Call) error {
	return run(c, func(*gorm.DB) error { return nil }, false)
}

func up(c *command.Call) error {
	return run(c, func(db *gorm.DB) error { return gormstore.Migrate(c, db) }, true)
}

func down(c *command.Call) error {
	to := c.Flags.Int("to", -1, "the `version` to go back to")
	all := c.Flags.Bool("remove-all-data", false, "allow -to 0, which removes all tables and all data")
	return run(c, func(db *gorm.DB) error {
		switch {
		case *to < 0:
			return command.Usage("-to is required: the version to go back to")
		case *to == 0 && !*all:
			return command.Usage("-to 0 removes all tables and all data: say -remove-all-data as well")
		}
		s, err := gormstore.MigrationStatus(c, db)
		if err != nil {
			return err
		}
		if *to > s.Have {
			return command.Usage("the database has version %d, which is below %d", s.Have, *to)
		}
		return gormstore.MigrateDown(c, db, *to)
	}, false)
}

// run opens the database, lets do change the schema, and tells what it is then.
func run(c *command.Call, do func(*gorm.DB) error, create bool) (err error) {
	var flags database.Flags
	flags.Register(c.Flags)
	if err := c.None(); err != nil {
		return err
	}
	dsn, err := flags.Read(c)
	if err != nil {
		return err
	}
	if create {
		if err := dsn.Create(c); err != nil {
			return err
		}
	}
	db, closeDB, err := dsn.SQL()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	if err := do(db); err != nil {
		return err
	}
	s, err := gormstore.MigrationStatus(c, db)
	if err != nil {
		return err
	}
	out := stateOf(dsn, s)
	if err := c.Print(out, out.text); err != nil {
		return err
	}
	if c.Flags.Lookup("to") == nil && s.Err() != nil {
		return command.Findings("%w", s.Err())
	}
	return nil
}
