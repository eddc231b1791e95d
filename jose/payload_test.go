package jose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestCheckJSONAccepts(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{}`, `[]`, `""`, `0`, `-0`, `1.5e+10`, `-12.25E-3`, `true`, `false`, `null`,
		" \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
		`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`,
		`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`,
		`{"é":1,"e":2}`, `{"":1}`, `"😀"`,
		strings.Repeat("[", maxPayloadDepth) + strings.Repeat("]", maxPayloadDepth),
		manyNames(1000, ""),
	} {
		if err := CheckJSON([]byte(doc)); err != nil {
			t.Errorf("%.40s: %s", doc, ReasonOf(err))
		}
	}
}

// manyNames is an object of n members and then one more.
func manyNames(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"name%d":%d,`, i, i)
	}
	fmt.Fprintf(&b, `"%s":0}`, last)
	return b.String()
}

func TestCheckJSONRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]Reason{
		``: ReasonSyntax, ` `: ReasonSyntax, `{`: ReasonSyntax, `}`: ReasonSyntax, `[`: ReasonSyntax,
		`{]`: ReasonSyntax, `[}`: ReasonSyntax, `[1,]`: ReasonSyntax, `[,1]`: ReasonSyntax, `[1 2]`: ReasonSyntax,
		`{"a"}`: ReasonSyntax, `{"a":}`: ReasonSyntax, `{"a":1,}`: ReasonSyntax, `{,}`: ReasonSyntax,
		`{a:1}`: ReasonSyntax, `{'a':1}`: ReasonSyntax, `{1:1}`: ReasonSyntax, `{"a" 1}`: ReasonSyntax,
		`{"a":1 "b":2}`: ReasonSyntax, `{"a":1}{}`: ReasonSyntax, `{"a":1}x`: ReasonSyntax, "{}\x00": ReasonSyntax,
		`tru`: ReasonSyntax, `True`: ReasonSyntax, `nul`: ReasonSyntax, `truex`: ReasonSyntax, `NaN`: ReasonSyntax,
		`Infinity`: ReasonSyntax, `undefined`: ReasonSyntax, `//x` + "\n1": ReasonSyntax, `/**/1`: ReasonSyntax,
		`01`: ReasonSyntax, `-`: ReasonSyntax, `+1`: ReasonSyntax, `.5`: ReasonSyntax, `1.`: ReasonSyntax,
		`1e`: ReasonSyntax, `1e+`: ReasonSyntax, `--1`: ReasonSyntax, `0x1`: ReasonSyntax, `1_000`: ReasonSyntax,
		`"`: ReasonSyntax, `"a`: ReasonSyntax, `"\`: ReasonSyntax, `"\x41"`: ReasonSyntax, `"\u12"`: ReasonSyntax,
		`"\u12g4"`: ReasonSyntax, `"\ud800"`: ReasonSyntax, `"\ud800\u0041"`: ReasonSyntax, `"\udc00"`: ReasonSyntax,
		"\"\n\"": ReasonSyntax, "\"\x00\"": ReasonSyntax, "\"\xff\"": ReasonSyntax, "\"\xed\xa0\x80\"": ReasonSyntax,
		"\ufeff{}": ReasonSyntax, "{\"a\":1}\u00a0": ReasonSyntax,
		`{"a":1,"a":2}`:                   ReasonDuplicateMember,
		`{"amount":1,"Amount":2}`:         ReasonDuplicateMember,
		`{"a":1,"\u0061":2}`:              ReasonDuplicateMember,
		`{"k":1,"K":2}`:                   ReasonDuplicateMember, // Kelvin sign
		`{"ſ":1,"s":2}`:                   ReasonDuplicateMember, // long s
		`{"É":1,"é":2}`:                   ReasonDuplicateMember,
		`{"x":[{"a":1,"b":{},"a":2}]}`:    ReasonDuplicateMember,
		manyNames(17, "name3"):            ReasonDuplicateMember,
		manyNames(1000, "NAME999"):        ReasonDuplicateMember,
		strings.Repeat("[", 65):           ReasonDepth,
		strings.Repeat(`{"a":`, 65) + "1": ReasonDepth,
		strings.Repeat("[", 1_000_000):    ReasonDepth,
	}
	for doc, want := range tests {
		if err := CheckJSON([]byte(doc)); ReasonOf(err) != want {
			t.Errorf("%.40q: reason %q, want %q", doc, ReasonOf(err), want)
		}
	}
}

// FuzzCheckJSON: what we accept, encoding/json accepts too, and reads the same
// with one member per name as with any order of them.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\u00e9"],"b":null}`, `{"a":1,"A":2}`, `[[[[]]]]`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if CheckJSON(doc) != nil {
			return
		}
		if !json.Valid(doc) {
			t.Fatal("accepted what encoding/json does not")
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber() // a number may be beyond float64
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckJSON(again); err != nil {
			t.Fatalf("not accepted again: %s", ReasonOf(err))
		}
	})
}

func BenchmarkCheckJSON(b *testing.B) {
	doc := samplePayload(1 << 20)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckJSON(doc); err != nil {
			b.Fatal(err)
		}
	}
}

// samplePayload is a JSON document of records, of about n bytes.
func samplePayload(n int) []byte {
	doc := []byte(`{"transfers":[`)
	for i := 0; len(doc) < n-200; i++ {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = fmt.Appendf(doc, `{"id":"%08d","amount":"%d.00","currency":"EUR","beneficiary":{"name":"Partner %d","account":"1234xxxxxx567"},"memo":"invoice \"%d\""}`, i, i, i, i)
	}
	return append(doc, `]}`...)
}
