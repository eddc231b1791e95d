package jose

import (
	"strconv"
	"time"
)

// Claims bind a message to one exchange. They stand in the protected header of
// the signature, so that the payload stays what the API's schema says, and they
// are named as in JWT (RFC 7519 section 4.1), DPoP (RFC 9449 section 4.2) and
// this package's own documentation. A request has Issuer, Audience, IssuedAt,
// Expiry, ID, Method and URL; a response has the first five, Status, and what
// it answers: InReplyTo and RequestHash.
type Claims struct {
	// Issuer (iss) is who sealed the message.
	Issuer string
	// Audience (aud) is whom it is for.
	Audience string
	// IssuedAt (iat) and Expiry (exp) limit its life; whole seconds.
	IssuedAt, Expiry time.Time
	// ID (jti) is unique to the message. A request's equals its MsgId header.
	ID string
	// Method (htm) is the request's HTTP method.
	Method string
	// URL (htu) is the request's target, with its query and without a fragment.
	URL string
	// InReplyTo (in_reply_to) is the MsgId of the request that is answered.
	InReplyTo string
	// RequestHash (request_hash) is base64url of the SHA-256 of the request's
	// method, target and body as sent; see [RequestHash].
	RequestHash string
	// Status (status) is the HTTP status of the response.
	Status int

	seen parameter // as parsed
}

const (
	commonClaims   = paramIss | paramAud | paramIat | paramExp | paramJti
	requestClaims  = commonClaims | paramHtm | paramHtu
	responseClaims = commonClaims | paramStatus
	replyClaims    = paramInReplyTo | paramRequestHash // where there is something to refer to
)

func (c *Claims) sizeHint() int {
	if c == nil {
		return 0
	}
	return 2 * (len(c.Issuer) + len(c.Audience) + len(c.ID) + len(c.Method) + len(c.URL) +
		len(c.InReplyTo) + len(c.RequestHash) + 160)
}

// appendTo writes the claims as further members of a header object.
func (c *Claims) appendTo(h []byte) []byte {
	if c == nil {
		return h
	}
	text := func(name, value string) {
		if value != "" {
			h = append(h, `,"`+name+`":`...)
			h = appendQuoted(h, value)
		}
	}
	number := func(name string, value int64) {
		h = append(h, `,"`+name+`":`...)
		h = strconv.AppendInt(h, value, 10)
	}
	text("iss", c.Issuer)
	text("aud", c.Audience)
	if !c.IssuedAt.IsZero() {
		number("iat", c.IssuedAt.Unix())
	}
	if !c.Expiry.IsZero() {
		number("exp", c.Expiry.Unix())
	}
	text("jti", c.ID)
	text("htm", c.Method)
	text("htu", c.URL)
	text("in_reply_to", c.InReplyTo)
	text("request_hash", c.RequestHash)
	if c.Status != 0 {
		number("status", int64(c.Status))
	}
	return h
}
