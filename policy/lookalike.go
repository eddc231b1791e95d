package policy

import (
	"fmt"
	"strings"
	"unicode"
)

// lookalikes finds names of roles and actions, and kinds of objects, that a
// reader takes for another one, and names that mix alphabets. Ids are left out:
// they may differ by anything.
func (l *linter) lookalikes() {
	seen := map[string]map[string]spelling{"role": {}, "action": {}, "object": {}}
	checked := map[namedField]bool{}
	for _, r := range l.rows {
		for i := 1; i < len(r.fields); i++ {
			name := l.name(r, i)
			if name.text == "" || checked[name] {
				continue
			}
			checked[name] = true
			l.lookalike(r, i, name, seen[name.what])
		}
	}
}

// namedField is a name in a row, and what it names.
type namedField struct{ what, text string }

// spelling is a name as it was first written.
type spelling struct {
	text string
	line int
}

// name gives the name of a role or action, or the kind of an object, that stands
// in a field of a row; none in any other.
func (l *linter) name(r row, i int) namedField {
	text := r.fields[i]
	switch {
	case r.fields[0] == "p":
		switch l.def.rule.fields[i-1] {
		case "act":
			return namedField{"action", text}
		case "obj":
			kind, _, _ := strings.Cut(text, ":")
			return namedField{"object", kind}
		case "sub":
		default:
			return namedField{}
		}
	case r.fields[0] != "g" || i > 2:
		return namedField{}
	}
	if !strings.HasPrefix(text, "role:") {
		return namedField{}
	}
	return namedField{"role", text}
}

func (l *linter) lookalike(r row, i int, name namedField, seen map[string]spelling) {
	if word := mixedWord(name.text); word != "" {
		l.add(r.finding(Warning, "mixed-alphabets", i, fmt.Sprintf("%q mixes letters of several alphabets that look alike, or holds a letter made of two characters", word), "write it anew, in one alphabet"))
	}
	look := appearance(name.text)
	first, ok := seen[look]
	if !ok {
		seen[look] = spelling{name.text, r.line}
		return
	}
	differs := "letters that look alike"
	switch {
	case strings.EqualFold(first.text, name.text):
		differs = "capital letters only"
	case withoutSpace(first.text) == withoutSpace(name.text):
		differs = "white space only"
	}
	l.add(r.finding(Warning, "looks-alike", i, fmt.Sprintf("the %s %q differs from %q in line %d by %s: they are two", name.what, name.text, first.text, first.line, differs), fmt.Sprintf("write %q, if it is meant", first.text)))
}

// appearance is what a reader sees of a name: the same for names that are easily
// taken for each other.
func appearance(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Mn, r):
			return -1
		case r >= '！' && r <= '～': // full-width forms
			r -= '！' - '!'
		}
		r = unicode.ToLower(r)
		if latin, ok := latinTwins[r]; ok {
			return latin
		}
		return r
	}, name)
}

func withoutSpace(name string) string {
	return strings.Join(strings.FieldsFunc(name, unicode.IsSpace), "")
}

// latinTwins are lower-case letters, and those whose capitals are, that look like
// a Latin one.
var latinTwins = twins(
	"а", "a", "в", "b", "е", "e", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c", "т", "t", "у", "y", "х", "x", "ѕ", "s", "і", "i", "ј", "j", "ԁ", "d", "һ", "h", "ԛ", "q", "ԝ", "w", "ӏ", "l",
	"α", "a", "β", "b", "ε", "e", "ζ", "z", "η", "h", "ι", "i", "κ", "k", "μ", "m", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "y", "χ", "x",
	"ı", "i", "ɡ", "g", "ɑ", "a",
)

func twins(pairs ...string) map[rune]rune {
	m := map[rune]rune{}
	for i := 0; i < len(pairs); i += 2 {
		m[[]rune(pairs[i])[0]] = []rune(pairs[i+1])[0]
	}
	return m
}

// mixedWord gives a word of a name that has letters of several alphabets, or a
// mark that is put on the letter before it; "" if there is none.
func mixedWord(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) })
	for _, word := range words {
		alphabets := map[*unicode.RangeTable]bool{}
		for _, r := range word {
			for _, alphabet := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek} {
				if unicode.Is(alphabet, r) {
					alphabets[alphabet] = true
				}
			}
			if len(alphabets) > 1 || unicode.Is(unicode.Mn, r) && alphabets[unicode.Latin] {
				return word
			}
		}
	}
	return ""
}
