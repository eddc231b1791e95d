package authz

import (
	"fmt"
	"strings"
	"time"
)

// Report tells how an installation is configured: which control is on, where it
// comes from and why. It holds no secret and marshals to JSON.
type Report struct {
	Issuer      string `json:"issuer"`
	Realm       string `json:"realm"`
	Profile     string `json:"profile"`
	Environment string `json:"environment"`
	// Controls in the order in which a request meets them.
	Controls  []ControlReport   `json:"controls"`
	Lifetimes map[string]string `json:"lifetimes"`
	Products  []string          `json:"products,omitempty"`
	// Metadata are the kinds of id that scopes demand.
	Metadata map[string][]string `json:"metadata,omitempty"`
}

// ControlReport is one control.
type ControlReport struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
	// Where says what the control uses; Why what turns it on or off.
	Where string `json:"where,omitempty"`
	Why   string `json:"why"`
}

// Report describes the running configuration.
func (in *Installation) Report() Report {
	cfg, p := &in.cfg, &in.cfg.Profile
	r := Report{Issuer: cfg.Issuer, Realm: cfg.Realm, Profile: p.Name, Environment: p.Environment, Metadata: map[string][]string{},
		Lifetimes: map[string]string{"access": p.Access.String(), "access_ceiling": p.MaxAccess.String(), "code": p.Code.String(),
			"refresh_absolute": p.RefreshAbsolute.String(), "refresh_idle": p.RefreshIdle.String(), "refresh_grace": p.RefreshGrace.String(),
			"effect_elsewhere": time.Second.String()}}
	for name := range cfg.Products {
		r.Products = append(r.Products, name)
	}
	for scope, kinds := range cfg.Metadata {
		r.Metadata[scope] = kinds
	}
	because := func(field string, on bool) string {
		if on {
			return "Profile." + field + " is on"
		}
		return "Profile." + field + " is off"
	}
	control := func(name, field string, on bool, where string) {
		if !on {
			where = ""
		}
		r.Controls = append(r.Controls, ControlReport{Name: name, On: on, Where: where, Why: because(field, on)})
	}
	control("tls", "TLSRequired", p.TLSRequired, "the connection, or a trusted proxy that passes certificates on")
	control("client headers", "ClientHeaders", p.ClientHeaders, cfg.Headers.ClientID+", "+cfg.Headers.ClientSecret)
	control("address list", "AddressList", p.AddressList, addressesFrom(cfg))
	control("mutual tls", "MutualTLS", p.MutualTLS, certificatesFrom(cfg))
	control("sealed messages", "SealedMessages", p.SealedMessages, bindingOf(cfg))
	control("bound accounts", "BoundAccounts", p.BoundAccounts, "MayActFor and OwnsAccount of the host, on every call")
	control("strict token checks", "Strict", p.Strict, "the store, on every request")
	r.Controls = append(r.Controls,
		ControlReport{Name: "tokens", On: true, Where: map[TokenFormat]string{SealedTokens: "sealed, checked against the change feed", ReferenceTokens: "rows in the store"}[p.Format], Why: "always"},
		ControlReport{Name: "policy", On: true, Where: fmt.Sprintf("%T", cfg.Policy), Why: "Config.Policy is required"},
		ControlReport{Name: "subscriptions", On: len(cfg.Products) > 0, Why: fmt.Sprintf("Config.Products has %d", len(cfg.Products))})
	return r
}

func addressesFrom(cfg *Config) string {
	where := "the resolver of Config.ClientIP"
	if cfg.Addresses.AllowPrivate {
		where += ", private ranges permitted"
	}
	if cfg.Addresses.AllowLoopback {
		where += ", loopback permitted"
	}
	return where
}

func certificatesFrom(cfg *Config) string {
	if cfg.ClientCertificates != nil && cfg.ClientCertificates.Proxy != nil {
		return "a header of a trusted proxy, or the connection"
	}
	return "the connection"
}

func bindingOf(cfg *Config) string {
	if cfg.Message == nil {
		return ""
	}
	return "binding " + cfg.Message.Binding.String()
}

// String is the report as text, a line a control.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "issuer       %s\nprofile      %s\nenvironment  %s\n", r.Issuer, r.Profile, r.Environment)
	for _, c := range r.Controls {
		state := "off"
		if c.On {
			state = "on"
		}
		fmt.Fprintf(&b, "%-20s %-4s %s", c.Name, state, c.Why)
		if c.Where != "" {
			fmt.Fprintf(&b, "; %s", c.Where)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
