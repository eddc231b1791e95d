package authz

import "github.com/gatewright/gatewright/storage"

// The client types of a bank, as [storage.Client].Type.
const (
	// Fintech is an app of somebody else that customers sign in for.
	Fintech = "fintech"
	// Partner is an institution that acts for its own customers.
	Partner = "partner"
	// InternalApp is an app of the bank itself that runs elsewhere.
	InternalApp = "internal"
)

// ClientOf returns a client as its type is registered: with the type's grant
// types, ready to be completed and created. An unknown type has none, and can
// do nothing.
func ClientOf(clientType string) storage.Client {
	c := storage.Client{Type: clientType, Status: storage.Active}
	switch clientType {
	case Fintech:
		c.GrantTypes = []string{"authorization_code", "refresh_token"}
	case Partner, InternalApp:
		c.GrantTypes = []string{"client_credentials"}
	}
	return c
}
