// Package storagetest proves an implementation of
// [github.com/gatewright/gatewright/storage.Store]: conformance, decisions under
// concurrency, the change feed under load, survival of a killed process, and
// benchmarks that can be compared.
//
// It knows nothing of an implementation but the contract. Records are compared
// as the contract keeps them: times in UTC to the millisecond, an empty list as
// good as none. Names are unique to each test, so that tests may share one
// database; see [Options].
package storagetest
