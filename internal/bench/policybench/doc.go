// Package policybench compares package policy with others on the same rules:
// Casbin itself, Casbin's cached enforcer, Casbin with an enforcer for each
// organization, cedar-go with a policy set for each organization, and OPA with a
// prepared query over keyed data. It is a module of its own, so that none of
// them is a dependency of the library.
//
//	go test -run '^$' -bench . -benchtime 200ms
//
// The cached enforcer is fast because it answers from a cache that keeps
// allowing after a role is removed; see docs/guides/policy.md.
package policybench
