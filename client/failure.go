package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/gatewright/gatewright/jose"
)

// failure makes an Error of what a transport returned, for a request that was
// made with [watched].
func failure(op, msgID string, sent *atomic.Bool, err error) error {
	e := &Error{Op: op, Code: CodeUnusable, MsgID: msgID, Err: err}
	if sent.Load() {
		e.Code = CodeUntrusted
	}
	var unsealed *jose.UnsealedError
	var refused *jose.Error
	var lost *networkError
	var keys *keysError
	switch {
	case errors.As(err, &unsealed):
		e.Code, e.Status = CodeUnsealed, unsealed.Status
	case errors.As(err, &refused):
		e.Code = CodeUntrusted
	case errors.As(err, &keys):
		e.Code = CodeKeys
	case errors.As(err, &lost), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Code = CodeUnreachable
	}
	return e
}

type sentKey struct{}

// watched returns a request that tells when it was handed to the network.
func watched(req *http.Request) (*http.Request, *atomic.Bool) {
	sent := new(atomic.Bool)
	return req.WithContext(context.WithValue(req.Context(), sentKey{}, sent)), sent
}

// network marks what went wrong on the way to the bank and back.
type network struct{ base http.RoundTripper }

func (n network) RoundTrip(req *http.Request) (*http.Response, error) {
	if sent, ok := req.Context().Value(sentKey{}).(*atomic.Bool); ok {
		sent.Store(true)
	}
	res, err := n.base.RoundTrip(req)
	if err != nil {
		return nil, &networkError{err}
	}
	res.Body = &networkBody{res.Body}
	return res, nil
}

type networkError struct{ err error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

type networkBody struct{ io.ReadCloser }

func (b *networkBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &networkError{err}
	}
	return n, err
}

// bankKeys marks failures of a key source.
type bankKeys struct{ jose.KeySource }

func (b bankKeys) PublicKeys(ctx context.Context, missing string) (*jose.PublicKeys, error) {
	keys, err := b.KeySource.PublicKeys(ctx, missing)
	if err != nil {
		return nil, &keysError{err}
	}
	return keys, nil
}

type keysError struct{ err error }

func (e *keysError) Error() string { return e.err.Error() }
func (e *keysError) Unwrap() error { return e.err }
