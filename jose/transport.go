package jose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// TransportConfig configures a [Transport].
type TransportConfig struct {
	// Base sends the sealed requests, with the client's certificate. Required.
	Base http.RoundTripper
	// Key signs requests and opens responses: the private key of the
	// certificate that Base presents. Required.
	Key *PrivateKey
	// PreviousKeys open responses too, while certificates overlap. At most 3.
	PreviousKeys []*PrivateKey
	// Bank gives the bank's public keys. Required.
	Bank KeySource
	// Binding is the profile. Required.
	Binding Binding

	// ClientID is the client's id: the iss of requests and the aud of
	// responses. Required for Strict.
	ClientID string
	// BankID is the bank's name: the aud of requests and the iss of responses.
	// Required for Strict.
	BankID string

	// AcceptFlattened accepts the flattened serialization in responses.
	AcceptFlattened bool
	// Plain says which requests are neither sealed nor answered sealed: the
	// customer sign-in token endpoint. Nil: none.
	Plain func(*http.Request) bool
	// MsgIDHeader is the header of the message id. "": [DefaultMsgIDHeader].
	MsgIDHeader string
	// NewMsgID makes message ids. Nil: [NewMsgID].
	NewMsgID func() string
	// MaxRequest limits a request body before sealing, in bytes. 0: 1 MiB.
	MaxRequest int
	// MaxResponse limits a sealed response, in bytes. 0: 16 MiB.
	MaxResponse int
	// Skew is the difference between clocks that is forgiven. 0: 1 min.
	Skew time.Duration
	// Lifetime is exp minus iat: of requests, and at most of responses. 0: 5 min.
	Lifetime time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Transport is an [http.RoundTripper] that seals requests and opens responses.
//
// Every request gets a MsgId, unless the caller has set one; a retry by the
// caller goes through RoundTrip again and gets another. What comes back is the
// verified payload under its own content type. A response that is not sealed is
// never returned as one: see [UnsealedError]. Safe for concurrent use.
type Transport struct {
	cfg TransportConfig
	own []*PrivateKey
}

var _ http.RoundTripper = (*Transport)(nil)

// UnsealedError is a response with a body that was not sealed for this client:
// a refusal from before the bank knew whom to seal for, or somebody else's
// answer. Nothing in it is proven.
type UnsealedError struct {
	// Status is the HTTP status as it came.
	Status int

	cause error
}

// Error names the status and nothing of the body.
func (e *UnsealedError) Error() string {
	return fmt.Sprintf("jose: an unsealed response (HTTP status %d)", e.Status)
}

// Unwrap returns why the response did not open.
func (e *UnsealedError) Unwrap() error { return e.cause }

// NewTransport checks the configuration, fills in defaults, and names the field
// that is wrong in its error.
func NewTransport(cfg TransportConfig) (*Transport, error) {
	switch {
	case cfg.Base == nil:
		return nil, errors.New("jose: TransportConfig.Base is missing")
	case cfg.Key == nil:
		return nil, errors.New("jose: TransportConfig.Key is missing")
	case cfg.Key.opener == nil || cfg.Key.public.use != UseAny:
		return nil, errors.New("jose: TransportConfig.Key must both sign and decrypt")
	case cfg.Bank == nil:
		return nil, errors.New("jose: TransportConfig.Bank is missing")
	case cfg.Binding != Compatible && cfg.Binding != Strict:
		return nil, errors.New("jose: TransportConfig.Binding is neither Compatible nor Strict")
	case cfg.Binding == Strict && cfg.ClientID == "":
		return nil, errors.New("jose: TransportConfig.ClientID is missing for the strict profile")
	case cfg.Binding == Strict && cfg.BankID == "":
		return nil, errors.New("jose: TransportConfig.BankID is missing for the strict profile")
	case len(cfg.PreviousKeys) >= maxOwnKeys:
		return nil, fmt.Errorf("jose: TransportConfig.PreviousKeys holds at most %d keys", maxOwnKeys-1)
	}
	own := []*PrivateKey{cfg.Key}
	for i, k := range cfg.PreviousKeys {
		if k == nil || k.opener == nil || k.public.use == UseSignature {
			return nil, fmt.Errorf("jose: TransportConfig.PreviousKeys[%d] cannot decrypt", i)
		}
		own = append(own, k)
	}
	if cfg.MsgIDHeader == "" {
		cfg.MsgIDHeader = DefaultMsgIDHeader
	}
	if cfg.NewMsgID == nil {
		cfg.NewMsgID = NewMsgID
	}
	if err := positive("TransportConfig.MaxRequest", &cfg.MaxRequest, 1<<20); err != nil {
		return nil, err
	}
	if err := positive("TransportConfig.MaxResponse", &cfg.MaxResponse, 16<<20); err != nil {
		return nil, err
	}
	if err := positive("TransportConfig.Skew", &cfg.Skew, time.Minute); err != nil {
		return nil, err
	}
	if err := positive("TransportConfig.Lifetime", &cfg.Lifetime, 5*time.Minute); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Transport{cfg: cfg, own: own}, nil
}

// RoundTrip seals the request, sends it, and opens the response. The request is
// not changed; its body is always closed.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.cfg.Plain != nil && t.cfg.Plain(req) {
		return t.cfg.Base.RoundTrip(req)
	}
	out, want, err := t.seal(req)
	if err != nil {
		return nil, err
	}
	res, err := t.cfg.Base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	opened, err := t.open(req, res, want)
	if err != nil {
		res.Body.Close()
		return nil, err
	}
	return opened, nil
}

