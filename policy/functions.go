package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// function is a function that a matcher may call.
type function struct {
	args int
	// condition: the first argument is r.ctx, the last one a field of the rule.
	condition bool
	// named: between the two stands the name of an attribute, in quotes.
	named bool
	// check says what is wrong with the rule's argument, "" if nothing.
	check func(pattern string) string
}

// functions are those of this package and those of Casbin that cannot fail once
// the rules' patterns were checked. eval is not among them: it runs text of a
// rule as code.
var functions = map[string]function{
	"segMatch":    {args: 2, check: checkPattern},
	"keyMatch":    {args: 2},
	"keyMatch2":   {args: 2, check: checkKeyPattern},
	"keyMatch3":   {args: 2, check: checkKeyPattern},
	"keyMatch4":   {args: 2, check: checkKeyPattern},
	"keyMatch5":   {args: 2, check: checkKeyPattern},
	"keyGet":      {args: 2},
	"keyGet2":     {args: 3, check: checkKeyPattern},
	"keyGet3":     {args: 3, check: checkKeyPattern},
	"regexMatch":  {args: 2, check: checkRegexp},
	"globMatch":   {args: 2, check: checkGlob},
	"ipMatch":     {args: 2, check: checkNetwork},
	"environment": {args: 2, condition: true},
	"scope":       {args: 2, condition: true},
	"client":      {args: 2, condition: true},
	"during":      {args: 2, condition: true},
	"attribute":   {args: 3, condition: true, named: true},
	"atMost":      {args: 3, condition: true, named: true},
	"atLeast":     {args: 3, condition: true, named: true},
}

func checkRegexp(pattern string) string {
	if _, err := regexp.Compile(pattern); err != nil {
		return "is not a regular expression: " + err.Error()
	}
	return ""
}

// checkKeyPattern refuses what Casbin would put unescaped into a regular
// expression: keyMatch2("/a.b", "/a?b") and its like.
func checkKeyPattern(pattern string) string {
	if i := strings.IndexAny(pattern, `\()[]+?^$|.`); i >= 0 {
		return fmt.Sprintf("holds %q, which Casbin's keyMatch functions take for a regular expression", pattern[i])
	}
	return ""
}

func checkGlob(pattern string) string {
	if strings.Count(pattern, "[") != strings.Count(pattern, "]") || strings.Count(pattern, "{") != strings.Count(pattern, "}") {
		return "has a bracket that is not closed"
	}
	return ""
}

func checkNetwork(pattern string) string {
	if _, err := netip.ParsePrefix(pattern); err == nil {
		return ""
	}
	if _, err := netip.ParseAddr(pattern); err == nil {
		return ""
	}
	return "is neither an address nor a range such as 203.0.113.0/24"
}

// closest names the known word most like a mistyped one, "" if none is near.
func closest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is the number of letters to insert, remove or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
