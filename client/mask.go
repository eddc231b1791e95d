package client

import "github.com/gatewright/gatewright/authz/maskedid"

// ErrMask: an id cannot be masked: it has fewer than 8 or more than 64
// characters, or others than 0-9 and A-Z.
var ErrMask = maskedid.ErrID

// Mask returns an account or customer id as it stands in paths, queries and
// bodies: the first four and the last three characters, and x for each between.
// It returns [ErrMask] for an id that cannot be masked.
func Mask(id string) (string, error) { return maskedid.Mask(id) }
