package jose

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrResponseTooLarge is what writing over ServerConfig.MaxResponse returns;
// the client then gets a sealed 500.
var ErrResponseTooLarge = errors.New("jose: the response is over ServerConfig.MaxResponse")

var errExchangeClosed = errors.New("jose: the exchange is closed")

var _ http.ResponseWriter = (*Exchange)(nil)

// Header returns the headers of the response. Content-Type is that of the
// plaintext: it is sealed as cty.
func (x *Exchange) Header() http.Header { return x.w.Header() }

// WriteHeader sets the status, once. Informational statuses are not sent: there
// is nothing to seal in them.
func (x *Exchange) WriteHeader(status int) {
	if x.status != 0 || x.closed || (status >= 100 && status < 200) {
		return
	}
	if status < 100 || status > 999 {
		status = http.StatusInternalServerError
	}
	x.status = status
	x.header = x.w.Header().Clone()
}

// Write keeps p for Close.
func (x *Exchange) Write(p []byte) (int, error) {
	if x.closed {
		return 0, errExchangeClosed
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.failed != nil {
		return 0, x.failed
	}
	if !bodyAllowed(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	size := 0
	if x.body != nil {
		size = len(x.body.b)
	}
	if len(p) > x.server.cfg.MaxResponse-size {
		x.failed = ErrResponseTooLarge
		return 0, x.failed
	}
	if x.body == nil {
		x.body = newBuffer(len(p))
	}
	copy(x.body.extend(len(p)), p)
	return len(p), nil
}

// SetReadDeadline is http.ResponseController's.
func (x *Exchange) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetReadDeadline(t)
}

// SetWriteDeadline is http.ResponseController's.
func (x *Exchange) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetWriteDeadline(t)
}

// EnableFullDuplex is http.ResponseController's.
func (x *Exchange) EnableFullDuplex() error {
	return http.NewResponseController(x.w).EnableFullDuplex()
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// Close seals what was written and sends it: signed with the bank's current
// key, then encrypted to the client's. A response without a body is sent empty.
// If sealing fails nothing of the response is sent but an empty 500. Calling it
// again does nothing.
func (x *Exchange) Close() error {
	if x.closed {
		return nil
	}
	defer x.Discard()
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.checkCoding()
	if x.failed != nil {
		x.replaceBody()
	}
	x.restoreHeader()
	if x.body == nil || len(x.body.b) == 0 {
		return x.sendEmpty(x.status)
	}
	h := x.w.Header()
	sealed, err := Seal(nil, x.body.b, x.server.cfg.Keys.state().signing[0], x.peer.Encrypt,
		SealOptions{ContentType: x.contentType(), Claims: x.responseClaims(x.status)})
	if err != nil {
		clear(h)
		return errors.Join(err, x.sendEmpty(http.StatusInternalServerError))
	}
	h.Set("Content-Type", mediaJSON)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if x.r.Method == http.MethodHead {
		x.w.WriteHeader(x.status)
		return x.failed
	}
	h.Set("Content-Length", strconv.Itoa(len(sealed)))
	x.w.WriteHeader(x.status)
	_, err = x.w.Write(sealed)
	return errors.Join(x.failed, err)
}

// checkCoding fails a response that the handler has compressed: it announces a
// coding that the sealed body would not have.
func (x *Exchange) checkCoding() {
	for _, coding := range x.header.Values("Content-Encoding") {
		if coding != "" && coding != "identity" {
			x.failed = errors.New("jose: the handler set a Content-Encoding")
		}
	}
}

// replaceBody puts an error in place of a response that cannot be sent.
func (x *Exchange) replaceBody() {
	x.body.free()
	x.body = newBuffer(256)
	x.body.b = appendProblem(x.body.b, http.StatusInternalServerError, "internal_error")
	x.status = http.StatusInternalServerError
	x.header = http.Header{"Content-Type": {problemJSON}}
}

// restoreHeader puts back the headers as they were at WriteHeader, without
// those that speak of the plaintext.
func (x *Exchange) restoreHeader() {
	h := x.w.Header()
	clear(h)
	for name, values := range x.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		h[name] = values
	}
	for _, name := range []string{
		"Content-Length", "Content-Encoding", "Content-Md5", "Content-Digest", "Repr-Digest", "Digest",
		"Accept-Ranges", "Trailer", "Transfer-Encoding",
	} {
		h.Del(name)
	}
}

func (x *Exchange) contentType() string {
	if v := x.header.Get("Content-Type"); v != "" {
		return v
	}
	if x.body != nil && CheckJSON(x.body.b) != nil {
		return http.DetectContentType(x.body.b)
	}
	return mediaJSON
}

func (x *Exchange) sendEmpty(status int) error {
	h := x.w.Header()
	h.Del("Content-Type")
	if bodyAllowed(status) && x.r.Method != http.MethodHead {
		h.Set("Content-Length", "0")
	}
	x.w.WriteHeader(status)
	return nil
}

// Discard ends the exchange without sending anything, if Close has not, and
// clears what was written. A host that calls [Server.Begin] itself defers it, so
// that what a handler wrote before it panicked is not sealed as if it were the
// answer; net/http then aborts the connection.
func (x *Exchange) Discard() {
	x.closed = true
	x.body.free()
	x.body = nil
}
