package jose

import (
	"strings"
	"time"
)

// The pinned algorithms. They are not configurable: a profile with others is
// another package's business.
const (
	algSignature = "RS256"         // RFC 7518 section 3.3
	algKey       = "RSA-OAEP-256"  // RFC 7518 section 4.3
	algContent   = "A256CBC-HS512" // RFC 7518 section 5.2.5

	// typeJSON is the media type, short form, of both serializations
	// (RFC 7515 section 4.1.9): the typ of either, and the cty of a JWE whose
	// content is a JWS.
	typeJSON = "JOSE+JSON"
)

const (
	maxHeaderBytes = 8 << 10 // a decoded protected header
	maxHeaderText  = 4 << 10 // one string in it
	maxKeyID       = 256
)

// place says where a header stands, which decides what may be in it.
type place uint8

const (
	inSignature  place = 1 << iota // protected header of the JWS
	inEncryption                   // protected header of the JWE
	inRecipient                    // per-recipient header of the JWE
	inCompact                      // protected header of a compact JWE
)

// parameter is a header parameter that we accept; anything else is refused,
// with crit, zip, b64, jwk, jku, x5u and x5c among it.
type parameter uint32

const (
	paramAlg parameter = 1 << iota
	paramEnc
	paramKid
	paramTyp
	paramCty
	paramX5t
	paramX5tS256
	paramIss
	paramAud
	paramIat
	paramExp
	paramJti
	paramHtm
	paramHtu
	paramInReplyTo
	paramRequestHash
	paramStatus
)

const claimParams = paramIss | paramAud | paramIat | paramExp | paramJti | paramHtm |
	paramHtu | paramInReplyTo | paramRequestHash | paramStatus

var parameters = map[string]struct {
	bit    parameter
	places place
}{
	"alg":          {paramAlg, inSignature | inEncryption | inRecipient | inCompact},
	"enc":          {paramEnc, inEncryption | inCompact},
	"kid":          {paramKid, inSignature | inEncryption | inRecipient | inCompact},
	"typ":          {paramTyp, inSignature | inEncryption | inCompact},
	"cty":          {paramCty, inSignature | inEncryption | inCompact},
	"x5t":          {paramX5t, inSignature | inEncryption | inCompact},
	"x5t#S256":     {paramX5tS256, inSignature | inEncryption | inCompact},
	"iss":          {paramIss, inSignature},
	"aud":          {paramAud, inSignature},
	"iat":          {paramIat, inSignature},
	"exp":          {paramExp, inSignature},
	"jti":          {paramJti, inSignature},
	"htm":          {paramHtm, inSignature},
	"htu":          {paramHtu, inSignature},
	"in_reply_to":  {paramInReplyTo, inSignature},
	"request_hash": {paramRequestHash, inSignature},
	"status":       {paramStatus, inSignature},
}

// header is what we understand of one JOSE header.
type header struct {
	seen             parameter
	alg, enc, kid    string
	typ, contentType string
	claims           Claims
}

func (h *header) has(p parameter) bool { return h.seen&p != 0 }

// parse reads a header object that is already decoded.
func (h *header) parse(s *scanner, at place) error {
	return s.object(func(name []byte) error {
		param, known := parameters[string(name)]
		if !known || param.places&at == 0 {
			return refuse(ReasonHeader, "a header parameter that is not accepted here")
		}
		if h.has(param.bit) {
			return refuse(ReasonDuplicateMember, "a header parameter stands twice")
		}
		h.seen |= param.bit
		return h.value(s, param.bit)
	})
}

