package interop_test

import (
	"errors"
	"io"
	"log"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"github.com/go-sql-driver/mysql"
)

func init() {
	_ = mysql.SetLogger(log.New(io.Discard, "", 0)) // tests cut its connections
}

// TestFoundRows: MySQL counts rows otherwise for hosts that ask it to
// (clientFoundRows). What may be there once stays so.
func TestFoundRows(t *testing.T) {
	t.Parallel()
	config, err := mysql.ParseDSN(mysqlDatabase(t))
	must(t, err)
	config.ClientFoundRows = true
	s := newStore(t, openMySQL(t, config.FormatDSN()), gormstore.Options{})
	ctx, now := t.Context(), time.Now()
	g := grant()
	a := reference(10)
	for name, command := range map[string]func() error{
		"CreateOrganization": func() error {
			return s.CreateOrganization(ctx, storage.Organization{ID: "org", Status: storage.Active}, storage.Event{})
		},
		"PutKey":      func() error { _, err := s.PutKey(ctx, storage.Key{ID: 1}, storage.Event{}); return err },
		"CreateGrant": func() error { return s.CreateGrant(ctx, g) },
		"PutArtifact": func() error { return s.PutArtifact(ctx, a) },
		"AppendEvents": func() error {
			return s.AppendEvents(ctx, []storage.Event{{ID: storage.ID{1}, At: now}})
		},
	} {
		must(t, command())
		if err := command(); !errors.Is(err, storage.ErrExists) {
			t.Errorf("%s again: %v", name, err)
		}
	}
	for name, command := range map[string]func() error{
		"CreateClient": func() error {
			return s.CreateClient(ctx, storage.Client{ID: "key", Organization: "org", Status: storage.Active}, storage.Event{})
		},
		"CreateMember": func() error {
			return s.CreateMember(ctx, storage.Member{Organization: "org", Subject: "user", Status: storage.Active}, storage.Event{})
		},
	} {
		must(t, command())
		if err := command(); !errors.Is(err, storage.ErrExists) {
			t.Errorf("%s again: %v", name, err)
		}
	}
	must(t, s.Claim(ctx, "jti", []byte("1"), now.Add(time.Hour)))
	if err := s.Claim(ctx, "jti", []byte("1"), now.Add(time.Hour)); !errors.Is(err, storage.ErrSeen) {
		t.Errorf("a second claim: %v", err)
	}
	rules := storage.RuleChange{Organization: "org", Add: [][]string{{"p", "a"}}}
	_, err = s.ApplyRules(ctx, rules, storage.Event{})
	must(t, err)
	if _, err := s.ApplyRules(ctx, rules, storage.Event{}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("rules of an old revision: %v", err)
	}
	rules.Revision = 1
	if _, err := s.ApplyRules(ctx, rules, storage.Event{}); !errors.Is(err, storage.ErrExists) {
		t.Errorf("a rule that is there: %v", err)
	}
}
