package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxInput bounds what is read of a file or of standard input, in bytes.
const maxInput = 64 << 20

// Read reads a file, or standard input for "-".
func (c *Call) Read(name string) ([]byte, error) {
	in := c.IO.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s: over %d MiB", name, maxInput>>20)
	}
	return data, nil
}

// WriteSecret writes a new file that only its owner may read; one that is there
// is left alone.
func WriteSecret(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// List is a flag that may be given several times.
type List []string

// String implements flag.Value.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *List) Set(v string) error {
	*l = append(*l, v)
	return nil
}

// Duration is a flag: a duration as Go writes it, or whole days, as in "30d".
type Duration time.Duration

// String implements flag.Value.
func (d *Duration) String() string { return time.Duration(*d).String() }

// Set implements flag.Value.
func (d *Duration) Set(v string) error {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return errors.New("want days as in 30d, or hours as in 12h")
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	parsed, err := time.ParseDuration(v)
	if err != nil || parsed < 0 {
		return errors.New("want days as in 30d, or hours as in 12h")
	}
	*d = Duration(parsed)
	return nil
}
