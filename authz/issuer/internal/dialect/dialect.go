// Package dialect reads the ways in which a client may speak to an OAuth
// endpoint (a form, or JSON with the same members) into one canonical form. It
// never guesses: what is not plainly well-formed is refused.
package dialect

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
)

// Accept says which dialects an endpoint takes.
type Accept struct {
	Form bool
	JSON bool
	// Members are the names that may stand in JSON. A form may hold others,
	// which are passed over (RFC 6749 section 3.2).
	Members []string
	// Objects are the members of JSON that are objects of strings, with their
	// own members. They are returned apart from the others.
	Objects map[string][]string
}

// Limit is the largest body read, in bytes.
const Limit = 64 << 10

// repeatable parameters may be sent more than once (RFC 8707 section 2).
var repeatable = []string{"resource", "audience"}

// Read returns the parameters of a POST request; those without a value are left
// out, as if they had not been sent (RFC 6749 section 3.2).
func (a Accept) Read(r *http.Request) (form url.Values, objects map[string]map[string]string, refusal *wire.Error) {
	body, isForm, refusal := a.readBody(r)
	if refusal != nil {
		return nil, nil, refusal
	}
	if isForm {
		form, refusal = readForm(body)
		return form, nil, refusal
	}
	return a.readJSON(body)
}

// readBody checks what surrounds the body, and reads it.
func (a Accept) readBody(r *http.Request) (body []byte, isForm bool, refusal *wire.Error) {
	if r.Method != http.MethodPost {
		return nil, false, wire.MethodNotAllowed("POST", "Use POST.")
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, false, wire.InvalidRequest("query", "Send parameters in the body; this endpoint takes none in the URL, secrets least of all.")
	}
	if len(r.Header["Content-Type"]) != 1 {
		return nil, false, a.wrongType()
	}
	mediaType := mediaTypeOf(r.Header["Content-Type"][0])
	isForm = mediaType == formType
	if !(isForm && a.Form) && !(mediaType == jsonType && a.JSON) {
		return nil, false, a.wrongType()
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, false, wire.InvalidRequest("content_encoding", "Send the body without Content-Encoding.")
	}
	body, refusal = readAll(r)
	return body, isForm, refusal
}

// The media types of the dialects.
const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// mediaTypeOf reads a Content-Type; empty if it is malformed, or of another
// charset than UTF-8. Nearly all are one of the two constants and need no parsing.
func mediaTypeOf(header string) string {
	if header == formType || header == jsonType {
		return header
	}
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return mediaType
}

func (a Accept) wrongType() *wire.Error {
	want := formType
	switch {
	case a.Form && a.JSON:
		want += " or " + jsonType
	case a.JSON:
		want = jsonType
	}
	return wire.InvalidRequest("content_type", "Send the body as "+want+".")
}

func readAll(r *http.Request) ([]byte, *wire.Error) {
	if r.ContentLength > Limit {
		return nil, wire.BodyTooLarge()
	}
	body, err := readMost(r.Body, r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || len(body) > Limit:
		return nil, wire.BodyTooLarge()
	case err != nil:
		return nil, wire.InvalidRequest("body_unreadable", "The body could not be read to its end.")
	case len(body) == 0:
		return nil, wire.InvalidRequest("body_empty", "The body is empty.")
	case !utf8.Valid(body):
		return nil, wire.InvalidRequest("not_utf8", "The body is not valid UTF-8.")
	}
	return body, nil
}

// readMost reads to the end, or until there is more than Limit. The length that
// was announced, -1 for none, is only what the buffer begins with.
func readMost(r io.Reader, announced int64) ([]byte, error) {
	if announced < 0 {
		announced = 511
	}
	b := make([]byte, 0, announced+1) // where there is room left the end is found
	for len(b) <= Limit {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return b, err
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, 1)
		}
	}
	return b, nil
}

func readForm(body []byte) (url.Values, *wire.Error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, wire.InvalidRequest("form_malformed", "The form is malformed.")
	}
	return form, Normalize(form)
}

// Normalize leaves out parameters without a value and refuses repeated ones and
// those with control characters.
func Normalize(form url.Values) *wire.Error {
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return wire.InvalidRequest("duplicate_parameter", "A parameter is sent more than once.")
		}
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				return wire.InvalidRequest("control_character", "A parameter holds a character that is not allowed.")
			}
		}
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) == 0 {
			delete(form, name)
		} else {
			form[name] = values
		}
	}
	return nil
}
