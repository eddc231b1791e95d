package mtls

import (
	"cmp"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// attribute is one type and value of a relative distinguished name.
type attribute struct{ oid, value string }

// rdn is a relative distinguished name: a set, kept sorted.
type rdn []attribute

// attributeTypes are the short names of
// https://www.rfc-editor.org/rfc/rfc4514#section-3 and those that certificates
// of companies have besides.
var attributeTypes = map[string]string{
	"CN": "2.5.4.3", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11",
	"C": "2.5.4.6", "STREET": "2.5.4.9",
	"DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
	"SERIALNUMBER": "2.5.4.5", "TITLE": "2.5.4.12", "POSTALCODE": "2.5.4.17",
	"BUSINESSCATEGORY": "2.5.4.15", "ORGANIZATIONIDENTIFIER": "2.5.4.97",
	"EMAILADDRESS":            "1.2.840.113549.1.9.1",
	"JURISDICTIONCOUNTRYNAME": "1.3.6.1.4.1.311.60.2.1.3",
}

// parseRDNs reads the DER of a certificate's subject, most general name first.
func parseRDNs(der []byte) ([]rdn, error) {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 {
		return nil, errName
	}
	out := make([]rdn, len(seq))
	for i, set := range seq {
		for _, a := range set {
			value, ok := a.Value.(string)
			if !ok {
				return nil, errName
			}
			out[i] = append(out[i], attribute{a.Type.String(), value})
		}
		sortRDN(out[i])
	}
	return out, nil
}

// parseDN reads the string form of
// https://www.rfc-editor.org/rfc/rfc4514#section-3, in which the most specific
// name comes first, and returns it most general first. A space may follow a
// separator. Values in the form #hex are not supported.
func parseDN(s string) ([]rdn, error) {
	var out []rdn
	var current rdn
	if s == "" {
		return nil, errName
	}
	for {
		name, rest, found := strings.Cut(s, "=")
		if !found {
			return nil, errName
		}
		oid, ok := attributeType(strings.Trim(name, " "))
		if !ok {
			return nil, errName
		}
		value, end, ok := attributeValue(rest)
		if !ok {
			return nil, errName
		}
		current = append(current, attribute{oid, value})
		if end < len(rest) && rest[end] == '+' {
			s = rest[end+1:]
			continue
		}
		sortRDN(current)
		out = append(out, current)
		current = nil
		if end == len(rest) {
			slices.Reverse(out)
			return out, nil
		}
		s = rest[end+1:]
	}
}

func attributeType(name string) (oid string, ok bool) {
	if oid, ok := attributeTypes[strings.ToUpper(name)]; ok {
		return oid, true
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "OID."), "oid.")
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return "", false
	}
	for _, p := range parts {
		if p == "" || len(p) > 1 && p[0] == '0' || strings.Trim(p, "0123456789") != "" {
			return "", false
		}
	}
	return name, true
}

// attributeValue reads a value up to a separator outside escapes, and returns
// where that is. Spaces at the ends that are not escaped do not count.
func attributeValue(s string) (value string, end int, ok bool) {
	if strings.HasPrefix(s, "#") {
		return "", 0, false
	}
	var b []byte
	keep := 0 // length up to the last character that is not a bare space
	for end = 0; end < len(s); end++ {
		c := s[end]
		switch c {
		case ',', ';', '+':
			return finishValue(b[:keep], end)
		case '"', '<', '>', 0:
			return "", 0, false
		case ' ':
			if len(b) > 0 {
				b = append(b, c)
			}
			continue
		case '\\':
			if end+1 == len(s) {
				return "", 0, false
			}
			if strings.IndexByte(`\"+,;<>#= `, s[end+1]) >= 0 {
				b = append(b, s[end+1])
				end++
			} else {
				if end+2 >= len(s) {
					return "", 0, false
				}
				raw, err := hex.DecodeString(s[end+1 : end+3])
				if err != nil {
					return "", 0, false
				}
				b = append(b, raw[0])
				end += 2
			}
		default:
			b = append(b, c)
		}
		keep = len(b)
	}
	return finishValue(b[:keep], end)
}

func finishValue(b []byte, end int) (string, int, bool) {
	if len(b) == 0 || !utf8.Valid(b) {
		return "", 0, false
	}
	return string(b), end, true
}

func sortRDN(r rdn) {
	slices.SortFunc(r, func(a, b attribute) int {
		return cmp.Or(strings.Compare(a.oid, b.oid), strings.Compare(a.value, b.value))
	})
}

func equalRDNs(a, b []rdn) bool {
	return slices.EqualFunc(a, b, func(x, y rdn) bool { return slices.Equal(x, y) })
}
