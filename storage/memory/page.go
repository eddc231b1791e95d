package memory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// atMost gives a limit that was left out.
func atMost(limit int) int {
	if limit < 1 {
		return 100
	}
	return limit
}

// page sorts the rows that key accepts by their key and copies those of the page.
func page[K comparable, V any](p storage.Page, rows iter.Seq2[K, V], key func(V) (string, bool), copied func(V) V) []V {
	type row struct {
		key   string
		value V
	}
	var found []row
	for _, v := range rows {
		if k, ok := key(v); ok && k > p.After {
			found = append(found, row{k, v})
		}
	}
	slices.SortFunc(found, func(a, b row) int { return cmp.Compare(a.key, b.key) })
	found = found[:min(len(found), min(atMost(p.Limit), 1000))]
	list := make([]V, len(found))
	for i := range found {
		list[i] = copied(found[i].value)
	}
	return list
}
