package policy

import "strings"

// segMatch reports whether a value is covered by a pattern: the pattern itself,
// "*", or a trailing ":*" that covers the part before it and everything inside.
// It is the function of that name in the matchers of models.
func segMatch(value, pattern string) bool {
	if pattern == "*" {
		return true
	}
	base, tree := strings.CutSuffix(pattern, ":*")
	if !tree {
		return value == pattern
	}
	return inside(value, base)
}

// inside reports whether value is base or lies below it.
func inside(value, base string) bool {
	return strings.HasPrefix(value, base) &&
		(len(value) == len(base) || value[len(base)] == ':')
}

// patternCovers reports whether every value that pattern b covers is covered by
// pattern a. A wildcard is covered by a wildcard only.
func patternCovers(a, b string) bool {
	if a == "*" || a == b {
		return true
	}
	if b == "*" {
		return false
	}
	base, tree := strings.CutSuffix(a, ":*")
	if !tree {
		return false
	}
	return inside(strings.TrimSuffix(b, ":*"), base)
}

// covering lists every pattern that covers a pattern: itself, the trees it lies
// in, and "*".
func covering(pattern string) []string {
	list := []string{pattern}
	for base := strings.TrimSuffix(pattern, ":*"); ; {
		if tree := base + ":*"; tree != pattern {
			list = append(list, tree)
		}
		i := strings.LastIndexByte(base, ':')
		if i < 0 {
			break
		}
		base = base[:i]
	}
	if pattern != "*" {
		list = append(list, "*")
	}
	return list
}

// patternsOverlap reports whether some value is covered by both patterns.
func patternsOverlap(a, b string) bool {
	if a == "*" || b == "*" || a == b {
		return true
	}
	baseA, treeA := strings.CutSuffix(a, ":*")
	baseB, treeB := strings.CutSuffix(b, ":*")
	return treeA && inside(baseB, baseA) || treeB && inside(baseA, baseB)
}

// checkPattern says what is wrong with a pattern of segMatch, "" if nothing.
func checkPattern(pattern string) string {
	if pattern == "*" {
		return ""
	}
	base := strings.TrimSuffix(pattern, ":*")
	switch {
	case base == "":
		return `nothing stands before ":*"`
	case strings.Contains(base, "*"):
		return `a star may stand alone or at the end after a colon, as in "transaction:*"`
	}
	return ""
}

// segments counts the parts of a value between colons.
func segments(value string) int { return strings.Count(value, ":") + 1 }
