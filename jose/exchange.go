package jose

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Exchange is one request and its response between proven parties:
// [Exchange.Open] reads the request, and what is written to the Exchange is
// sealed by [Exchange.Close]. Hosts that order their own controls use it;
// everybody else uses [Server.Handler]. It is an http.ResponseWriter and, like
// one, for one goroutine at a time.
type Exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	peer   Peer
	bind   Binding
	target string

	msgID, requestHash string

	header http.Header // frozen by WriteHeader
	status int         // 0: not written yet
	body   *buffer
	failed error
	closed bool
}

// Begin starts the exchange with a client whose certificate is proven. From now
// on refusals belong on the Exchange, which seals them.
func (s *Server) Begin(w http.ResponseWriter, r *http.Request, peer Peer) (*Exchange, error) {
	if err := peer.check(); err != nil {
		return nil, err
	}
	x := &Exchange{server: s, w: w, r: r, peer: peer, bind: s.binding(&peer)}
	if x.bind == Strict {
		if s.cfg.Issuer == "" {
			return nil, errors.New("jose: a strict client of a server without ServerConfig.Issuer")
		}
		x.target = s.target(r)
	}
	// Known before the body is read, so that an early refusal can refer to it.
	if id, err := msgIDOf(r.Header, s.cfg.MsgIDHeader); err == nil {
		x.msgID = id
	}
	return x, nil
}

// MsgID returns the request's message id, or "" if it has none that is valid.
func (x *Exchange) MsgID() string { return x.msgID }

// Open reads the request's body, decrypts and verifies it, checks the binding
// and spends the message id. It returns a request with the payload as its body,
// for the handler, whose context has the [Message]. A request without a body,
// of a method that needs none, is returned without one. The error is an
// [*Error]. Call it once.
func (x *Exchange) Open() (*http.Request, error) {
	s := x.server
	id, err := msgIDOf(x.r.Header, s.cfg.MsgIDHeader)
	if err != nil {
		return nil, err
	}
	if !covers(x.r.Method) && (x.r.Body == nil || x.r.Body == http.NoBody || x.r.ContentLength == 0) {
		x.hashRequest(nil)
		return x.bare(), nil
	}
	if err := checkSealedHeaders(x.r); err != nil {
		return nil, err
	}
	sealed, err := readBody(x.r.Body, x.r.ContentLength, s.cfg.MaxRequest)
	if err != nil {
		return nil, err
	}
	defer sealed.free()
	x.hashRequest(sealed.b)
	if len(sealed.b) == 0 {
		if covers(x.r.Method) {
			return nil, refuse(ReasonNotEncrypted, "no body where a sealed one is required")
		}
		return x.bare(), nil
	}
	if id == "" && (x.bind == Strict || s.cfg.MsgIDOptional == nil || !s.cfg.MsgIDOptional(x.r)) {
		return nil, refuse(ReasonMessageID, "no message id")
	}
	m, err := Open(sealed.b, s.cfg.Keys.state().decryption, x.peer.Verify,
		OpenOptions{AcceptFlattened: s.cfg.AcceptFlattened, MaxMessage: s.cfg.MaxRequest})
	if err != nil {
		return nil, err
	}
	if err := x.accept(m, id); err != nil {
		return nil, err
	}
	return x.withMessage(m), nil
}

// accept holds a verified message against its exchange and spends its id.
func (x *Exchange) accept(m *Message, id string) error {
	s, now := x.server, x.server.cfg.Now()
	if !isJSONContent(m.ContentType) {
		return refuse(ReasonType, "the payload of a request is not JSON")
	}
	if err := CheckJSON(m.Payload); err != nil {
		return refuseFor(ReasonPayload, err)
	}
	want := expectation{
		binding: x.bind, issuer: x.peer.ID, audience: s.cfg.Issuer, msgID: id,
		clock:  clockRules{now: now, skew: s.cfg.Skew, lifetime: s.cfg.Lifetime},
		method: x.r.Method, target: x.target,
	}
	if err := want.checkRequest(m.Claims); err != nil {
		return err
	}
	m.ClientID, m.MsgID = x.peer.ID, id
	if id == "" {
		return nil
	}
	until := now.Add(s.cfg.MsgIDWindow)
	if m.Claims != nil {
		if last := m.Claims.Expiry.Add(2 * s.cfg.Skew); last.After(until) {
			until = last
		}
	}
	return spent(s.cfg.Spend(x.r.Context(), x.peer.ID, id, until))
}

