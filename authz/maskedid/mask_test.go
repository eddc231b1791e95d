package maskedid

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, want string }{
		{"1234999999567", "1234xxxxxx567"},             // the documented account
		{"7841999999999999567", "7841xxxxxxxxxxxx567"}, // the documented national id
		{"12345678", "1234x678"},
		{"AE07BANK0000123", "AE07xxxxxxxx123"},
		{strings.Repeat("7", 64), "7777" + strings.Repeat("x", 57) + "777"},
	} {
		got, err := Mask(tt.id)
		if err != nil || got != tt.want {
			t.Errorf("Mask(%q) = %q, %v; want %q", tt.id, got, err, tt.want)
		}
		if !Match(tt.want, tt.id) {
			t.Errorf("%q does not match %q", tt.want, tt.id)
		}
	}
	for _, bad := range []string{
		"", "1", "1234567", strings.Repeat("7", 65), "1234xxxxxx567", "1234 99999567", "1234-9999-567",
		"1234999999567\n", "123499999956a", "1234999999\uff1567", "\uff11234999999567", "1234999999567\x00", "éééééééé",
	} {
		if got, err := Mask(bad); !errors.Is(err, ErrID) || got != "" {
			t.Errorf("Mask(%q) = %q, %v", bad, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const account = "1234999999567"
	for _, tt := range []struct {
		name, masked, id string
		want             error
	}{
		{"own", "1234xxxxxx567", account, nil},
		{"own, other kind", "7841xxxxxxxxxxxx567", "7841999999999999567", nil},
		{"shared mask", "1234xxxxxx567", "1234000000567", nil}, // why it is no look-up key

		{"unmasked", account, account, ErrUnmasked},
		{"unmasked, other id", "1234000000567", account, ErrUnmasked},
		{"empty", "", account, ErrMissing},
		{"other start", "1235xxxxxx567", account, ErrMismatch},
		{"other end", "1234xxxxxx568", account, ErrMismatch},
		{"other account", "9999xxxxxx999", account, ErrMismatch},
		{"one x short", "1234xxxxx567", account, ErrMismatch},
		{"one x more", "1234xxxxxxx567", account, ErrMismatch},
		{"upper case X", "1234XXXXXX567", account, ErrUnmasked}, // X is a letter of ids
		{"one upper case X", "1234xxXxxx567", account, ErrMalformed},
		{"stars", "1234******567", account, ErrMalformed},
		{"dots", "1234......567", account, ErrMalformed},
		{"digit left in the middle", "1234xxx9xx567", account, ErrMalformed},
		{"five shown", "12349xxxxx567", account, ErrMalformed},
		{"four shown at the end", "1234xxxxx9567", account, ErrMalformed},
		{"three shown at the start", "123xxxxxxx567", account, ErrMalformed},
		{"lower case shown", "abcdxxxxxx567", account, ErrMalformed},
		{"all x", "xxxxxxxxxxxxx", account, ErrMalformed},
		{"no x", "1234567", account, ErrMalformed},
		{"slash", "1234xxx/xx567", account, ErrMalformed},
		{"parameter", "1234xxxxxx567;v=1", account, ErrMalformed},
		{"NUL at the end", "1234xxxxxx567\x00", account, ErrMalformed},
		{"NUL for the last", "1234xxxxxx56\x00", account, ErrMalformed},
		{"space before", " 1234xxxxxx567", account, ErrMalformed},
		{"space after", "1234xxxxxx567 ", account, ErrMalformed},
		{"newline after", "1234xxxxxx567\n", account, ErrMalformed},
		{"zero-width space", "1234xxxxxx567\u200b", account, ErrMalformed},
		{"escape left over", "1234xxxxxx5%367", account, ErrMalformed},
		{"double escape", "1234%252Fxxx567", account, ErrMalformed},
		{"full-width digit", "\uff11234xxxxxx567", account, ErrMalformed},
		{"Cyrillic ha", "1234хххххх567", account, ErrMalformed},
		{"multiplication sign", "1234××××××567", account, ErrMalformed},
		{"two masks", "1234xxxxxx567,1234xxxxxx567", account, ErrMalformed},
		{"very long", strings.Repeat("x", 1<<16), account, ErrMalformed},

		{"no id in the token", "1234xxxxxx567", "", ErrID},
		{"no id and no mask", "", "", ErrID},
		{"id is a mask", "1234xxxxxx567", "1234xxxxxx567", ErrID},
		{"id too short", "1234567", "1234567", ErrID},
		{"id in lower case", "abcdxxxxxxefg", "abcd999999efg", ErrID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Check(tt.masked, tt.id)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if Match(tt.masked, tt.id) != (tt.want == nil) {
				t.Fatal("Match and Check disagree")
			}
			var refused interface{ Refusal() (int, string) }
			if tt.want != nil {
				if !errors.As(err, &refused) {
					t.Fatal("no refusal")
				}
				if status, code := refused.Refusal(); status != http.StatusForbidden || code != "masked_id_refused" {
					t.Fatalf("refused with %d %s", status, code)
				}
			}
		})
	}
}

var maskForm = regexp.MustCompile(`^[0-9A-Z]{4}x+[0-9A-Z]{3}$`)

// FuzzMask: a mask has the documented form and matches its id; what matches an
// id is that mask and nothing else.
func FuzzMask(f *testing.F) {
	f.Add("1234xxxxxx567", "1234999999567")
	f.Add("7841xxxxxxxxxxxx567", "7841999999999999567")
	f.Add("1234XXXXXX567", "1234XXXXXX567")
	f.Add("1234567", "1234567")
	f.Add("1234xxxxxx567\n", "1234999999567")
	f.Fuzz(func(t *testing.T, masked, id string) {
		mask, err := Mask(id)
		if err != nil {
			if Match(masked, id) {
				t.Fatalf("%q matches %q, which has no mask", masked, id)
			}
			return
		}
		if len(mask) != len(id) || !maskForm.MatchString(mask) {
			t.Fatalf("mask %q of %q", mask, id)
		}
		if !Match(mask, id) || Match(id, id) {
			t.Fatalf("%q: own mask %v, unmasked %v", id, Match(mask, id), Match(id, id))
		}
		if Match(masked, id) != (masked == mask) {
			t.Fatalf("Match(%q, %q) is %v", masked, id, masked != mask)
		}
		if (form(masked) == nil) != (maskForm.MatchString(masked) && len(masked) <= maxLen) {
			t.Fatalf("form of %q: %v", masked, form(masked))
		}
	})
}

func TestCheckDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if Check("7841xxxxxxxxxxxx567", "7841999999999999567") != nil || Match("7841xxxxxxxxxxxx568", "7841999999999999567") {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkMask(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Mask("7841999999999999567"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Check("7841xxxxxxxxxxxx567", "7841999999999999567"); err != nil {
			b.Fatal(err)
		}
	}
}
