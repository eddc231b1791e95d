package signin

// CheapHash is a password hash that costs a test almost nothing.
func CheapHash(password string) string {
	return cost{memory: 64, passes: 1, lanes: 1}.hash(password)
}

// ParseHash reports whether a hash is understood, and what it costs.
func ParseHash(hash string) (work uint64, ok bool) {
	h, err := parseHash(hash)
	return uint64(h.cost.memory) * uint64(h.cost.passes), err == nil
}

// MaxWork bounds what ParseHash says.
const MaxWork = maxWork