// spent turns the answer of a Spend func into a refusal.
func spent(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrReplayed):
		return refuseFor(ReasonReplayed, err)
	default:
		return refuseFor(ReasonUnavailable, err)
	}
}

func (x *Exchange) hashRequest(body []byte) {
	if x.bind == Strict {
		x.requestHash = RequestHash(x.r.Method, x.target, body)
	}
}

// checkSealedHeaders wants a sealed body's headers: one Content-Type, which is
// JSON, and no coding on top.
func checkSealedHeaders(r *http.Request) error {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || !isSealedContentType(types[0]) {
		return refuse(ReasonMediaType, "the content type of a sealed body is application/json")
	}
	for _, coding := range r.Header.Values("Content-Encoding") {
		if coding != "identity" {
			return refuse(ReasonMediaType, "a sealed body has no content encoding")
		}
	}
	return nil
}

// readBody reads at most limit bytes into a buffer that the caller frees.
func readBody(body io.Reader, length int64, limit int) (*buffer, error) {
	if length > int64(limit) {
		return nil, refuse(ReasonTooLarge, "the message is over the limit")
	}
	// A length is a claim: up to 64 KiB are reserved on its word, more only as
	// it arrives.
	b := newBuffer(int(min(max(length, 4<<10), 64<<10)) + 1)
	for {
		b.reserve(1)
		n, err := body.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case len(b.b) > limit, errors.As(err, &tooLarge):
			b.free()
			return nil, refuse(ReasonTooLarge, "the message is over the limit")
		case err == io.EOF:
			return b, nil
		case err != nil:
			b.free()
			return nil, refuseFor(ReasonRead, err)
		}
	}
}

// inner returns a shallow copy of the request for the handler. What it asks of
// the representation concerns the sealed one, which no handler sees.
func (x *Exchange) inner(ctx context.Context) *http.Request {
	r := x.r.WithContext(ctx)
	r.Header = x.r.Header.Clone()
	for _, name := range []string{"Accept-Encoding", "Range", "If-Range"} {
		r.Header.Del(name)
	}
	return r
}

func (x *Exchange) bare() *http.Request {
	r := x.inner(x.r.Context())
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	r.Header.Del("Content-Length")
	r.Header.Del("Content-Type")
	return r
}

func (x *Exchange) withMessage(m *Message) *http.Request {
	r := x.inner(context.WithValue(x.r.Context(), messageKey{}, m))
	r.Body = io.NopCloser(bytes.NewReader(m.Payload))
	r.ContentLength, r.TransferEncoding, r.Trailer = int64(len(m.Payload)), nil, nil
	r.Header.Set("Content-Type", m.ContentType)
	r.Header.Set("Content-Length", strconv.Itoa(len(m.Payload)))
	r.Header.Del("Content-Encoding")
	return r
}

// responseClaims returns what a strict response says of its exchange, or nil.
func (x *Exchange) responseClaims(status int) *Claims {
	if x.bind != Strict {
		return nil
	}
	now := x.server.cfg.Now().Truncate(time.Second)
	return &Claims{
		Issuer: x.server.cfg.Issuer, Audience: x.peer.ID,
		IssuedAt: now, Expiry: now.Add(x.server.cfg.Lifetime),
		ID: NewMsgID(), InReplyTo: x.msgID, RequestHash: x.requestHash, Status: status,
	}
}
