package maskedid

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// A Source is one place in a request that carries the mask: [Path], [Query],
// [Header] or [Body]. The zero Source is invalid.
type Source struct {
	place string // for messages
	read  func(*http.Request) (string, error)
	err   error
}

// Path is a wildcard of the route's pattern, such as {account_id}. The standard
// mux sets it, so the check must stand behind the mux, per route; before it the
// value is missing and the request is refused. A path that arrived with escapes
// is refused whatever they stand for.
func Path(wildcard string) Source {
	return source("path wildcard", wildcard, func(r *http.Request) (string, error) {
		if r.URL.RawPath != "" {
			return "", ErrMalformed
		}
		return r.PathValue(wildcard), nil
	})
}

// Query is a query parameter. It must be there once, in its plain spelling, in a
// query that is well-formed as a whole.
func Query(parameter string) Source {
	return source("query parameter", parameter, func(r *http.Request) (string, error) {
		return queryValue(r.URL.RawQuery, parameter)
	})
}

// Header is a request header on exactly one line.
func Header(name string) Source {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return source("header", name, func(r *http.Request) (string, error) {
		switch lines := r.Header[canonical]; len(lines) {
		case 0:
			return "", ErrMissing
		case 1:
			return lines[0], nil
		default:
			return "", ErrMalformed
		}
	})
}

// Body is a string member of a JSON object: the last name of path is the member,
// those before it the objects it lies in. payload returns the verified text of
// the request, after decryption and signature check, and an error where there is
// none; it must never return the bytes as they came over the wire.
//
// On the way to the member no name may come twice, not even in another case, and
// nothing may follow the document.
func Body(payload func(*http.Request) ([]byte, error), path ...string) Source {
	s := source("body member", strings.Join(path, "."), func(r *http.Request) (string, error) {
		text, err := payload(r)
		if err != nil {
			return "", err
		}
		return member(text, path)
	})
	if payload == nil {
		s.err = errors.New("maskedid: Body: payload: no function")
	}
	for _, name := range path {
		if name == "" {
			s.err = errors.New("maskedid: Body: path: empty name")
		}
	}
	return s
}

func source(kind, name string, read func(*http.Request) (string, error)) Source {
	s := Source{place: kind + " " + name, read: read}
	if name == "" {
		s.err = fmt.Errorf("maskedid: %s: no name", kind)
	}
	return s
}

// Sources are the places in which a route carries the mask, all of which must
// hold it and agree. It is immutable and safe for concurrent use; nil and zero
// refuse every request.
type Sources struct {
	list []Source
}

// NewSources makes the sources of a route. The error names the one that is
// invalid or declared twice.
func NewSources(first Source, more ...Source) (*Sources, error) {
	s := &Sources{list: append([]Source{first}, more...)}
	seen := make(map[string]bool, len(s.list))
	for i, one := range s.list {
		switch {
		case one.err != nil:
			return nil, one.err
		case one.read == nil:
			return nil, fmt.Errorf("maskedid: source %d: zero Source", i)
		case seen[one.place]:
			return nil, fmt.Errorf("maskedid: source %d: %s is declared twice", i, one.place)
		}
		seen[one.place] = true
	}
	return s, nil
}

// Extract returns the one mask that all sources hold. It is of the right form;
// whose it is, is for [Check] to say.
func (s *Sources) Extract(r *http.Request) (masked string, err error) {
	if s == nil || len(s.list) == 0 {
		return "", ErrMisconfigured
	}
	for i, one := range s.list {
		value, err := one.read(r)
		if err != nil {
			return "", err
		}
		if err := form(value); err != nil {
			return "", err
		}
		if i > 0 && value != masked {
			return "", ErrDisagree
		}
		masked = value
	}
	return masked, nil
}

// Check returns nil if every source of r holds exactly the mask of id.
func (s *Sources) Check(r *http.Request, id string) error {
	masked, err := s.Extract(r)
	if err != nil {
		return err
	}
	return Check(masked, id)
}

// queryValue returns the value of the one parameter called name. Like
// url.ParseQuery it refuses semicolons and broken escapes anywhere. A mask needs
// no escape, so one in its value is refused too, and so is an escaped spelling
// of its name, which a filter in front may have read differently.
func queryValue(query, name string) (string, error) {
	found := 0
	var value string
	for part := range strings.SplitSeq(query, "&") {
		key, v, _ := strings.Cut(part, "=")
		if strings.IndexByte(part, ';') >= 0 || !validEscapes(key) || !validEscapes(v) {
			return "", ErrMalformed
		}
		if key == name {
			found++
			value = v
			continue
		}
		if strings.ContainsAny(key, "%+") {
			if plain, err := url.QueryUnescape(key); err != nil || plain == name {
				return "", ErrMalformed
			}
		}
	}
	switch {
	case found == 0:
		return "", ErrMissing
	case found > 1 || strings.ContainsAny(value, "%+"):
		return "", ErrMalformed
	}
	return value, nil
}

// validEscapes tells whether each % is followed by two hexadecimal digits.
func validEscapes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || !hexadecimal(s[i+1]) || !hexadecimal(s[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
