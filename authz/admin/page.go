package admin

import "fmt"

// Page asks for a part of a list: what comes after a key, at most Limit (1 to
// 500; 0 is 100).
type Page struct {
	After string
	Limit int
}

func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return 100, nil
	case p.Limit < 0 || p.Limit > maxPageSize:
		return 0, invalid("limit", fmt.Sprintf("a number from 1 to %d", maxPageSize))
	}
	return p.Limit, nil
}

// cut takes the page off a list that was read one entry beyond it, and returns
// where the following page begins, empty if there is none.
func cut[R any](list []R, limit int, id func(*R) string) (page []R, next string) {
	if len(list) <= limit {
		return list, ""
	}
	return list[:limit], id(&list[limit-1])
}
