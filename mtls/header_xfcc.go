package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// EnvoyXFCC is the form of Envoy: X-Forwarded-Client-Cert with one element that
// has Cert, as forward_client_cert_details SANITIZE_SET and
// set_current_client_cert_details with cert (and chain) make it. A Hash, if
// there is one, must agree with Cert. More than one element is refused: in the
// append modes the left ones are whatever the client sent.
func EnvoyXFCC() Header {
	return Header{name: "X-Forwarded-Client-Cert", parse: func(value, _ string) ([]*x509.Certificate, error) { return parseXFCC(value) }}
}

func parseXFCC(value string) ([]*x509.Certificate, error) {
	pairs, err := xfccElement(value)
	if err != nil {
		return nil, err
	}
	if pairs["cert"] == "" {
		return nil, ErrMalformed
	}
	out, err := escapedPEM(pairs["cert"], 1)
	if err != nil {
		return nil, err
	}
	leaf := out[0]
	if hash, ok := pairs["hash"]; ok {
		sum := sha256.Sum256(leaf.Raw)
		if !strings.EqualFold(hash, hex.EncodeToString(sum[:])) {
			return nil, ErrMalformed
		}
	}
	if pairs["chain"] != "" { // the certificate again, then its intermediates
		chain, err := escapedPEM(pairs["chain"], 1+maxChain)
		if err != nil || !chain[0].Equal(leaf) {
			return nil, ErrMalformed
		}
		out = append(out, chain[1:]...)
	}
	return out, nil
}

// xfccElement reads the pairs of a header that has exactly one element, keys in
// lower case. Only the names of the certificate's alternatives may repeat; of
// those the last is returned.
func xfccElement(s string) (map[string]string, error) {
	pairs := make(map[string]string, 8)
	for more := true; more; {
		key, rest, found := strings.Cut(s, "=")
		key = strings.ToLower(strings.Trim(key, " \t"))
		if !found || !xfccKey(key) {
			return nil, ErrMalformed
		}
		value, after, ok := xfccValue(rest)
		if !ok {
			return nil, ErrMalformed
		}
		if _, twice := pairs[key]; twice && key != "uri" && key != "dns" && key != "by" {
			return nil, ErrMalformed
		}
		pairs[key] = value
		if s, more = strings.CutPrefix(after, ";"); !more && after != "" {
			return nil, ErrMalformed // a comma: a second element
		}
	}
	return pairs, nil
}

// xfccKey knows the keys of Envoy. An unknown one could be a known one that was
// split by a quote out of place.
func xfccKey(key string) bool {
	switch key {
	case "by", "hash", "cert", "chain", "subject", "uri", "dns":
		return true
	}
	return false
}

// xfccValue cuts a value off: a quoted string, in which a backslash takes the
// next character as it is, or text without separators.
func xfccValue(s string) (value, after string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, `;,`)
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], !strings.ContainsAny(s[:end], `"\= `)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
