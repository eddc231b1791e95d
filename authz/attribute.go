package authz

import (
	"context"
	"maps"
	"net/netip"

	"github.com/gatewright/gatewright/authz/clientip"
)

// Names of the facts that a guard knows by itself, as package policy reads them.
const (
	attributeEnvironment = "environment"
	attributeClient      = "client"
)

type attributesKey struct{}

// WithAttributes returns ctx carrying facts for rules with conditions, such as
// an amount, beside those that ctx carries already. A guard passes them to its
// policy with every question that is asked under ctx. It adds "environment" by
// itself, and "client", the caller's address, where a resolver tells it: these a
// host cannot replace. A guard without a resolver takes the host's word for the
// address. It panics if an attribute has no name.
func WithAttributes(ctx context.Context, attributes map[string]any) context.Context {
	if _, nameless := attributes[""]; nameless {
		panic("authz: WithAttributes: an attribute needs a name")
	}
	merged := maps.Clone(attributesOf(ctx))
	if merged == nil {
		merged = make(map[string]any, len(attributes))
	}
	maps.Copy(merged, attributes)
	return context.WithValue(ctx, attributesKey{}, merged)
}

func attributesOf(ctx context.Context) map[string]any {
	attributes, _ := ctx.Value(attributesKey{}).(map[string]any)
	return attributes
}

// attributes are the facts for a question. The map is shared, and must not be
// changed, where there is nothing but the environment.
func (g *Guard) attributes(ctx context.Context, p *Principal, address netip.Addr) map[string]any {
	host := attributesOf(ctx)
	if len(host) == 0 && !address.IsValid() && g.in != nil {
		return g.in.attributes
	}
	facts := make(map[string]any, len(host)+2)
	maps.Copy(facts, host)
	delete(facts, attributeEnvironment)
	if p.Environment != "" {
		facts[attributeEnvironment] = p.Environment
	}
	switch {
	case address.IsValid():
		facts[attributeClient] = address
	case g.resolver != nil:
		delete(facts, attributeClient) // it could not tell, and nobody else may
	}
	return facts
}

// resolved is the caller's address as a resolver found it: the perimeter's, one
// in front of the guard, or the guard's own. It is not valid where none looked or
// none could tell; the peer's address is no substitute, since it may be a proxy's.
func (g *Guard) resolved(x *Exchange) netip.Addr {
	if g.resolver == nil {
		addr, _ := clientip.FromContext(x.Request.Context())
		return addr
	}
	if x.admission != nil && x.admission.Address.IsValid() {
		return x.admission.Address
	}
	addr, err := g.resolver.Resolve(x.Request)
	if err != nil {
		return netip.Addr{}
	}
	return addr
}
