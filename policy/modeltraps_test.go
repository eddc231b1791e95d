package policy

import (
	"strings"
	"testing"
)

const starterHead = "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"

const starterMatcher = `m = (p.dom == r.dom || p.dom == "*") && segMatch(r.act, p.act) && segMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom)` + "\n"

func TestTrapUnknownSectionsFieldsAndFunctions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, code string }{
		"section":          {"[matchers]", "[matcher]", "unknown-section"},
		"section, extra":   {"[matchers]", "[extra]\nx = 1\n[matchers]", "unknown-section"},
		"key":              {"e = some", "effect = some", "unknown-key"},
		"second policy":    {"p = sub, dom, obj, act, eft", "p = sub, dom, obj, act, eft\np2 = sub", "second-definition"},
		"key twice":        {"r = sub, dom, obj, act", "r = sub, obj, act\nr = sub, dom, obj, act", "duplicate-key"},
		"field of request": {"r.obj", "r.object", "unknown-field"},
		"field of rule":    {"p.obj", "p.objekt", "unknown-field"},
		"function":         {"segMatch(r.obj", "segmatch(r.obj", "unknown-function"},
		"g undefined":      {"[role_definition]\ng = _, _, _\n", "", "unknown-function"},
		"g2 undefined":     {"g(r.sub", "g2(r.sub", "unknown-function"},
		"arguments":        {"g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)", "wrong-arguments"},
		"effect":           {"some(where (p.eft == allow)) && !some(where (p.eft == deny))", "some(where (p.eft == alow))", "unknown-effect"},
		"eft missing":      {", eft", "", "effect-without-field"},
		"deny ignored":     {" && !some(where (p.eft == deny))", "", "deny-ignored"},
		"domain misnamed":  {"p = sub, dom", "p = sub, domain", "bad-field"},
		"dom unused":       {`(p.dom == r.dom || p.dom == "*") && `, "", "unused-field"},
		"single equals":    {"p.dom == r.dom", "p.dom = r.dom", "bad-matcher"},
		"comment in text":  {`p.dom == "*"`, `p.dom == "#"`, "bad-matcher"},
		"member access":    {"r.sub, p.sub", "r.sub.Name, p.sub", "member-access"},
		"method call":      {"g(r.sub, p.sub, r.dom)", "r.sub.Delete()", "unknown-function"},
		"eval":             {"g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub, r.dom) && eval(p.act)", "eval"},
		"bare name":        {"r.dom ||", "dom ||", "unknown-name"},
		"always true":      {starterMatcher, "m = true\n", "unknown-name"},
		"a text":           {starterMatcher, "m = \"yes\"\n", "not-a-condition"},
		"rules unused":     {starterMatcher, "m = r.sub == \"a\" && r.dom == \"b\" && r.obj == r.act\n", "rules-unused"},
		"numbers":          {`p.dom == "*"`, `p.dom == 5`, "number"},
		"facts as a value": {`p.dom == "*"`, `p.dom == r.ctx`, "wrong-arguments"},
		"unseen text":      {`p.dom == "*"`, "p.dom == \"\x00\"", "bad-text"},
		"conditional role": {"g = _, _, _", "g = _, _, (_, _)", "conditional-role"},
	} {
		text := strings.Replace(starterHead+starterMatcher, c.from, c.to, 1)
		if text == starterHead+starterMatcher {
			t.Errorf("%s: the model was not changed", name)
			continue
		}
		_, err := ParseModel("model.conf", text)
		if err == nil || !strings.Contains(err.Error(), "("+c.code+")") || !strings.Contains(err.Error(), "model.conf:") {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}
