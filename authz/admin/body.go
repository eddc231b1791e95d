package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/internal/strictjson"
)

// maxBody is the largest request body read, in bytes.
const maxBody = 64 << 10

// input is the JSON object of a request, and the first thing that is wrong with it.
type input struct {
	strictjson.Object
	err error
}

// badRequest is a request that is wrong in itself.
func badRequest(status int, code, detail string) *authz.Refusal {
	return &authz.Refusal{Status: status, Code: code, Reason: code, Detail: detail}
}

// readInput reads a body that is a JSON object of known members. A body that may
// be left out, and is, has none.
func readInput(r *http.Request, optional bool, known ...string) *input {
	body, err := readBody(r)
	if err != nil {
		return &input{err: err}
	}
	if len(body) == 0 {
		if optional {
			return &input{}
		}
		return &input{err: badRequest(http.StatusBadRequest, "body_empty", "Send a JSON object.")}
	}
	if err := checkType(r.Header); err != nil {
		return &input{err: err}
	}
	o, err := strictjson.Parse(body, known...)
	return &input{Object: o, err: jsonRefusal(err)}
}

func readBody(r *http.Request) ([]byte, error) {
	tooLarge := badRequest(http.StatusRequestEntityTooLarge, "body_too_large", "The body is larger than 64 KiB.")
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var limited *http.MaxBytesError
	switch {
	case errors.As(err, &limited) || len(body) > maxBody:
		return nil, tooLarge
	case err != nil:
		return nil, badRequest(http.StatusBadRequest, "body_unreadable", "The body could not be read to its end.")
	}
	return body, nil
}

func checkType(h http.Header) error {
	wrong := badRequest(http.StatusUnsupportedMediaType, "content_type", "Send the body as application/json, without Content-Encoding.")
	if len(h["Content-Type"]) != 1 {
		return wrong
	}
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return wrong
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return wrong
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return wrong
	}
	return nil
}

// jsonRefusal turns an error of strictjson into a refusal with its code.
func jsonRefusal(err error) error {
	var e *strictjson.Error
	if errors.As(err, &e) {
		return badRequest(http.StatusBadRequest, e.Code, e.Error())
	}
	return err
}

// fail keeps the first error.
func (in *input) fail(err error) {
	if in.err == nil {
		in.err = jsonRefusal(err)
	}
}

// text returns a string, "" if the member is not there.
func (in *input) text(name string) string {
	if !in.Has(name) {
		return ""
	}
	s, err := in.String(name)
	in.fail(err)
	return s
}

// textIf returns a string, nil if the member is not there.
func (in *input) textIf(name string) *string {
	if !in.Has(name) {
		return nil
	}
	return new(in.text(name))
}

// list returns a list of strings, nil if the member is not there.
func (in *input) list(name string) []string {
	if !in.Has(name) {
		return nil
	}
	l, err := in.Strings(name)
	in.fail(err)
	return l
}

// listIf returns a list, nil if the member is not there; a member that may be
// null gives a nil list.
func (in *input) listIf(name string, nullable bool) *[]string {
	switch {
	case !in.Has(name):
		return nil
	case nullable && in.Null(name):
		return new([]string)
	}
	return new(in.list(name))
}

func (in *input) flag(name string) bool {
	if !in.Has(name) {
		return false
	}
	b, err := in.Bool(name)
	in.fail(err)
	return b
}

// version returns if_version, 0 if it is not there.
func (in *input) version() uint64 {
	if !in.Has("if_version") {
		return 0
	}
	n, err := in.Uint("if_version")
	in.fail(err)
	if err == nil && n == 0 {
		in.fail(invalid("if_version", "a number from 1"))
	}
	return n
}

// momentIf returns a time, nil if the member is not there; null is the zero time.
func (in *input) momentIf(name string) *time.Time {
	switch {
	case !in.Has(name):
		return nil
	case in.Null(name):
		return new(time.Time)
	}
	text := in.text(name)
	t, err := time.Parse(time.RFC3339, text)
	// A year of more or fewer digits, or the zero time written out, is no time
	// that anybody means.
	if err != nil || t.Year() < 1970 {
		in.fail(invalid(name, "a time as RFC 3339 has it, or null"))
		return nil
	}
	return &t
}

// duration returns a duration, 0 if the member is not there.
func (in *input) duration(name string) time.Duration {
	if !in.Has(name) {
		return 0
	}
	d, err := time.ParseDuration(in.text(name))
	if err != nil {
		in.fail(invalid(name, `a duration such as "1h" or "90m"`))
	}
	return d
}
