package authz

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// Product is an API product: what a client may do once it has subscribed.
type Product struct {
	// Scopes and GrantTypes are those that a subscription permits.
	Scopes     []string
	GrantTypes []string
}

// Products are the API products by name. Where any are configured, a token
// request outside a client's subscriptions is refused.
type Products map[string]Product

func (p Products) validate() error {
	for name, product := range p {
		if name == "" {
			return fieldError("Products", "has one without a name")
		}
		if slices.Contains(product.Scopes, "") || slices.Contains(product.GrantTypes, "") {
			return fieldError(fmt.Sprintf("Products[%q]", name), "has an empty scope or grant type")
		}
	}
	return nil
}

// Permits reports whether some subscription of the client permits the grant
// type, and every scope is of a subscription that permits it.
func (p Products) Permits(c *storage.Client, grantType string, scopes []string) bool {
	if len(p) == 0 {
		return true
	}
	granted := false
	permitted := map[string]bool{}
	for _, name := range c.Subscriptions {
		product, ok := p[name]
		if !ok || !slices.Contains(product.GrantTypes, grantType) {
			continue
		}
		granted = true
		for _, s := range product.Scopes {
			permitted[s] = true
		}
	}
	for _, s := range scopes {
		if !permitted[s] {
			return false
		}
	}
	return granted
}

// Metadata says which of several kinds of id a scope demands.
type Metadata []string

// OneOf demands exactly one of the kinds.
func OneOf(kinds ...string) Metadata { return kinds }

// Requires says which scopes demand metadata; a scope that is not named takes
// none.
type Requires map[string]Metadata

func (r Requires) validate() error {
	for scope, kinds := range r {
		if scope == "" || len(kinds) == 0 || slices.Contains(kinds, "") {
			return fieldError(fmt.Sprintf("Metadata[%q]", scope), "names no kind of id: use authz.OneOf")
		}
	}
	return nil
}

// Kinds returns every kind that some scope demands, sorted.
func (r Requires) Kinds() []string {
	var kinds []string
	for _, m := range r {
		kinds = append(kinds, m...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Errors of [Requires.Check].
var (
	ErrMetadataMissing = errors.New("authz: a scope demands metadata that is not there")
	ErrMetadataSurplus = errors.New("authz: metadata that no scope demands")
)

// Check compares the kinds of id that were sent with what the scopes demand.
func (r Requires) Check(scopes, sent []string) error {
	needed := map[string]bool{}
	for _, s := range scopes {
		kinds, demands := r[s]
		if !demands {
			continue
		}
		found := 0
		for _, k := range kinds {
			needed[k] = true
			if slices.Contains(sent, k) {
				found++
			}
		}
		switch {
		case found == 0:
			return ErrMetadataMissing
		case found > 1:
			return ErrMetadataSurplus
		}
	}
	for _, k := range sent {
		if !needed[k] {
			return ErrMetadataSurplus
		}
	}
	return nil
}
