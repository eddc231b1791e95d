package jose

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"
)

// Binding says what ties a message to its exchange.
type Binding int

const (
	// Compatible is the bank's documented form: the MsgId header alone, which
	// nothing signs. A message can be sent again under another MsgId or to
	// another path by whoever holds it, and a response is not tied to its
	// request: only mutual TLS keeps them in place. Claims in a message are
	// refused, so that nobody takes them for checked.
	Compatible Binding = iota + 1
	// Strict requires signed [Claims] in each message, in both directions.
	Strict
)

// String returns "compatible" or "strict".
func (b Binding) String() string {
	switch b {
	case Compatible:
		return "compatible"
	case Strict:
		return "strict"
	default:
		return "unset"
	}
}

// RequestHash returns what a strict response repeats of its request: base64url
// of SHA-256(method LF target LF body), the target being the absolute URL with
// its query, in the normal form of [Claims].URL, and the body as it was sent.
func RequestHash(method, target string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(method + "\n" + normalURL(target) + "\n"))
	h.Write(body)
	return encoding.EncodeToString(h.Sum(nil))
}

// normalURL gives scheme and host in lower case, without a default port, and
// leaves path and query as they are written. A text that is no absolute http
// URL, or that carries user or fragment, has the normal form "".
func normalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(raw, "#") {
		return ""
	}
	scheme := strings.ToLower(u.Scheme)
	host := strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	out := scheme + "://" + host + path
	if u.RawQuery != "" || u.ForceQuery {
		out += "?" + u.RawQuery
	}
	return out
}

// clockRules are the limits on iat and exp.
type clockRules struct {
	now      time.Time
	skew     time.Duration
	lifetime time.Duration // most that exp may be after iat
}

func (r clockRules) check(c *Claims) error {
	switch {
	case c.IssuedAt.After(r.now.Add(r.skew)):
		return refuse(ReasonTime, "iat is in the future")
	case !r.now.Add(-r.skew).Before(c.Expiry):
		return refuse(ReasonTime, "exp has passed")
	case !c.Expiry.After(c.IssuedAt) || c.Expiry.Sub(c.IssuedAt) > r.lifetime:
		return refuse(ReasonTime, "the time from iat to exp is not accepted")
	}
	return nil
}

// expectation is what a message must say of the exchange it came in.
type expectation struct {
	binding          Binding
	issuer, audience string
	clock            clockRules
	msgID            string // of the request
	method, target   string // requests
	status           int    // responses
	requestHash      string // responses
}

// checkPresence refuses claims in the compatible profile, and in the strict one
// any set but the one of this direction.
func (x *expectation) checkPresence(c *Claims, required, optional parameter) (done bool, err error) {
	switch {
	case x.binding != Strict && c == nil:
		return true, nil
	case x.binding != Strict:
		return true, refuse(ReasonBinding, "claims in a message of the compatible profile")
	case c == nil:
		return true, refuse(ReasonBinding, "no claims in a message of the strict profile")
	case c.seen&required != required || c.seen&^(required|optional) != 0:
		return true, refuse(ReasonBinding, "not the claims of this direction")
	}
	return false, nil
}

func (x *expectation) checkParties(c *Claims) error {
	if !sameText(c.Issuer, x.issuer) || !sameText(c.Audience, x.audience) {
		return refuse(ReasonBinding, "iss or aud is another party")
	}
	return x.clock.check(c)
}

// checkRequest is for the server.
func (x *expectation) checkRequest(c *Claims) error {
	if done, err := x.checkPresence(c, requestClaims, 0); done {
		return err
	}
	if err := x.checkParties(c); err != nil {
		return err
	}
	switch {
	case !sameText(c.ID, x.msgID):
		return refuse(ReasonBinding, "jti is not the MsgId")
	case !sameText(c.Method, x.method):
		return refuse(ReasonBinding, "htm is another method")
	case x.target == "" || !sameText(normalURL(c.URL), x.target):
		return refuse(ReasonBinding, "htu is another target")
	}
	return nil
}

// checkResponse is for the client. A refusal that the server made before it
// read the body has no request hash; a success always has one.
func (x *expectation) checkResponse(c *Claims) error {
	if done, err := x.checkPresence(c, responseClaims, replyClaims); done {
		return err
	}
	if err := x.checkParties(c); err != nil {
		return err
	}
	switch {
	case c.ID == "":
		return refuse(ReasonBinding, "an empty jti")
	case !sameText(c.InReplyTo, x.msgID):
		return refuse(ReasonBinding, "in_reply_to is another request")
	case c.Status != x.status:
		return refuse(ReasonBinding, "status is another status")
	case c.RequestHash == "" && x.status >= 400:
		return nil
	case !sameText(c.RequestHash, x.requestHash):
		return refuse(ReasonBinding, "request_hash is of another request")
	}
	return nil
}

func sameText(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
