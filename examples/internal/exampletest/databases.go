package exampletest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gatewright/gatewright/storage"

	"time"
)

// Databases returns a fresh database of each kind as a -dsn; SQLite is "". One
// whose server is not in the environment is a test that says so and is skipped.
func Databases(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, freshPostgres(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, freshMySQL(t)) })
}

func server(t *testing.T, variable string) string {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" {
		t.Skipf("%s is not set: no server to test on", variable)
	}
	return dsn
}

func databaseName() string {
	return "gw_example_" + storage.NewID(time.Now()).String()[:20]
}

func freshPostgres(t *testing.T) string {
	t.Helper()
	dsn := server(t, "GATEWRIGHT_TEST_POSTGRES")
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	name := databaseName()
	manage(t, db, "CREATE DATABASE "+name, "DROP DATABASE "+name+" WITH (FORCE)")
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		// The driver's own form: key=value pairs, the last of which counts.
		return strings.TrimSpace(dsn) + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}

func freshMySQL(t *testing.T) string {
	t.Helper()
	native := server(t, "GATEWRIGHT_TEST_MYSQL")
	if u, err := url.Parse(native); err == nil && (u.Scheme == "mysql" || u.Scheme == "mariadb") {
		password, _ := u.User.Password()
		native = fmt.Sprintf("%s:%s@tcp(%s)%s", u.User.Username(), password, u.Host, u.Path)
	}
	db, err := gorm.Open(mysql.Open(native), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	name := databaseName()
	manage(t, db, "CREATE DATABASE "+name, "DROP DATABASE "+name)
	parsed, err := driver.ParseDSN(native)
	if err != nil {
		t.Fatal(err)
	}
	parsed.DBName = name
	return parsed.FormatDSN()
}

func manage(t *testing.T, db *gorm.DB, create, drop string) {
	t.Helper()
	if err := db.Exec(create).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Exec(drop).Error; err != nil {
			t.Error(err)
		}
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
}
