package dialect

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadMost(t *testing.T) {
	t.Parallel()
	failure := errors.New("cut off")
	for name, test := range map[string]struct {
		body      io.Reader
		announced int64
		want      int
		err       error
	}{
		"Empty":          {strings.NewReader(""), 0, 0, nil},
		"AsAnnounced":    {strings.NewReader("abc"), 3, 3, nil},
		"NotAnnounced":   {strings.NewReader(strings.Repeat("a", 5000)), -1, 5000, nil},
		"LongerThanSaid": {strings.NewReader(strings.Repeat("a", 5000)), 3, 5000, nil},
		"LessThanSaid":   {strings.NewReader("abc"), Limit, 3, nil},
		"ByteByByte":     {iotest.OneByteReader(strings.NewReader("abcdef")), 2, 6, nil},
		"EndWithData":    {iotest.DataErrReader(strings.NewReader("abc")), 3, 3, nil},
		"AtTheLimit":     {strings.NewReader(strings.Repeat("a", Limit)), Limit, Limit, nil},
		"CutOff":         {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(failure)), 6, 3, failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readMost(test.body, test.announced)
			if len(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	endless := iotest.OneByteReader(strings.NewReader(strings.Repeat("a", 10*Limit)))
	if got, err := readMost(endless, -1); err != nil || len(got) <= Limit || len(got) > 2*Limit {
		t.Errorf("of too much %d bytes were read, %v", len(got), err)
	}
}
