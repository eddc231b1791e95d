package authz

import (
	"context"
	"errors"
	"testing"
)

// A job that takes so much at a time and no more would fall behind for ever on a
// busy installation.
func TestDrainGoesOnWhileThereIsMore(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for name, tc := range map[string]struct {
		waiting, left int
		fails         error
	}{
		"nothing":              {0, 0, nil},
		"less than one round":  {99, 0, nil},
		"several rounds":       {250, 0, nil},
		"more than is allowed": {1000, 500, nil},
		"a failure":            {250, 250, gone},
	} {
		waiting := tc.waiting
		err := drain(t.Context(), 5, 100, func(_ context.Context, limit int) (int, error) {
			if tc.fails != nil {
				return 0, tc.fails
			}
			n := min(waiting, limit)
			waiting -= n
			return n, nil
		})
		if waiting != tc.left || !errors.Is(err, tc.fails) {
			t.Errorf("%s: %d of %d left: %v", name, waiting, tc.waiting, err)
		}
	}
}
