package storagetest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Crash says how [RunCrash] opens a store in two processes.
type Crash struct {
	// Open opens the store at a place, which another process may have been
	// killed over. It closes it when the test that it is given ends.
	Open func(t *testing.T, place string) storage.Store
	// Place is where the data is: a directory, or the name of a database that no
	// other test uses. The child process learns it from its environment.
	Place string
	// Kills is how many processes are killed one after another, 3 by default.
	Kills int
	// Load is how long each writes before it is killed, 300 ms by default.
	Load time.Duration
}

// placeVariable tells the child process that it is one, and where its data is.
const placeVariable = "GATEWRIGHT_STORAGETEST_CRASH"

// RunCrash starts the test binary again as a child that runs only this test,
// writes under load, and reports every command before it begins and after it has
// been acknowledged. It kills the child without warning and requires of the data
// that no acknowledged command is lost, that no command is there by halves, and
// that the store works. Call it from a test of its own, not a parallel one, and
// do nothing before it that the child must not do too.
func RunCrash(t *testing.T, c Crash) {
	t.Helper()
	if place := os.Getenv(placeVariable); place != "" {
		crashWriter(newKit(t, Options{}, c.Open(t, place)))
		return
	}
	if c.Kills <= 0 {
		c.Kills = 3
	}
	if c.Load <= 0 {
		c.Load = 300 * time.Millisecond
	}
	for range c.Kills {
		reports := crashOnce(t, c)
		k := newKit(t, Options{}, c.Open(t, c.Place))
		k.survived(reports)
	}
}

// reports are what the child said, by the name of the command.
type reports struct {
	begun     map[string]string // command to its arguments
	completed map[string]bool
}

// crashOnce runs a child under load and kills it.
func crashOnce(t *testing.T, c Crash) *reports {
	t.Helper()
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	child := exec.Command(os.Args[0], "-test.run="+strings.Join(pattern, "/"), "-test.count=1", "-test.timeout=60s")
	child.Env = append(os.Environ(), placeVariable+"="+c.Place)
	var errors bytes.Buffer
	child.Stderr = &errors
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r := &reports{begun: make(map[string]string), completed: make(map[string]bool)}
	acknowledged := make(chan struct{}, 1)
	read := make(chan struct{})
	var rest strings.Builder
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			switch fields := strings.Fields(lines.Text()); {
			case len(fields) == 4 && fields[0] == "begin:":
				r.begun[fields[1]+" "+fields[2]] = fields[3]
			case len(fields) == 3 && fields[0] == "done:":
				r.completed[fields[1]+" "+fields[2]] = true
				select {
				case acknowledged <- struct{}{}:
				default:
				}
			default:
				rest.WriteString(lines.Text() + "\n")
			}
		}
	}()
	select {
	case <-acknowledged:
		time.Sleep(c.Load)
	case <-read:
	case <-time.After(30 * time.Second):
	}
	_ = child.Process.Kill() // SIGKILL: nothing in the child can act on it
	<-read
	err = child.Wait()
	if child.ProcessState.Exited() {
		t.Fatalf("the child has ended by itself: %v\n%s%s", err, rest.String(), errors.String())
	}
	if len(r.completed) == 0 {
		t.Fatalf("the child has acknowledged nothing\n%s%s", rest.String(), errors.String())
	}
	t.Logf("killed after %d acknowledged commands, %d under way", len(r.completed), len(r.begun)-len(r.completed))
	return r
}
