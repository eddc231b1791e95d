// Package policytest runs test suites of policies: YAML files that say, for a
// table of people, objects and actions, what is allowed. Whatever such a table
// does not list must be denied.
//
//	tests:
//	  - name: what a viewer may do
//	    organization: acme
//	    objects: [account, account:42, transaction:7]
//	    actions: [create, read]
//	    allow:
//	      viewer:
//	        account: [read]
//	        account:42: [read]
//	        transaction:7: [read]
//	  - name: the archive is closed
//	    ask: {who: viewer, organization: acme, object: "account:9", action: read}
//	    want: deny
//	    reason: explicit_deny
//
// A JSON Schema for editors is docs/policy-test.schema.json of the module. The
// same files run from the command line (gatewright policy test) and from Go
// tests ([Check]).
package policytest
