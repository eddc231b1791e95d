package keyring

import "strings"

// Costly reports whether checking a secret against the hash takes the time of a
// password hash, so that a caller may limit how often guesses make it pay.
func Costly(hash string) bool { return hash != "" && !strings.HasPrefix(hash, secretPrefix) }
