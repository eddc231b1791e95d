package interop_test

import (
	"os"
	"testing"

	"github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
)

const mysqlVariable = "GATEWRIGHT_TEST_MYSQL"

// mysqlDatabase makes a database for the test and returns the data source name
// that works in it.
func mysqlDatabase(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv(mysqlVariable)
	if dsn == "" {
		tb.Skipf("%s is not set", mysqlVariable)
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatalf("%s is no data source name of the MySQL driver", mysqlVariable)
	}
	config.DBName = "gw_test_" + unique()
	admin(tb, "mysql", dsn, "CREATE DATABASE "+config.DBName)
	tb.Cleanup(func() { admin(tb, "mysql", dsn, "DROP DATABASE "+config.DBName) })
	return config.FormatDSN()
}

func openMySQL(tb testing.TB, dsn string) *gorm.DB {
	tb.Helper()
	return openGorm(tb, gormmysql.Open(dsn))
}
