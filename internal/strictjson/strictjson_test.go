package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/internal/strictjson"
)

var known = []string{"name", "roles", "end", "version"}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := strictjson.Parse([]byte(" {\"n\\u0061me\":\"Ann\\u00e9 \\ud83d\\ude00\",\n\"roles\":[\"a\",\"b\"],\"end\":true,\"version\":18446744073709551615} \n"), known...)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := o.String("name"); err != nil || s != "Anné 😀" {
		t.Errorf("name = %q, %v", s, err)
	}
	if l, err := o.Strings("roles"); err != nil || len(l) != 2 || l[1] != "b" {
		t.Errorf("roles = %q, %v", l, err)
	}
	if b, err := o.Bool("end"); err != nil || !b {
		t.Errorf("end = %v, %v", b, err)
	}
	if n, err := o.Uint("version"); err != nil || n != 1<<64-1 {
		t.Errorf("version = %v, %v", n, err)
	}
	o, err = strictjson.Parse([]byte(`{"name":null}`), known...)
	if err != nil || !o.Has("name") || !o.Null("name") || o.Has("roles") || o.Null("roles") {
		t.Errorf("null: %+v, %v", o, err)
	}
}

func TestParseRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, code string }{
		"empty":                {"", strictjson.Malformed},
		"blank":                {" \n", strictjson.Malformed},
		"null":                 {"null", strictjson.Malformed},
		"array":                {"[]", strictjson.Malformed},
		"string":               {`"name"`, strictjson.Malformed},
		"number":               {"1", strictjson.Malformed},
		"open":                 {`{"name":"x"`, strictjson.Malformed},
		"half a member":        {`{"name"`, strictjson.Malformed},
		"no value":             {`{"name":}`, strictjson.Malformed},
		"comma at the end":     {`{"name":"x",}`, strictjson.Malformed},
		"single quotes":        {`{'name':'x'}`, strictjson.Malformed},
		"unquoted":             {`{name:"x"}`, strictjson.Malformed},
		"comment":              {`{/**/"name":"x"}`, strictjson.Malformed},
		"raw control":          {"{\"name\":\"a\nb\"}", strictjson.Malformed},
		"not utf-8":            {"{\"name\":\"\xff\"}", strictjson.NotUTF8},
		"byte order mark":      {"\ufeff{}", strictjson.Malformed},
		"unknown":              {`{"nam":"x"}`, strictjson.UnknownMember},
		"folded":               {`{"Name":"x"}`, strictjson.UnknownMember},
		"folded beside":        {`{"name":"x","NAME":"y"}`, strictjson.UnknownMember},
		"kelvin sign":          {`{"to\u212aen":"x"}`, strictjson.UnknownMember},
		"empty name":           {`{"":"x"}`, strictjson.UnknownMember},
		"twice":                {`{"name":"x","name":"x"}`, strictjson.DuplicateMember},
		"twice, one escaped":   {`{"name":"x","n\u0061me":"y"}`, strictjson.DuplicateMember},
		"twice, null":          {`{"name":null,"name":"y"}`, strictjson.DuplicateMember},
		"second object":        {`{"name":"x"}{}`, strictjson.TrailingData},
		"brace behind":         {`{"name":"x"}}`, strictjson.TrailingData},
		"word behind":          {`{} x`, strictjson.TrailingData},
		"nested in an unknown": {`{"x":{"name":"y"}}`, strictjson.UnknownMember},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := strictjson.Parse([]byte(test.body), known...)
			var e *strictjson.Error
			if !errors.As(err, &e) || e.Code != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	values := []string{`"x"`, `["x"]`, `true`, `7`, `null`, `{}`, `7.0`, `7e0`, `-7`, `18446744073709551616`, `[]`, `[1]`, `[["x"]]`, `[null]`,
		`"\ud800"`, `["\udc00"]`, `"\ufffd"`, `"true"`, `"7"`, `[true]`}
	accepted := map[string]string{"String": `"x" "true" "7"`, "Strings": `["x"] []`, "Bool": `true`, "Uint": `7`}
	for _, value := range values {
		o, err := strictjson.Parse([]byte(`{"name":`+value+`}`), known...)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		for method, read := range map[string]func() error{
			"String":  func() error { _, err := o.String("name"); return err },
			"Strings": func() error { _, err := o.Strings("name"); return err },
			"Bool":    func() error { _, err := o.Bool("name"); return err },
			"Uint":    func() error { _, err := o.Uint("name"); return err },
		} {
			want := false
			for _, a := range strings.Fields(accepted[method]) {
				want = want || a == value
			}
			err := read()
			var e *strictjson.Error
			if want != (err == nil) || err != nil && (!errors.As(err, &e) || e.Code != strictjson.MemberType || e.Member != "name") {
				t.Errorf("%s of %s: %v, accepted: want %v", method, value, err, want)
			}
		}
	}
	for _, read := range []func(strictjson.Object) error{
		func(o strictjson.Object) error { _, err := o.String("name"); return err },
		func(o strictjson.Object) error { _, err := o.Strings("name"); return err },
		func(o strictjson.Object) error { _, err := o.Bool("name"); return err },
		func(o strictjson.Object) error { _, err := o.Uint("name"); return err },
	} {
		if read(strictjson.Object{}) == nil {
			t.Error("a missing member has a value")
		}
	}
}

// FuzzParse holds that whatever is accepted is what encoding/json reads too, and
// that no input says more than once what counts.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"x","roles":["a"],"end":true,"version":7}`))
	f.Add([]byte(`{"name":"\ud83d\ude00","n\u0061me":1}`))
	f.Add([]byte(`{"roles":[[[[]]]]} `))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := strictjson.Parse(body, known...)
		if err != nil {
			var e *strictjson.Error
			if !errors.As(err, &e) || e.Error() == "" {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		for _, name := range known {
			v, there := plain[name]
			if there != o.Has(name) {
				t.Fatalf("%q: there %v, read %v", name, there, o.Has(name))
			}
			if s, err := o.String(name); err == nil && s != v {
				t.Fatalf("%q: %q, want %v", name, s, v)
			}
			if b, err := o.Bool(name); err == nil && b != v {
				t.Fatalf("%q: %v, want %v", name, b, v)
			}
			delete(plain, name)
		}
		if len(plain) > 0 {
			t.Fatalf("unknown members were accepted: %v", plain)
		}
	})
}
