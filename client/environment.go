package client

// Environment says which of the bank's environments a client belongs to. Its
// credentials work in no other.
type Environment string

// The environments. UAT and Production demand the same.
const (
	// Sandbox has API keys and OAuth alone: no client certificate, no sealing.
	Sandbox Environment = "sandbox"
	// UAT is for acceptance tests, with everything on.
	UAT Environment = "uat"
	// Production is the real thing.
	Production Environment = "production"
)

// sealed tells whether messages are sealed and certificates shown.
func (e Environment) sealed() bool { return e == UAT || e == Production }

func (e Environment) known() bool { return e == Sandbox || e.sealed() }
