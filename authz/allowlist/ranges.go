package allowlist

import "net/netip"

// Ranges of https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry that no client on
// the Internet calls from.
var (
	// never are no addresses of a peer at all.
	never = parse(
		"0.0.0.0/8",          // this network
		"224.0.0.0/4",        // multicast
		"255.255.255.255/32", // broadcast
		"::/128",             // unspecified
		"ff00::/8",           // multicast
	)
	loopback = parse("127.0.0.0/8", "::1/128")
	private  = parse(
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private use
		"100.64.0.0/10",  // shared
		"169.254.0.0/16", // link-local
		"198.18.0.0/15",  // benchmarking
		"fc00::/7",       // unique local
		"fe80::/10",      // link-local
		"fec0::/10",      // site-local, deprecated
		"64:ff9b:1::/48", // translation of private IPv4
	)
)

func parse(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, s := range texts {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// overlaps tells whether p and one of ranges share an address: a wide range may
// not smuggle in a narrow one.
func overlaps(p netip.Prefix, ranges []netip.Prefix) bool {
	for _, r := range ranges {
		if r.Overlaps(p) {
			return true
		}
	}
	return false
}

// check returns p in the form in which it is compared, or what is wrong with it.
func check(p netip.Prefix, options Options) (canonical netip.Prefix, reason string) {
	switch {
	case !p.IsValid():
		return p, "invalid prefix"
	case p != p.Masked():
		return p, "has bits set beyond its length; did you mean " + p.Masked().String() + "?"
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, "is wider than the IPv4-mapped range; write IPv4 prefixes as IPv4"
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	switch {
	case p.Bits() == 0:
		return p, "covers every address"
	case overlaps(p, never):
		return p, "contains addresses that no client can have"
	case !options.AllowLoopback && overlaps(p, loopback):
		return p, "contains loopback addresses, which need AllowLoopback"
	case !options.AllowPrivate && overlaps(p, private):
		return p, "contains private addresses, which need AllowPrivate"
	}
	return p, ""
}
