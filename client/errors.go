package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// Sentinels. Test with [errors.Is].
var (
	// ErrSignInAgain: the bank accepts no refresh token of this customer, or there
	// is none. The customer must go to [Client.AuthorizeURL].
	ErrSignInAgain = errors.New("client: the customer must sign in again")
	// ErrForeignURL: the request is not for the bank's origin. Nothing was sent.
	ErrForeignURL = errors.New("client: the URL is not the bank's")
	// ErrNoToken is what a [TokenStore] returns for a name that has no record.
	ErrNoToken = errors.New("client: no token is stored")
	// ErrTokenStore: the token store failed, or what it holds does not open.
	ErrTokenStore = errors.New("client: token store")
	// ErrState: an answer of the sign-in is not to the request that this browser
	// made.
	ErrState = errors.New("client: the state of the sign-in does not match")
)

// Codes that an [Error] has where the bank gave none.
const (
	// CodeUnreachable: no answer came, or not all of it.
	CodeUnreachable = "unreachable"
	// CodeKeys: the bank's public keys could not be had.
	CodeKeys = "bank_keys_unavailable"
	// CodeUnusable: the request cannot be sealed, for instance because its body is
	// not strict JSON. It was not sent.
	CodeUnusable = "request_unusable"
	// CodeUnsealed: an answer came that was not sealed. Nothing in it is proven;
	// it may be a refusal from before the bank knew whom to seal for: a
	// certificate or address that is not registered, an unknown client id.
	CodeUnsealed = "unsealed_response"
	// CodeUntrusted: an answer came that did not open, is not the bank's or not to
	// this request, or is too large.
	CodeUntrusted = "untrusted_response"
	// CodeMalformed: an answer came from the bank that makes no sense.
	CodeMalformed = "malformed_response"
	// CodeNone: the bank refused without saying why.
	CodeNone = "no_code"
)

// Error is why a request could not be made or was refused. It holds no secret,
// token or id.
type Error struct {
	// Op is what was tried: "request", "token", "exchange", "refresh" or
	// "response".
	Op string
	// Status is the HTTP status, 0 if no answer came.
	Status int
	// Code is what the bank calls the refusal (the members error or code of its
	// answer), or one of the Code constants.
	Code string
	// Description is the bank's sentence for people, if it gave one, at most 300
	// characters. Error leaves it out.
	Description string
	// MsgID is the message id of the request, to ask the bank about it.
	MsgID string
	// RetryAfter is how long the bank asks to wait, or 0.
	RetryAfter time.Duration
	// Err is the cause, or nil.
	Err error
}

// Error names the operation, status and code.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("client: " + e.Op + ": ")
	if e.Status != 0 {
		b.WriteString("HTTP " + strconv.Itoa(e.Status) + " ")
	}
	b.WriteString(e.Code)
	if e.MsgID != "" {
		b.WriteString(" (MsgId " + e.MsgID + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether time ran out, as [net.Error] has it. The request may
// have arrived all the same.
func (e *Error) Timeout() bool {
	var cause interface{ Timeout() bool }
	return errors.As(e.Err, &cause) && cause.Timeout()
}

// maxErrorBody bounds what is read of a refusal, in bytes.
const maxErrorBody = 64 << 10

// CheckResponse returns nil if the status of a response is below 400, and else
// an *[Error]. It then reads the body, up to 64 KiB, and leaves it to be read
// again.
func CheckResponse(res *http.Response) error {
	if res.StatusCode < 400 {
		return nil
	}
	body, err := peek(res)
	e := refusalOf("response", res, body)
	e.Err = err
	return e
}

// peek reads the start of a response's body and puts it back.
func peek(res *http.Response) ([]byte, error) {
	if res.Body == nil {
		return nil, nil
	}
	start, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	res.Body = &restored{io.MultiReader(bytes.NewReader(start), res.Body), res.Body}
	return start, err
}

// restored is a body of which a part was read already.
type restored struct {
	io.Reader
	io.Closer
}

// refusalOf reads what a refusal says, as OAuth (RFC 6749 section 5.2) or as a
// problem (RFC 9457). A member that is missing or malformed is left out.
func refusalOf(op string, res *http.Response, body []byte) *Error {
	e := &Error{Op: op, Status: res.StatusCode, Code: CodeNone}
	if res.Request != nil {
		e.MsgID = msgIDOf(res.Request)
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 && s < 1<<20 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	var members struct {
		Error       string `json:"error"`
		Code        string `json:"code"`
		Description string `json:"error_description"`
		Detail      string `json:"detail"`
	}
	if jose.CheckJSON(body) != nil || json.Unmarshal(body, &members) != nil {
		return e
	}
	if code := first(members.Error, members.Code); validCode(code) {
		e.Code = code
	}
	e.Description = sentence(first(members.Description, members.Detail))
	return e
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// validCode accepts what may stand in a log line.
func validCode(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// sentence keeps printable characters, at most 300.
func sentence(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= 300 {
			break
		}
		if r >= ' ' && r != 0x7f && r != '\u2028' && r != '\u2029' && r != '\uFFFD' {
			b.WriteRune(r)
		}
	}
	return b.String()
}
