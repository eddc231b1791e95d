// Package example is what the example servers have in common: their flags, where
// they keep things, and how they serve and stop. None of it is needed to use the
// library.
package example

import (
	"flag"
	"fmt"
	"os"
)

// Flags are those that every example server takes.
type Flags struct {
	// Addr is where to listen, as host:port; port 0 picks one.
	Addr string
	// Data is the folder for state.
	Data string
	// DSN is a database other than SQLite.
	DSN string
	// Credentials is the file to write the demo credentials to.
	Credentials string
	// Tour plays the story of the example against itself, then stops.
	Tour bool

	temporary bool
}

// Parse reads the flags of the process. Call the returned function at the end:
// it removes the folder if it was temporary.
func Parse() (*Flags, func(), error) {
	f := new(Flags)
	f.Register(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		return nil, nil, fmt.Errorf("unexpected argument %q: see -help", flag.Arg(0))
	}
	done, err := f.Prepare()
	return f, done, err
}

// Register defines the flags in a set.
func (f *Flags) Register(set *flag.FlagSet) {
	set.StringVar(&f.Addr, "addr", "127.0.0.1:8080", "listen on `host:port`; port 0 picks one")
	set.StringVar(&f.Data, "data", "", "keep state in this `folder` (default: a temporary one, removed at exit)")
	set.StringVar(&f.DSN, "dsn", "", "use this `database` instead of SQLite: postgres://user:password@host/name or mysql://user:password@host/name")
	set.StringVar(&f.Credentials, "credentials", "", "write the demo credentials to this `file` as JSON once the server is ready")
	set.BoolVar(&f.Tour, "tour", false, "play the whole story against the server, print every step, and exit 0 if all went as it should")
}

// Prepare makes the data folder.
func (f *Flags) Prepare() (func(), error) {
	if f.Data == "" {
		dir, err := os.MkdirTemp("", "gatewright-")
		if err != nil {
			return nil, err
		}
		f.Data, f.temporary = dir, true
		return func() { _ = os.RemoveAll(dir) }, nil
	}
	return func() {}, os.MkdirAll(f.Data, 0o700)
}
