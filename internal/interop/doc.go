// Package interop runs Gatewright against other people's software: the storage
// suite on PostgreSQL and MariaDB, and two processes that follow each other's
// policy rules there over lines that are cut. It is a module of its own, so that what it
// needs reaches nobody who uses Gatewright.
//
// The databases are named by the environment: GATEWRIGHT_TEST_POSTGRES and
// GATEWRIGHT_TEST_MYSQL hold data source names of databases in which tests may
// create schemas and databases of their own. Tests of an absent one are skipped.
package interop
