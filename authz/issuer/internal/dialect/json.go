package dialect

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"slices"

	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
)

// readJSON accepts one object whose members are known, named exactly, given
// once, and strings, or objects of such. encoding/json alone would fold case and
// keep the last of several, so it is driven token by token.
func (a Accept) readJSON(body []byte) (url.Values, map[string]map[string]string, *wire.Error) {
	o := objectReader{dec: json.NewDecoder(bytes.NewReader(body))}
	form, objects := url.Values{}, map[string]map[string]string{}
	if t, err := o.dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, malformed()
	}
	refusal := o.members(func(name string) *wire.Error {
		if inner, isObject := a.Objects[name]; isObject {
			if _, dup := objects[name]; dup {
				return duplicate()
			}
			object, refusal := o.object(inner)
			objects[name] = object
			return refusal
		}
		if !slices.Contains(a.Members, name) {
			return unknown()
		}
		if _, dup := form[name]; dup {
			return duplicate()
		}
		value, refusal := o.text()
		form[name] = []string{value}
		return refusal
	})
	if refusal != nil {
		return nil, nil, refusal
	}
	if _, err := o.dec.Token(); err != io.EOF {
		return nil, nil, wire.InvalidRequest("trailing_data", "Something follows the JSON object.")
	}
	return form, objects, Normalize(form)
}

type objectReader struct{ dec *json.Decoder }

// members reads to the end of an object whose opening brace has been read.
func (o objectReader) members(each func(name string) *wire.Error) *wire.Error {
	for o.dec.More() {
		t, err := o.dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return malformed()
		}
		if refusal := each(name); refusal != nil {
			return refusal
		}
	}
	if t, err := o.dec.Token(); err != nil || t != json.Delim('}') {
		return malformed()
	}
	return nil
}

func (o objectReader) text() (string, *wire.Error) {
	t, err := o.dec.Token()
	if err != nil {
		return "", malformed()
	}
	value, ok := t.(string)
	if !ok {
		return "", wire.InvalidRequest("member_type", "A JSON member is not of the type that it has here; nearly all are strings.")
	}
	return value, nil
}

// object reads an object of known, single, non-empty strings.
func (o objectReader) object(known []string) (map[string]string, *wire.Error) {
	t, err := o.dec.Token()
	if err != nil {
		return nil, malformed()
	}
	if t != json.Delim('{') {
		return nil, wire.InvalidRequest("member_type", "A JSON member that is an object here is something else.")
	}
	object := map[string]string{}
	return object, o.members(func(name string) *wire.Error {
		if !slices.Contains(known, name) {
			return unknown()
		}
		if _, dup := object[name]; dup {
			return duplicate()
		}
		value, refusal := o.text()
		if refusal == nil && value == "" {
			refusal = wire.InvalidRequest("member_empty", "A JSON member is empty; leave it out instead.")
		}
		object[name] = value
		return refusal
	})
}

func malformed() *wire.Error {
	return wire.InvalidRequest("json_malformed", "The body is not one well-formed JSON object.")
}

func unknown() *wire.Error {
	return wire.InvalidRequest("unknown_member", "The JSON object has a member that this endpoint does not know; names are case-sensitive.")
}

func duplicate() *wire.Error {
	return wire.InvalidRequest("duplicate_member", "A JSON member is given more than once.")
}