func (h *header) value(s *scanner, p parameter) (err error) {
	var n int64
	switch p {
	case paramIat, paramExp, paramStatus:
		if n, err = s.integer(); err != nil {
			return err
		}
	}
	switch p {
	case paramAlg:
		h.alg, err = s.text(maxHeaderText)
	case paramEnc:
		h.enc, err = s.text(maxHeaderText)
	case paramKid:
		if h.kid, err = s.text(maxKeyID); err == nil && h.kid == "" {
			err = refuse(ReasonKey, "an empty kid")
		}
	case paramTyp:
		h.typ, err = s.text(maxHeaderText)
	case paramCty:
		h.contentType, err = s.text(maxHeaderText)
	case paramX5t, paramX5tS256:
		// A hint at a certificate. Which keys count is not the message's to say.
		_, err = s.text(maxHeaderText)
	case paramIss:
		h.claims.Issuer, err = s.text(maxHeaderText)
	case paramAud:
		h.claims.Audience, err = s.text(maxHeaderText)
	case paramIat:
		h.claims.IssuedAt = time.Unix(n, 0)
	case paramExp:
		h.claims.Expiry = time.Unix(n, 0)
	case paramJti:
		h.claims.ID, err = s.text(maxHeaderText)
	case paramHtm:
		h.claims.Method, err = s.text(maxHeaderText)
	case paramHtu:
		h.claims.URL, err = s.text(maxHeaderText)
	case paramInReplyTo:
		h.claims.InReplyTo, err = s.text(maxHeaderText)
	case paramRequestHash:
		h.claims.RequestHash, err = s.text(maxHeaderText)
	case paramStatus:
		h.claims.Status = int(n)
	}
	return err
}

// parseProtected decodes and reads a protected header.
func (h *header) parseProtected(encoded []byte, at place) error {
	if decodedLen(encoded) > maxHeaderBytes {
		return refuse(ReasonTooLarge, "a protected header is too large")
	}
	raw, err := appendDecoded(nil, encoded)
	if err != nil {
		return err
	}
	s := scanner{data: raw}
	if err := h.parse(&s, at); err != nil {
		return err
	}
	return s.end()
}

// checkSignature holds a JWS protected header to the pinned values.
func (h *header) checkSignature() error {
	if h.alg != algSignature {
		return refuse(ReasonAlgorithm, "the signature algorithm is not RS256")
	}
	if h.has(paramTyp) && !isType(h.typ, typeJSON) {
		return refuse(ReasonType, "typ of the signature is not JOSE+JSON")
	}
	if h.has(paramCty) && !validContentType(h.contentType) {
		return refuse(ReasonType, "cty of the signature is no media type")
	}
	return nil
}

// checkEncryption holds the JWE headers to the pinned values. alg and kid may
// stand in the protected or in the per-recipient header, enc in the protected
// one only. RFC 7516 section 7.2.1 has names in one header alone; lestrrat-go/jwx
// writes alg and kid into both, which is let pass where both say the same.
func checkEncryption(protected, recipient *header, form place) error {
	for _, h := range []*header{protected, recipient} {
		if h.has(paramAlg) && h.alg != algKey {
			return refuse(ReasonAlgorithm, "the key encryption algorithm is not RSA-OAEP-256")
		}
	}
	if !protected.has(paramAlg) && !recipient.has(paramAlg) {
		return refuse(ReasonAlgorithm, "no key encryption algorithm")
	}
	if protected.has(paramKid) && recipient.has(paramKid) && protected.kid != recipient.kid {
		return refuse(ReasonDuplicateMember, "two headers name two keys")
	}
	if protected.enc != algContent {
		return refuse(ReasonAlgorithm, "the content encryption algorithm is not A256CBC-HS512")
	}
	if form == inCompact {
		return nil // its typ and cty depend on what is in it
	}
	if protected.has(paramTyp) && !isType(protected.typ, typeJSON) {
		return refuse(ReasonType, "typ of the encryption is not JOSE+JSON")
	}
	if protected.has(paramCty) && !isType(protected.contentType, typeJSON) {
		return refuse(ReasonType, "cty of the encryption is not JOSE+JSON")
	}
	return nil
}

// isType compares media types as RFC 7515 section 4.1.9 does: case does not
// count, and "application/" may be left out.
func isType(got, want string) bool {
	const prefix = "application/"
	if len(got) > len(prefix) && strings.EqualFold(got[:len(prefix)], prefix) {
		got = got[len(prefix):]
	}
	return strings.EqualFold(got, want)
}
