package authz

import "time"

// Environment is one of the three in which a bank runs its APIs. A client
// belongs to one; its credentials do not work in another.
type Environment string

// The environments. Sandbox has API keys and OAuth only; the other two have
// every control, always.
const (
	Sandbox    Environment = "sandbox"
	UAT        Environment = "uat"
	Production Environment = "production"
)

// Bank is the profile of a bank that opens its APIs to partners and fintechs.
// In UAT and production it demands address lists, mutual TLS, sealed messages,
// client headers and bound accounts, and [Open] refuses a configuration that
// lacks what one of them needs. An unknown environment is refused there too.
func Bank(e Environment) Profile {
	controls := e == UAT || e == Production
	return Profile{
		Name:        "bank",
		Environment: string(e),
		Access:      time.Hour, MaxAccess: 24 * time.Hour, Code: 30 * time.Second,
		RefreshAbsolute: 3 * 365 * 24 * time.Hour, RefreshIdle: 183 * 24 * time.Hour,
		PKCEOptional:  true,
		ConsentedOn:   true,
		ClientHeaders: true,
		TLSRequired:   controls, AddressList: controls, MutualTLS: controls, SealedMessages: controls, BoundAccounts: controls,
	}
}

// IsSandbox reports whether this is the bank's sandbox, in which the test ids of
// a client stand in for metadata and masks.
func (p *Profile) IsSandbox() bool { return p.Name == "bank" && Environment(p.Environment) == Sandbox }

// checkEnvironment keeps the bank's promises: an environment has all of its
// controls, or its name is another.
func (p *Profile) checkEnvironment() error {
	if p.Name != "bank" {
		return nil
	}
	demanded := map[string]bool{"TLSRequired": p.TLSRequired, "AddressList": p.AddressList, "MutualTLS": p.MutualTLS, "SealedMessages": p.SealedMessages, "BoundAccounts": p.BoundAccounts, "ClientHeaders": p.ClientHeaders}
	switch Environment(p.Environment) {
	case Sandbox:
		return nil
	case UAT, Production:
		for _, name := range []string{"TLSRequired", "ClientHeaders", "AddressList", "MutualTLS", "SealedMessages", "BoundAccounts"} {
			if !demanded[name] {
				return fieldError("Profile."+name, "is off, and "+p.Environment+" always has it: start from authz.Bank")
			}
		}
		return nil
	}
	return fieldError("Profile.Environment", "is none of sandbox, uat and production")
}
