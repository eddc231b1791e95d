package policybench

import (
	"fmt"
	"strings"
)

// workload makes n rules as a platform with many organizations has them: ten
// roles with up to a hundred permissions once for every organization, and keys
// that hold them, a hundred to an organization, one in ten with a rule of its own.
func workload(n int) [][]string {
	var rows [][]string
	for i := range min(n/2, 100) {
		rows = append(rows, []string{"p", fmt.Sprintf("role:r%d", i%10), "*", fmt.Sprintf("kind%d:*", i/10), "read", "allow"})
	}
	for i := 0; len(rows) < n; i++ {
		org, key := fmt.Sprintf("org-%d", i/100), fmt.Sprintf("key:%08d", i)
		if i%10 == 9 {
			rows = append(rows, []string{"p", key, org, fmt.Sprintf("account:%d", i), "read", []string{"allow", "deny"}[i/10%2]})
			continue
		}
		rows = append(rows, []string{"g", key, fmt.Sprintf("role:r%d", i%10), org})
	}
	return rows
}

// request is what is asked: a key with a role, of the first organization, reads
// an object of a kind that its role may read.
var request = struct{ org, sub, obj, act string }{"org-0", "key:00000003", "kind0:42", "read"}

// rowsOf gives the rules that matter to one organization.
func rowsOf(rows [][]string, org string) [][]string {
	var own [][]string
	for _, r := range rows {
		dom := r[len(r)-1]
		if r[0] == "p" {
			dom = r[2]
		}
		if dom == org || dom == "*" {
			own = append(own, r)
		}
	}
	return own
}

// kind is what stands before the colon.
func kind(object string) string {
	k, _, _ := strings.Cut(object, ":")
	return k
}
