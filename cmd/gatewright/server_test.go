package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage/memory"
)

// call runs the command.
func call(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); got != want {
		t.Fatalf("gatewright %s: exit code %d, want %d: %s", strings.Join(args, " "), got, want, errs.String())
	}
	return out.String()
}

// kind is a kind of database that the tests run on.
type kind struct {
	name string
	// variable says where the server is, empty if none is needed.
	variable string
	// make makes a database, in the file where it is one, and returns its name.
	make func(t *testing.T, file string) string
	// missing names a database that is not there.
	missing func(t *testing.T) string
}

var databases = []kind{
	{"SQLite", "", func(_ *testing.T, file string) string { return file }, func(*testing.T) string { return "missing.db" }},
	{"PostgreSQL", "GATEWRIGHT_TEST_POSTGRES", func(t *testing.T, _ string) string { return postgresSchema(t) }, func(t *testing.T) string {
		return renamed(t, os.Getenv("GATEWRIGHT_TEST_POSTGRES"))
	}},
	{"MySQL", "GATEWRIGHT_TEST_MYSQL", func(t *testing.T, _ string) string { return mysqlDatabase(t) }, func(t *testing.T) string {
		return renamed(t, mysqlURL(t, "x"))
	}},
}

// need skips a test whose server was not named.
func (k *kind) need(t *testing.T) {
	t.Helper()
	if k.variable != "" && os.Getenv(k.variable) == "" {
		t.Skip(k.variable + " is not set")
	}
}

// renamed is the URL with the name of a database that nobody makes.
func renamed(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the name of the test database is no URL")
	}
	u.Path = "/" + unique()
	return u.String()
}

// TestServers runs migrations over the databases that are servers.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		if d.variable == "" {
			continue
		}
		name := d.name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			dsn := d.make(t, "")
			file := filepath.Join(t.TempDir(), "dsn")
			if err := os.WriteFile(file, []byte(dsn+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			call(t, command.ExitFindings, "migrate", "status", "-dsn-file", file)
			if out := call(t, command.ExitOK, "migrate", "up", "-dsn-file", file); !strings.HasPrefix(out, name+" database ") {
				t.Errorf("%q", out)
			}
			call(t, command.ExitOK, "migrate", "status", "-dsn-file", file)
			call(t, command.ExitOK, "cert", "expiring", "-dsn-file", file)
			// One step back and forth, as after an interruption as well.
			for range 2 {
				call(t, command.ExitOK, "migrate", "down", "-to", "1", "-dsn-file", file)
				call(t, command.ExitFindings, "migrate", "status", "-dsn-file", file)
				call(t, command.ExitOK, "migrate", "up", "-dsn-file", file)
				call(t, command.ExitOK, "cert", "expiring", "-dsn-file", file)
			}
			call(t, command.ExitOK, "migrate", "down", "-to", "0", "-remove-all-data", "-dsn-file", file)
			call(t, command.ExitFindings, "migrate", "status", "-dsn-file", file)
		})
	}
}

func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "gw_test_" + hex.EncodeToString(b[:])
}

func postgresSchema(t *testing.T) string {
	dsn := os.Getenv("GATEWRIGHT_TEST_POSTGRES")
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("GATEWRIGHT_TEST_POSTGRES is no URL")
	}
	name := unique()
	statement(t, "pgx", dsn, "CREATE SCHEMA "+name)
	t.Cleanup(func() { statement(t, "pgx", dsn, "DROP SCHEMA "+name+" CASCADE") })
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func mysqlDatabase(t *testing.T) string {
	dsn := os.Getenv("GATEWRIGHT_TEST_MYSQL")
	name := unique()
	statement(t, "mysql", dsn, "CREATE DATABASE "+name)
	t.Cleanup(func() { statement(t, "mysql", dsn, "DROP DATABASE "+name) })
	return mysqlURL(t, name)
}

func mysqlURL(t *testing.T, name string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(os.Getenv("GATEWRIGHT_TEST_MYSQL"))
	if err != nil {
		t.Fatal("GATEWRIGHT_TEST_MYSQL is no DSN")
	}
	u := url.URL{Scheme: "mysql", User: url.User(cfg.User), Host: cfg.Addr, Path: "/" + name} // the URL form
	if cfg.Passwd != "" {
		u.User = url.UserPassword(cfg.User, cfg.Passwd)
	}
	return u.String()
}

func statement(t *testing.T, driver, dsn, statement string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Error(err)
	}
}

// TestReportOfInstallation reads what a real installation reports, and knows its
// controls by their names.
func TestReportOfInstallation(t *testing.T) {
	t.Parallel()
	rules, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	in, err := authz.Open(t.Context(), authz.Config{Issuer: "https://api.example.com", Profile: authz.Bank(authz.Sandbox), Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()}, Policy: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close(t.Context())
	report := func(change func(*authz.Report)) string {
		r := in.Report()
		change(&r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if out := call(t, command.ExitOK, "config", "report", report(func(*authz.Report) {})); out != in.Report().String() {
		t.Errorf("%s", out)
	}
	// Were it production with everything on, it would do; with one less it would not.
	all := func(r *authz.Report) {
		r.Environment = string(authz.Production)
		for i := range r.Controls {
			r.Controls[i].On = true
		}
	}
	call(t, command.ExitOK, "config", "report", report(all))
	for _, name := range []string{"tls", "client headers", "address list", "mutual tls", "sealed messages", "bound accounts"} {
		call(t, command.ExitFindings, "config", "report", report(func(r *authz.Report) {
			all(r)
			for i := range r.Controls {
				if r.Controls[i].Name == name {
					r.Controls[i].On = false
				}
			}
		}))
	}
}

// TestServerNotices: what the command does is known to a server that runs.
func TestServerNotices(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			serverNotices(t, d)
		})
	}
}

func serverNotices(t *testing.T, d kind) {
	dir := t.TempDir()
	file, root := filepath.Join(dir, "dsn"), filepath.Join(dir, "root.key")
	if err := os.WriteFile(file, []byte(d.make(t, filepath.Join(dir, "site.db"))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	call(t, command.ExitOK, "keys", "root", root)
	service, in, done, err := open(file, root)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := service.EnsureOrganization(t.Context(), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	at := []string{"-organization", "acme", "-environment", "live", "-issuer", "https://api.example.com", "-root-key", root, "-dsn-file", file}
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	out := call(t, command.ExitOK, append([]string{"keys", "create", "-json", "-role", "viewer"}, at...)...)
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Secret == "" {
		t.Fatal(out, err)
	}
	client, err := in.Client(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := in.Keyring().VerifySecret(made.Secret, client.Secrets[0].Hash); !ok {
		t.Error("the server does not accept the secret")
	}
	call(t, command.ExitOK, append([]string{"keys", "suspend", made.ID}, at...)...)
	waitFor(t, func() bool {
		c, err := in.Client(t.Context(), made.ID)
		return err == nil && !c.ActiveAt(in.Now())
	})
	events, _, err := service.Trail(t.Context(), admin.Host().In("acme"), admin.TrailFilter{Target: "key:" + made.ID})
	if err != nil || len(events) != 2 || events[1].Type != "key.suspended" || events[1].Actor != "host" || events[1].Route != "gatewright" {
		t.Errorf("%+v %v", events, err)
	}
	for _, e := range events {
		if bytes.Contains(e.After, []byte(made.Secret)) {
			t.Error("the audit trail has the secret")
		}
	}
}

// waitFor waits for up to two seconds; a server notices within one.
func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); !what(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server did not notice")
		}
	}
}
