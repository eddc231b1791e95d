package jose

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

// DefaultMsgIDHeader is the request header that carries the message id.
const DefaultMsgIDHeader = "MsgId"

// maxMsgID bounds a message id, in bytes.
const maxMsgID = 128

// NewMsgID returns a fresh message id: 128 random bits in hex.
func NewMsgID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// msgIDOf reads the message id: "" if the header is absent, an error if there
// is more than one line or anything but 1 to 128 visible ASCII characters.
func msgIDOf(h http.Header, name string) (string, error) {
	lines := h.Values(name)
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", refuse(ReasonMessageID, "more than one message id")
	}
	if !validMsgID(lines[0]) {
		return "", refuse(ReasonMessageID, "a malformed message id")
	}
	return lines[0], nil
}

func validMsgID(id string) bool {
	if id == "" || len(id) > maxMsgID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
