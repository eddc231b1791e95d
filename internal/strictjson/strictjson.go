// Package strictjson reads one flat JSON object without guessing: known members
// only, named letter for letter and given once, of the expected type, and with
// nothing behind the object. encoding/json alone folds case, keeps the last of
// several members of one name and passes over what it does not know.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The codes of an [Error].
const (
	Malformed       = "json_malformed"
	NotUTF8         = "not_utf8"
	UnknownMember   = "unknown_member"
	DuplicateMember = "duplicate_member"
	TrailingData    = "trailing_data"
	MemberType      = "member_type"
)

// Error says why an object was refused.
type Error struct {
	// Code is one of the constants.
	Code string
	// Member is the known member at fault; empty where the fault is not with a
	// member, or the member is unknown: what a caller made up is not repeated.
	Member string
	// Want describes the type of the member, for [MemberType].
	Want string
}

// Error tells the caller what to do.
func (e *Error) Error() string {
	switch e.Code {
	case NotUTF8:
		return "The body is not valid UTF-8."
	case UnknownMember:
		return "The JSON object has a member that is not known here; names are case-sensitive."
	case DuplicateMember:
		return fmt.Sprintf("The JSON member %q is given more than once.", e.Member)
	case TrailingData:
		return "Something follows the JSON object."
	case MemberType:
		return fmt.Sprintf("The JSON member %q must be %s.", e.Member, e.Want)
	default:
		return "The body is not one well-formed JSON object."
	}
}

// Object is a JSON object that was read strictly. The zero Object has no members.
type Object struct {
	members map[string]json.RawMessage
}

// Parse reads an object that may have the known members and no others. Its error
// is an [*Error].
func Parse(body []byte, known ...string) (Object, error) {
	if !utf8.Valid(body) {
		return Object{}, &Error{Code: NotUTF8}
	}
	malformed := &Error{Code: Malformed}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return Object{}, malformed
	}
	o := Object{members: map[string]json.RawMessage{}}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return Object{}, malformed
		}
		if !slices.Contains(known, name) {
			return Object{}, &Error{Code: UnknownMember}
		}
		if _, twice := o.members[name]; twice {
			return Object{}, &Error{Code: DuplicateMember, Member: name}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return Object{}, malformed
		}
		o.members[name] = value
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return Object{}, malformed
	}
	if _, err := dec.Token(); err != io.EOF {
		return Object{}, &Error{Code: TrailingData}
	}
	return o, nil
}

// Has reports whether the member is there, null or not.
func (o Object) Has(name string) bool { _, ok := o.members[name]; return ok }

// Null reports whether the member is there and null.
func (o Object) Null(name string) bool { return string(o.members[name]) == "null" }

// String returns a member that must be a string. Half a surrogate pair, for
// which no character exists, is refused.
func (o Object) String(name string) (string, error) {
	s, ok := text(o.members[name])
	if !ok {
		return "", &Error{Code: MemberType, Member: name, Want: "a string"}
	}
	return s, nil
}

// Strings returns a member that must be an array of strings.
func (o Object) Strings(name string) ([]string, error) {
	wrong := &Error{Code: MemberType, Member: name, Want: "an array of strings"}
	raw := o.members[name]
	if len(raw) == 0 || raw[0] != '[' {
		return nil, wrong
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, wrong
	}
	list := make([]string, len(items))
	for i, item := range items {
		s, ok := text(item)
		if !ok {
			return nil, wrong
		}
		list[i] = s
	}
	return list, nil
}

// Bool returns a member that must be true or false.
func (o Object) Bool(name string) (bool, error) {
	switch string(o.members[name]) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &Error{Code: MemberType, Member: name, Want: "true or false"}
}

// Uint returns a member that must be a whole number from 0, written in digits.
func (o Object) Uint(name string) (uint64, error) {
	n, err := strconv.ParseUint(string(o.members[name]), 10, 64)
	if err != nil {
		return 0, &Error{Code: MemberType, Member: name, Want: "a whole number"}
	}
	return n, nil
}

// text reads a JSON string. encoding/json puts U+FFFD in the place of half a
// surrogate pair, so a string that has one is not taken.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || strings.ContainsRune(s, utf8.RuneError) {
		return "", false
	}
	return s, true
}
