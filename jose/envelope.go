package jose

// The two serializations (RFC 7515 section 7.2, RFC 7516 section 7.2), read
// member by member. A slice in these structs is the base64url text as it stands
// in the message; nothing is decoded here but the headers.

type jwe struct {
	protected, key, iv, ciphertext, tag, aad []byte
	header                                   header // protected
	recipient                                header
}

type jws struct {
	protected, payload, signature []byte
	header                        header
}

// member is a bit per member name, to see duplicates and mixed forms.
type member uint16

const (
	memProtected member = 1 << iota
	memUnprotected
	memRecipients
	memHeader
	memEncryptedKey
	memAAD
	memIV
	memCiphertext
	memTag
	memPayload
	memSignatures
	memSignature
)

var memberNames = map[string]member{
	"protected": memProtected, "unprotected": memUnprotected, "recipients": memRecipients,
	"header": memHeader, "encrypted_key": memEncryptedKey, "aad": memAAD, "iv": memIV,
	"ciphertext": memCiphertext, "tag": memTag, "payload": memPayload,
	"signatures": memSignatures, "signature": memSignature,
}

// members reads an object whose names must be among allowed. An object that
// begins with a strange name is something else altogether: otherwise says what
// is missing then.
func (s *scanner) members(allowed member, otherwise Reason, value func(member) error) (seen member, err error) {
	err = s.object(func(name []byte) error {
		m := memberNames[string(name)]
		if m&allowed == 0 {
			if seen == 0 {
				return refuse(otherwise, "the outer object is of another kind")
			}
			return refuse(ReasonUnknownMember, "a member that the serialization does not have")
		}
		if seen&m != 0 {
			return refuse(ReasonDuplicateMember, "a member stands twice")
		}
		seen |= m
		return value(m)
	})
	return seen, err
}

// single reads an array of exactly one object.
func (s *scanner) single(object func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		return refuse(ReasonCount, "no signature or recipient")
	}
	if err := object(); err != nil {
		return err
	}
	switch s.peek() {
	case ']':
		s.pos++
		return nil
	case ',':
		return refuse(ReasonCount, "more than one signature or recipient")
	default:
		return errScan
	}
}

// emptyObject reads {}: an unprotected header is drawn in the bank's form, and
// one with anything in it, where nothing protects it, is refused.
func (s *scanner) emptyObject() error {
	return s.object(func([]byte) error {
		return refuse(ReasonHeader, "an unprotected header with something in it")
	})
}

// parseJWE reads a JWE in the general form, or the flattened one if accepted.
func parseJWE(data []byte, flattened bool) (*jwe, error) {
	e, s := &jwe{}, &scanner{data: data}
	const shared = memProtected | memUnprotected | memAAD | memIV | memCiphertext | memTag
	const perRecipient = memHeader | memEncryptedKey
	one := func(m member) (err error) {
		switch m {
		case memHeader:
			err = e.recipient.parse(s, inRecipient)
		case memEncryptedKey:
			e.key, err = s.token()
		}
		return err
	}
	seen, err := s.members(shared|perRecipient|memRecipients, ReasonNotEncrypted, func(m member) (err error) {
		switch m {
		case memProtected:
			e.protected, err = s.token()
		case memUnprotected:
			err = s.emptyObject()
		case memAAD:
			e.aad, err = s.token()
			if err == nil {
				_, err = appendDecoded(nil, e.aad)
			}
		case memIV:
			e.iv, err = s.token()
		case memCiphertext:
			e.ciphertext, err = s.token()
		case memTag:
			e.tag, err = s.token()
		case memRecipients:
			err = s.single(func() error {
				seen, err := s.members(perRecipient, ReasonUnknownMember, one)
				if err == nil && seen&memEncryptedKey == 0 {
					return refuse(ReasonMissingMember, "a recipient without its key")
				}
				return err
			})
		default:
			err = one(m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if err := checkForm(seen, memRecipients, perRecipient, memEncryptedKey, flattened); err != nil {
		return nil, err
	}
	const required = memProtected | memIV | memCiphertext | memTag
	if seen&required != required {
		return nil, refuse(ReasonMissingMember, "the JWE lacks a member")
	}
	if err := e.header.parseProtected(e.protected, inEncryption); err != nil {
		return nil, err
	}
	return e, checkEncryption(&e.header, &e.recipient, inEncryption)
}

// checkForm tells general from flattened and refuses a mixture.
func checkForm(seen, list, single, required member, flattened bool) error {
	switch general := seen&list != 0; {
	case general && seen&single != 0:
		return refuse(ReasonSerialization, "general and flattened members together")
	case general:
		return nil
	case seen&required == 0:
		return refuse(ReasonMissingMember, "no signature or recipient")
	case !flattened:
		return refuse(ReasonSerialization, "flattened where the general form is required")
	}
	return nil
}

// parseJWS reads a JWS in the general form, or the flattened one if accepted.
func parseJWS(data []byte, flattened bool) (*jws, error) {
	g, s := &jws{}, &scanner{data: data}
	const perSignature = memProtected | memHeader | memSignature
	one := func(m member) (err error) {
		switch m {
		case memProtected:
			g.protected, err = s.token()
		case memHeader:
			err = s.emptyObject()
		case memSignature:
			g.signature, err = s.token()
		}
		return err
	}
	const required = memProtected | memSignature
	seen, err := s.members(perSignature|memPayload|memSignatures, ReasonNotSigned, func(m member) (err error) {
		switch m {
		case memPayload:
			g.payload, err = s.token()
		case memSignatures:
			err = s.single(func() error {
				seen, err := s.members(perSignature, ReasonUnknownMember, one)
				if err == nil && seen&required != required {
					return refuse(ReasonMissingMember, "the signature lacks a member")
				}
				return err
			})
		default:
			err = one(m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if err := checkForm(seen, memSignatures, perSignature, memSignature, flattened); err != nil {
		return nil, err
	}
	if g.payload == nil || g.protected == nil {
		return nil, refuse(ReasonMissingMember, "the JWS lacks a member")
	}
	if err := g.header.parseProtected(g.protected, inSignature); err != nil {
		return nil, err
	}
	return g, g.header.checkSignature()
}
