package jose

import (
	"encoding/json"
	"testing"
)

// TestScannerText reads strings as encoding/json does.
func TestScannerText(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`""`, `"plain"`, `"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\u20AC\uD83D\uDE00\u0000"`, `"é€😀"`, `"a\u002fb"`, ` "x"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatal(err)
		}
		s := scanner{data: []byte(doc)}
		got, err := s.text(100)
		if err != nil || got != want || s.end() != nil {
			t.Errorf("%s: %q, %v, want %q", doc, got, err, want)
		}
		// And what we write, both read back.
		quoted := appendQuoted(nil, want)
		var again string
		if err := json.Unmarshal(quoted, &again); err != nil || again != want {
			t.Errorf("%q was written as %s: %v", want, quoted, err)
		}
		s = scanner{data: quoted}
		if got, err := s.text(100); err != nil || got != want {
			t.Errorf("%s: %q, %v", quoted, got, err)
		}
	}
	long := scanner{data: []byte(`"12345"`)}
	if _, err := long.text(4); ReasonOf(err) != ReasonTooLarge {
		t.Errorf("over the limit: %v", err)
	}
}

func TestScannerInteger(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]int64{"0": 0, "7": 7, " 1700000000,": 1700000000, "999999999999": 999999999999} {
		s := scanner{data: []byte(doc)}
		if got, err := s.integer(); err != nil || got != want {
			t.Errorf("%q: %d, %v", doc, got, err)
		}
	}
	for _, doc := range []string{"", "-1", "+1", "01", "00", "1.0", "1e3", "1E3", `"1"`, "null", "1000000000000", "0x1", "1-", "."} {
		s := scanner{data: []byte(doc)}
		if got, err := s.integer(); err == nil && s.end() == nil {
			t.Errorf("%q: %d", doc, got)
		}
	}
}

// TestClaimsSurvive: whatever a claim holds arrives as it was.
func TestClaimsSurvive(t *testing.T) {
	t.Parallel()
	claims := requestClaimsAt(testNow)
	claims.URL = "https://api.bank.example/v1/x?q=\"<&>\\%20é\x7f"
	claims.ID = "tab\tand \"quotes\""
	sealed, err := Seal(nil, []byte(`{}`), clientKey(), bankDecryption().Public(), SealOptions{Claims: claims})
	if err != nil {
		t.Fatal(err)
	}
	m, err := openAsBank(string(sealed))
	if err != nil {
		t.Fatal(err)
	}
	got := *m.Claims
	got.seen = 0
	if got != *claims {
		t.Errorf("%+v, want %+v", got, *claims)
	}
}
