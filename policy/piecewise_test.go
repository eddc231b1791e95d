package policy

import (
	"io/fs"
	"testing/fstest"
)

// piecewise is a file system whose rules are being written in pieces.
type piecewise struct {
	model string
	rules []string
	next  int
}

func (p *piecewise) Open(name string) (fs.File, error) {
	return fstest.MapFS{
		"model.conf": {Data: []byte(p.model)},
		"policy.csv": {Data: []byte(p.rules[p.next])},
	}.Open(name)
}
