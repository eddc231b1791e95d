package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// facts are what conditions of rules look at. A request carries them in the
// field ctx.
type facts struct {
	roles      []string
	scopes     []string
	attributes map[string]any
	now        func() time.Time
	// suppose, where there is one, is what conditions are taken to come to, in
	// place of the facts.
	suppose map[supposition]truth
}

// truth is the outcome of a condition; unknown when the fact it needs is missing
// or of the wrong kind.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

// holds settles what is unknown: a rule that allows does not apply, one that
// denies does.
func (t truth) holds(deny bool) bool { return t == yes || t == unknown && deny }

// cell is one condition of one rule, parsed from the field of the rule; nil for
// "*", which always holds.
type cell interface{ test(f *facts) truth }

// parseCell parses the field of a rule for a condition function.
func parseCell(column conditionColumn, text string) (cell, error) {
	if text == "*" {
		return nil, nil
	}
	switch column.function {
	case "environment":
		return parseSet(attributeIn{name: AttributeEnvironment}, text)
	case "attribute":
		return parseSet(attributeIn{name: column.attribute}, text)
	case "scope":
		words, err := alternatives(text)
		if err != nil {
			return nil, err
		}
		return scopeIn(words), nil
	case "client":
		return parseClients(text)
	case "during":
		return parseWindow(text)
	case "atMost", "atLeast":
		limit, ok := parseAmount(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a number; write a limit such as 1000 or 99.50, or *", text)
		}
		return &amountLimit{column.attribute, limit, column.function == "atLeast"}, nil
	}
	return nil, fmt.Errorf("there is no condition %q", column.function)
}

// alternatives takes a|b|c apart.
func alternatives(text string) ([]string, error) {
	words := strings.Split(text, "|")
	for _, w := range words {
		if w == "" || strings.TrimSpace(w) != w || strings.Contains(w, "*") {
			return nil, fmt.Errorf("%q is not a list; write a|b, or * for no condition", text)
		}
	}
	return words, nil
}

// attributeIn holds if an attribute, a text, is one of those listed.
type attributeIn struct {
	name   string
	values []string
}

func parseSet(a attributeIn, text string) (cell, error) {
	values, err := alternatives(text)
	if err != nil {
		return nil, err
	}
	a.values = values
	return a, nil
}

func (a attributeIn) test(f *facts) truth {
	v, ok := f.attributes[a.name].(string)
	if !ok || v == "" {
		return unknown
	}
	if slices.Contains(a.values, v) {
		return yes
	}
	return no
}

// scopeIn holds if the token has one of the scopes listed.
type scopeIn []string

func (s scopeIn) test(f *facts) truth {
	for _, scope := range f.scopes {
		if slices.Contains(s, scope) {
			return yes
		}
	}
	return no
}

// clientIn holds if the caller's address lies in one of the ranges listed.
type clientIn []netip.Prefix

func parseClients(text string) (cell, error) {
	words, err := alternatives(text)
	if err != nil {
		return nil, err
	}
	var ranges clientIn
	for _, w := range words {
		prefix, err := netip.ParsePrefix(w)
		if err != nil {
			addr, err := netip.ParseAddr(w)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a range; write 203.0.113.0/24|2001:db8::/32, or *", w)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix != prefix.Masked() {
			return nil, fmt.Errorf("%q has bits set after its mask; write %s", w, prefix.Masked())
		}
		if prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is an IPv4 address written as IPv6; write it as IPv4", w)
		}
		ranges = append(ranges, prefix)
	}
	return ranges, nil
}

func (c clientIn) test(f *facts) truth {
	var addr netip.Addr
	switch v := f.attributes[AttributeClient].(type) {
	case netip.Addr:
		addr = v
	case string:
		parsed, err := netip.ParseAddr(v)
		if err != nil {
			return unknown
		}
		addr = parsed
	}
	if !addr.IsValid() {
		return unknown
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range c {
		if p.Contains(addr) {
			return yes
		}
	}
	return no
}

// amountLimit holds if an attribute, a number, is at most (or at least) a limit.
type amountLimit struct {
	name  string
	limit *big.Rat
	least bool
}

func (a *amountLimit) test(f *facts) truth {
	amount, ok := amountOf(f.attributes[a.name])
	if !ok {
		return unknown
	}
	c := amount.Cmp(a.limit)
	if a.least && c >= 0 || !a.least && c <= 0 {
		return yes
	}
	return no
}

// parseAmount reads a plain decimal number: digits, at most one point, perhaps a
// sign. Exponents and fractions are refused, for they may be made huge.
func parseAmount(text string) (*big.Rat, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 40 || digits[0] == '.' || digits[len(digits)-1] == '.' ||
		strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func amountOf(v any) (*big.Rat, bool) {
	switch v := v.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(v)), true
	case int32:
		return new(big.Rat).SetInt64(int64(v)), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case uint64:
		return new(big.Rat).SetUint64(v), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
		return new(big.Rat).SetFloat64(v), true
	case json.Number:
		return parseAmount(string(v))
	case string:
		return parseAmount(v)
	case *big.Rat:
		return v, v != nil
	}
	return nil, false
}
