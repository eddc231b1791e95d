// Package problem renders refusals as application/problem+json (RFC 9457).
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem is one refusal as a caller sees it.
type Problem struct {
	// Status is the HTTP status, Code the stable identifier that programs test.
	Status int
	Code   string
	// Detail is a sentence that says what to do. It never holds a secret.
	Detail string
	// Challenge goes to WWW-Authenticate, where not empty.
	Challenge string
	// RetryAfter is rounded up to whole seconds; zero sends no header.
	RetryAfter time.Duration
}

type body struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`
}

// Write sends the problem. A Status outside 400 to 599 is sent as 500.
func Write(w http.ResponseWriter, p Problem) {
	if p.Status < 400 || p.Status > 599 {
		p.Status = http.StatusInternalServerError
	}
	out, err := json.Marshal(body{Type: "about:blank", Title: http.StatusText(p.Status), Status: p.Status, Detail: p.Detail, Code: p.Code})
	if err != nil { // strings always marshal
		out = []byte(`{"type":"about:blank","code":"internal_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	SetRetryAfter(h, p.RetryAfter)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(out, '\n'))
}

// SetRetryAfter sets Retry-After to d in whole seconds, rounded up; nothing for
// a d of zero or less.
func SetRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
}
