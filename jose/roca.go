package jose

import "math/big"

// rocaPrimes and rocaMarks describe the moduli of a smart-card library whose
// keys can be factored (CVE-2017-15361): their residues modulo each of these
// primes are powers of 65537. A random modulus passes for one of them about
// once in 2^27.
var rocaPrimes = [...]uint64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

var rocaMarks = func() (marks [len(rocaPrimes)]map[uint64]bool) {
	for i, p := range rocaPrimes {
		marks[i] = map[uint64]bool{}
		for r := uint64(1); !marks[i][r]; r = r * 65537 % p {
			marks[i][r] = true
		}
	}
	return marks
}()

// isROCA reports whether n looks like such a modulus.
func isROCA(n *big.Int) bool {
	var p, r big.Int
	for i, prime := range rocaPrimes {
		if !rocaMarks[i][r.Mod(n, p.SetUint64(prime)).Uint64()] {
			return false
		}
	}
	return true
}
