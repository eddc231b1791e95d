package allowlist

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// Options holds the permissions that a list does not have by default.
type Options struct {
	// AllowPrivate permits ranges that are not routed on the public Internet:
	// private use, shared (carrier-grade NAT), link-local, benchmarking.
	AllowPrivate bool
	// AllowLoopback permits 127.0.0.0/8 and ::1.
	AllowLoopback bool
}

// linearLimit is the number of prefixes up to which each is looked at, which
// takes 4 ns apiece (BenchmarkContains). The table takes 15 to 20 ns however many
// there are, but some kilobytes a list, and most clients have one or two ranges.
const linearLimit = 8

// A List is an immutable set of address ranges, safe for concurrent use. The nil
// and the zero List contain nothing.
type List struct {
	prefixes []netip.Prefix // sorted, each once
	table    *bart.Lite     // instead of looking at each, where there are many
}

// Compile makes a list. Each prefix must be valid, have no bits set beyond its
// length and not cover a whole address family; IPv4-mapped prefixes become IPv4.
// The empty list is valid, and denies. An error is a *[PrefixError].
func Compile(prefixes []netip.Prefix, options Options) (*List, error) {
	l := &List{prefixes: make([]netip.Prefix, 0, len(prefixes))}
	for i, p := range prefixes {
		canonical, reason := check(p, options)
		if reason != "" {
			return nil, &PrefixError{Index: i, Prefix: p, Reason: reason}
		}
		l.prefixes = append(l.prefixes, canonical)
	}
	slices.SortFunc(l.prefixes, netip.Prefix.Compare)
	l.prefixes = slices.Compact(l.prefixes)
	if len(l.prefixes) > linearLimit {
		l.table = new(bart.Lite)
		for _, p := range l.prefixes {
			l.table.Insert(p)
		}
	}
	return l, nil
}

// Parse is [Compile] for text: CIDR prefixes and single addresses, such as
// "192.0.2.0/24" and "2001:db8::1". Its *[PrefixError] has a zero Prefix where
// the text is neither.
func Parse(ranges []string, options Options) (*List, error) {
	prefixes := make([]netip.Prefix, len(ranges))
	for i, s := range ranges {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return nil, &PrefixError{Index: i, Reason: "neither an address nor a prefix"}
			}
			if addr.Zone() != "" {
				return nil, &PrefixError{Index: i, Reason: "has a zone"}
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		prefixes[i] = p
	}
	return Compile(prefixes, options)
}

// Contains tells whether addr is in one of the ranges. IPv4-mapped addresses
// count as IPv4; an invalid address or one with a zone is in none.
func (l *List) Contains(addr netip.Addr) bool {
	if l == nil || addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if l.table != nil {
		return l.table.Contains(addr)
	}
	for _, p := range l.prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Check returns [ErrNotListed] unless the list contains addr.
func (l *List) Check(addr netip.Addr) error {
	if !l.Contains(addr) {
		return ErrNotListed
	}
	return nil
}

// Prefixes returns a copy of the ranges, sorted, each once, in the form in which
// they are compared.
func (l *List) Prefixes() []netip.Prefix {
	if l == nil {
		return nil
	}
	return slices.Clone(l.prefixes)
}

// ErrNotListed: the client may not call from this address. It is refused with
// 403.
var ErrNotListed error = notListed{}

type notListed struct{}

func (notListed) Error() string { return "allowlist: the address is not on the client's list" }

// Refusal is the HTTP status and the stable code of the answer.
func (notListed) Refusal() (status int, code string) {
	return http.StatusForbidden, "address_not_allowed"
}

// PrefixError says which range of a list cannot be compiled, and why.
type PrefixError struct {
	// Index is the position in the list that was given.
	Index int
	// Prefix is the range; zero if the text was none.
	Prefix netip.Prefix
	// Reason says what is wrong with it, or which permission it lacks.
	Reason string
}

func (e *PrefixError) Error() string {
	if !e.Prefix.IsValid() {
		return fmt.Sprintf("allowlist: range %d: %s", e.Index, e.Reason)
	}
	return fmt.Sprintf("allowlist: range %d (%v): %s", e.Index, e.Prefix, e.Reason)
}

// Refusal is the HTTP status and the stable code of the answer to whoever sent
// the list.
func (e *PrefixError) Refusal() (status int, code string) {
	return http.StatusBadRequest, "invalid_address_range"
}
