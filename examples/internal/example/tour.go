package example

import (
	"errors"
	"fmt"
	"io"
)

// Tour prints the steps of a story and remembers what went wrong.
type Tour struct {
	out    io.Writer
	steps  int
	failed int
}

// NewTour writes to out.
func NewTour(out io.Writer) *Tour { return &Tour{out: out} }

// Step runs one step. What it returns as a sentence is printed as its outcome.
func (t *Tour) Step(name string, do func() (string, error)) {
	t.steps++
	outcome, err := do()
	if err != nil {
		t.failed++
		_, _ = fmt.Fprintf(t.out, "%2d. %s\n    FAILED: %v\n", t.steps, name, err)
		return
	}
	_, _ = fmt.Fprintf(t.out, "%2d. %s\n    %s\n", t.steps, name, outcome)
}

// Err reports whether any step failed.
func (t *Tour) Err() error {
	if t.failed > 0 {
		return fmt.Errorf("%d of %d steps failed", t.failed, t.steps)
	}
	if t.steps == 0 {
		return errors.New("the tour has no steps")
	}
	_, _ = fmt.Fprintf(t.out, "all %d steps went as they should\n", t.steps)
	return nil
}
