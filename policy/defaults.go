package policy

import (
	"embed"
	"sync"
)

//go:embed library
var library embed.FS

// defaults are parsed once; they are part of the program, and a test holds that
// they are valid.
var defaults = sync.OnceValues(func() (Model, Rules) {
	m, err := ReadModel(library, "library/organizations/model.conf")
	if err != nil {
		return Model{}, Rules{}
	}
	r, err := ReadRules(library, "library/organizations/policy.csv")
	if err != nil {
		return Model{}, Rules{}
	}
	return m, r
})

// DefaultModel is roles with organizations, where a rule that denies outweighs
// those that allow: file library/organizations/model.conf of this package.
func DefaultModel() Model {
	m, _ := defaults()
	return m
}

// DefaultRules define the built-in roles in every organization:
//
//	admin             everything
//	operator          account:create account:read transaction:read
//	                  transaction:manage terminal:assign transfer:initiate
//	viewer            account:read transaction:read
//	terminal-manager  account:read terminal:assign
//	transfer-only     account:read transfer:initiate
//
// key:manage is left to admin. Hosts add their own rules with [Rules.With] and
// [Rules.Join].
func DefaultRules() Rules {
	_, r := defaults()
	return r
}
