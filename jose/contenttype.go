package jose

import (
	"mime"
	"strings"
)

const mediaJSON = "application/json"

// shortContentType turns an HTTP Content-Type into a cty (RFC 7515 section
// 4.1.10): the "application/" of a type without parameters is left out, and so
// is the charset of JSON, which has none but UTF-8. An empty or unreadable one
// is JSON.
func shortContentType(v string) string {
	media, params, err := mime.ParseMediaType(v)
	if err != nil {
		media, params = mediaJSON, nil
	}
	if isJSONType(media) {
		delete(params, "charset")
	}
	if len(params) > 0 {
		return mime.FormatMediaType(media, params)
	}
	if short, ok := strings.CutPrefix(media, "application/"); ok && !strings.Contains(short, "/") {
		return short
	}
	return media
}

// longContentType is the HTTP Content-Type of a cty; none means JSON.
func longContentType(cty string) string {
	switch {
	case cty == "":
		return mediaJSON
	case strings.Contains(cty, "/"):
		return cty
	default:
		return "application/" + cty
	}
}

// validContentType reports whether a cty is a media type, and no JOSE object:
// what is signed is content, never another signature or encryption.
func validContentType(cty string) bool {
	media, _, err := mime.ParseMediaType(longContentType(cty))
	if err != nil || cty == "" {
		return false
	}
	switch media {
	case "application/jose", "application/jose+json", "application/jwt":
		return false
	}
	return true
}

// isJSONType reports whether a media type without parameters is JSON.
func isJSONType(media string) bool {
	return strings.EqualFold(media, mediaJSON) ||
		len(media) > 5 && strings.EqualFold(media[len(media)-5:], "+json")
}

// isJSONContent reports whether a cty announces JSON.
func isJSONContent(cty string) bool {
	media, _, err := mime.ParseMediaType(longContentType(cty))
	return err == nil && isJSONType(media)
}

// isSealedContentType reports whether an HTTP Content-Type is that of a sealed
// body: application/json, in UTF-8 if it says so.
func isSealedContentType(v string) bool {
	media, params, err := mime.ParseMediaType(v)
	if err != nil || media != mediaJSON {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}
