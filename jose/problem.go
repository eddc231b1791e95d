package jose

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

const problemJSON = "application/problem+json"

// problemWriter is the default of ServerConfig.Refuse, for hosts that have no
// rendering of their own.
type problemWriter struct {
	log *slog.Logger
}

func (p *problemWriter) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, code := http.StatusUnauthorized, "client_not_accepted"
	var known interface{ Refusal() (int, string) }
	if errors.As(err, &known) {
		status, code = known.Refusal()
	}
	cause := err
	var refused *Error
	if errors.As(err, &refused) {
		cause = refused.cause
	}
	attrs := []slog.Attr{slog.Int("status", status), slog.String("code", code), slog.Any("cause", cause)}
	if refused != nil {
		attrs = append(attrs, slog.String("reason", string(refused.Reason)))
	}
	p.log.LogAttrs(r.Context(), slog.LevelWarn, "message refused", attrs...)
	h := w.Header()
	h.Set("Content-Type", problemJSON)
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = w.Write(appendProblem(nil, status, code))
}

// appendProblem writes an RFC 9457 problem whose code is a plain token.
func appendProblem(dst []byte, status int, code string) []byte {
	dst = append(dst, `{"status":`...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, `,"title":`...)
	dst = appendQuoted(dst, http.StatusText(status))
	dst = append(dst, `,"code":`...)
	dst = appendQuoted(dst, code)
	return append(dst, '}')
}