// seal returns the request to send, and what the answer must say of it.
func (t *Transport) seal(req *http.Request) (*http.Request, *expectation, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	now := t.cfg.Now().Truncate(time.Second)
	out := req.Clone(req.Context())
	// Without GetBody net/http never sends the same message twice by itself.
	out.Body, out.GetBody, out.ContentLength, out.TransferEncoding = nil, nil, 0, nil
	id, err := msgIDOf(req.Header, t.cfg.MsgIDHeader)
	if err != nil {
		return nil, nil, err
	}
	if id == "" {
		if id = t.cfg.NewMsgID(); !validMsgID(id) {
			return nil, nil, errors.New("jose: TransportConfig.NewMsgID made a malformed id")
		}
		out.Header.Set(t.cfg.MsgIDHeader, id)
	}
	target := *req.URL
	target.User, target.Fragment, target.RawFragment = nil, "", ""
	if req.Host != "" {
		target.Host = req.Host
	}
	want := &expectation{
		binding: t.cfg.Binding, issuer: t.cfg.BankID, audience: t.cfg.ClientID, msgID: id,
		clock:  clockRules{skew: t.cfg.Skew, lifetime: t.cfg.Lifetime},
		target: normalURL(target.String()),
	}
	if want.target == "" {
		return nil, nil, errors.New("jose: the request's URL is no absolute http URL")
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	payload, err := t.payload(req)
	if err != nil {
		return nil, nil, err
	}
	defer payload.free()
	var sealed []byte
	if payload != nil {
		var claims *Claims
		if t.cfg.Binding == Strict {
			claims = &Claims{
				Issuer: t.cfg.ClientID, Audience: t.cfg.BankID, IssuedAt: now, Expiry: now.Add(t.cfg.Lifetime),
				ID: id, Method: method, URL: want.target,
			}
		}
		if sealed, err = t.sealPayload(req, payload.b, claims); err != nil {
			return nil, nil, err
		}
		out.Body = io.NopCloser(bytes.NewReader(sealed))
		out.ContentLength = int64(len(sealed))
		out.Header.Set("Content-Type", mediaJSON)
	}
	if t.cfg.Binding == Strict {
		want.requestHash = RequestHash(method, want.target, sealed)
	}
	return out, want, nil
}

// payload reads the request's body; nil if there is none and none is needed.
func (t *Transport) payload(req *http.Request) (*buffer, error) {
	if req.Body == nil || req.Body == http.NoBody {
		if covers(req.Method) {
			return nil, fmt.Errorf("jose: a %s request needs a JSON body to sign", req.Method)
		}
		return nil, nil
	}
	b, err := readBody(req.Body, req.ContentLength, t.cfg.MaxRequest)
	if err != nil {
		return nil, fmt.Errorf("jose: request body: %w", errors.Unwrap(err))
	}
	if len(b.b) == 0 {
		b.free()
		if covers(req.Method) {
			return nil, fmt.Errorf("jose: a %s request needs a JSON body to sign", req.Method)
		}
		return nil, nil
	}
	return b, nil
}

func (t *Transport) sealPayload(req *http.Request, payload []byte, claims *Claims) ([]byte, error) {
	if req.Header.Get("Content-Encoding") != "" {
		return nil, errors.New("jose: a request with a Content-Encoding cannot be sealed")
	}
	cty := req.Header.Get("Content-Type")
	if !isJSONContent(shortContentType(cty)) || CheckJSON(payload) != nil {
		return nil, errors.New("jose: the request body is not strict JSON")
	}
	keys, err := t.cfg.Bank.PublicKeys(req.Context(), "")
	if err != nil {
		return nil, fmt.Errorf("jose: the bank's keys: %w", err)
	}
	if len(keys.encrypt) == 0 {
		return nil, errors.New("jose: the bank's keys have none to encrypt to")
	}
	return Seal(nil, payload, t.cfg.Key, keys.encrypt[0], SealOptions{ContentType: cty, Claims: claims})
}

// open replaces the response's body with the verified payload.
func (t *Transport) open(req *http.Request, res *http.Response, want *expectation) (*http.Response, error) {
	if req.Method == http.MethodHead || !bodyAllowed(res.StatusCode) {
		return res, nil
	}
	sealed, err := readBody(res.Body, res.ContentLength, t.cfg.MaxResponse)
	if err != nil {
		return nil, fmt.Errorf("jose: response body: %w", errors.Unwrap(err))
	}
	defer sealed.free()
	res.Body.Close()
	if len(sealed.b) == 0 {
		res.Body, res.ContentLength = http.NoBody, 0
		return res, nil
	}
	if !isSealedContentType(res.Header.Get("Content-Type")) {
		return nil, &UnsealedError{Status: res.StatusCode, cause: refuse(ReasonMediaType, "the content type is not application/json")}
	}
	m, err := t.openSealed(req, sealed.b)
	switch ReasonOf(err) {
	case ReasonNotEncrypted, ReasonSyntax:
		return nil, &UnsealedError{Status: res.StatusCode, cause: err}
	}
	if err != nil {
		return nil, err
	}
	want.clock.now, want.status = t.cfg.Now(), res.StatusCode
	if err := want.checkResponse(m.Claims); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(m.Payload))
	res.ContentLength, res.TransferEncoding, res.Uncompressed = int64(len(m.Payload)), nil, false
	res.Header.Set("Content-Type", m.ContentType)
	res.Header.Set("Content-Length", strconv.Itoa(len(m.Payload)))
	res.Header.Del("Content-Encoding")
	return res, nil
}

// openSealed opens with the bank's keys, and once more with newer ones if the
// signature names a key that is not among them.
func (t *Transport) openSealed(req *http.Request, sealed []byte) (*Message, error) {
	o := OpenOptions{AcceptFlattened: t.cfg.AcceptFlattened, MaxMessage: t.cfg.MaxResponse}
	keys, err := t.cfg.Bank.PublicKeys(req.Context(), "")
	if err != nil {
		return nil, fmt.Errorf("jose: the bank's keys: %w", err)
	}
	m, err := Open(sealed, t.own, keys.verify, o)
	var unknown *unknownKeyError
	if !errors.As(err, &unknown) {
		return m, err
	}
	newer, fetchErr := t.cfg.Bank.PublicKeys(req.Context(), unknown.kid)
	if fetchErr != nil || newer == keys {
		return nil, err
	}
	return Open(sealed, t.own, newer.verify, o)
}
