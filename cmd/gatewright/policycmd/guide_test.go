package policycmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/cmd/gatewright/policycmd"
)

// directive is a comment before a block of the guide: the file that the block
// is, or is added to, or a file to copy.
var directive = regexp.MustCompile(`^<!-- (file|append|copy): (\S+)(?: (\S+))? -->$`)

// TestGuide runs the guide for authors: it writes its files, runs its commands,
// and holds that they say what the guide says.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("../../../docs/guides/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var what []string
	lines := strings.Split(string(text), "\n")
	commands := 0
	for i := 0; i < len(lines); i++ {
		if m := directive.FindStringSubmatch(lines[i]); m != nil {
			what = m
			if m[1] == "copy" {
				body, err := os.ReadFile(m[2])
				if err != nil {
					t.Fatal(err)
				}
				put(t, m[3], string(body), os.O_TRUNC)
			}
			continue
		}
		if !strings.HasPrefix(lines[i], "```") {
			continue
		}
		first := i + 1
		kind := lines[i][3:]
		for i++; lines[i] != "```"; i++ {
		}
		body := strings.Join(lines[first:i], "\n") + "\n"
		switch {
		case kind == "console":
			commands += console(t, first+1, lines[first:i])
		case what != nil && what[1] == "file":
			put(t, what[2], body, os.O_TRUNC)
		case what != nil && what[1] == "append":
			put(t, what[2], body, os.O_APPEND)
		}
		what = nil
	}
	if commands < 20 {
		t.Errorf("only %d commands were run", commands)
	}
}

func put(t *testing.T, name, text string, flag int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// console runs the commands of a block and compares what they write.
func console(t *testing.T, line int, block []string) (commands int) {
	t.Helper()
	for i := 0; i < len(block); i++ {
		args, ok := strings.CutPrefix(block[i], "$ gatewright policy ")
		if !ok {
			t.Fatalf("line %d: %q is no command", line+i, block[i])
		}
		at := line + i
		var want strings.Builder
		for i+1 < len(block) && !strings.HasPrefix(block[i+1], "$ ") {
			i++
			want.WriteString(block[i] + "\n")
		}
		var out, errs bytes.Buffer
		policycmd.Run(t.Context(), strings.Fields(args), policycmd.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
		commands++
		if out.String() != want.String() {
			t.Errorf("line %d: gatewright policy %s\nsays:\n%s%sthe guide says:\n%s", at, args, out.String(), errs.String(), want.String())
		}
	}
	return commands
}
