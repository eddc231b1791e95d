package storagetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"
)

// difference describes where got is not what the contract makes of want, or
// returns "".
func difference(want, got any) string {
	return differ("", reflect.ValueOf(want), reflect.ValueOf(got))
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	prefixType = reflect.TypeFor[netip.Prefix]()
)

func differ(path string, want, got reflect.Value) string {
	if want.IsValid() != got.IsValid() || want.IsValid() && want.Type() != got.Type() {
		return fmt.Sprintf("%s: got %v, want %v", path, got, want)
	}
	if !want.IsValid() {
		return ""
	}
	switch want.Type() {
	case timeType:
		return differTime(path, want.Interface().(time.Time), got.Interface().(time.Time))
	case prefixType:
		if want.Interface() != got.Interface() {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		return ""
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			if d := differ(path+"."+want.Type().Field(i).Name, want.Field(i), got.Field(i)); d != "" {
				return d
			}
		}
	case reflect.Pointer:
		if want.IsNil() != got.IsNil() {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		if !want.IsNil() {
			return differ(path, want.Elem(), got.Elem())
		}
	case reflect.Slice, reflect.Array:
		if want.Len() != got.Len() {
			return fmt.Sprintf("%s: got %d elements, want %d", path, got.Len(), want.Len())
		}
		for i := range want.Len() {
			if d := differ(fmt.Sprintf("%s[%d]", path, i), want.Index(i), got.Index(i)); d != "" {
				return d
			}
		}
	case reflect.Map:
		if want.Len() != got.Len() {
			return fmt.Sprintf("%s: got %d elements, want %d", path, got.Len(), want.Len())
		}
		for _, key := range want.MapKeys() {
			if d := differ(fmt.Sprintf("%s[%q]", path, key), want.MapIndex(key), got.MapIndex(key)); d != "" {
				return d
			}
		}
	default:
		if !want.Equal(got) {
			return fmt.Sprintf("%s: got %#v, want %#v", path, got, want)
		}
	}
	return ""
}

func differTime(path string, want, got time.Time) string {
	if want.IsZero() && got.IsZero() {
		return ""
	}
	if !got.Equal(want.Truncate(time.Millisecond)) {
		return fmt.Sprintf("%s: got %v, want %v", path, got, want)
	}
	if got.Location() != time.UTC {
		return fmt.Sprintf("%s: got a time in %v, want UTC", path, got.Location())
	}
	return ""
}
