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

// TestServers runs migrations over the databases that are servers.
func TestServers(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{"PostgreSQL": postgresSchema, "MySQL": mysqlDatabase} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := database(t)
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
	if dsn == "" {
		t.Skip("GATEWRIGHT_TEST_POSTGRES is not set")
	}
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
	if dsn == "" {
		t.Skip("GATEWRIGHT_TEST_MYSQL is not set")
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal("GATEWRIGHT_TEST_MYSQL is no DSN")
	}
	name := unique()
	statement(t, "mysql", dsn, "CREATE DATABASE "+name)
	t.Cleanup(func() { statement(t, "mysql", dsn, "DROP DATABASE "+name) })
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
	dir := t.TempDir()
	file, root := filepath.Join(dir, "site.db"), filepath.Join(dir, "root.key")
	call(t, command.ExitOK, "keys", "root", root)
	service, in, done, err := open(file, root)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := service.EnsureOrganization(t.Context(), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	at := []string{"-organization", "acme", "-environment", "live", "-issuer", "https://api.example.com", "-root-key", root, "-dsn", file}
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
