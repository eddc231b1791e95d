package jose

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// The account_id parameter of the customer sign-in: a compact JWE (RFC 7516
// section 7.1) with the same algorithms, made by the client. Anybody can
// encrypt to a public key, so opening one proves nothing but that it was meant
// for the bank: whether the account is the customer's is the host's to say.

// maxCompact bounds a compact JWE, in bytes: it travels in a URL.
const maxCompact = 4 << 10

// typeAccount is the typ of the strict form. It may be absent, as in messages:
// no other JWE of a client holds these five members and nothing else.
const typeAccount = "account-id+json"

// Account is what the strict form holds.
type Account struct {
	// AccountID is the account number that the user typed: 8 to 64 characters
	// of 0-9 and A-Z.
	AccountID string
	// UUID is the customer.
	UUID string
	// ClientID is the client that made the parameter.
	ClientID string
	// Expiry is the end of its life; whole seconds.
	Expiry time.Time
	// ID (jti) is unique to it.
	ID string
}

// AccountError is the one refusal of an account_id parameter. Its text and its
// answer are the same for a ciphertext that does not open and for contents that
// do not fit; hosts use it (status 403, access_denied) for an unknown account
// and for somebody else's as well.
type AccountError struct {
	// Reason is the exact cause, for audit.
	Reason Reason

	cause error
}

// Error returns the uniform text.
func (e *AccountError) Error() string { return "jose: account refused" }

// Unwrap returns the exact cause.
func (e *AccountError) Unwrap() error { return e.cause }

// Refusal returns 403 and access_denied, or 503 if the store did not answer.
func (e *AccountError) Refusal() (status int, code string) {
	if e.Reason == ReasonUnavailable {
		return http.StatusServiceUnavailable, "temporarily_unavailable"
	}
	return http.StatusForbidden, "access_denied"
}

// SealAccount makes the parameter in the bank's documented form: the encrypted
// characters of the account number, and nothing else.
func SealAccount(accountID string, to *PublicKey) (string, error) {
	if !validAccountID(accountID) {
		return "", errors.New("jose: an account id is 8 to 64 characters of 0-9 and A-Z")
	}
	return sealCompact([]byte(accountID), to, "")
}

// SealAccountStrict makes the parameter in the strict form. An empty ID gets a
// fresh one.
func SealAccountStrict(a Account, to *PublicKey) (string, error) {
	if !validAccountID(a.AccountID) {
		return "", errors.New("jose: an account id is 8 to 64 characters of 0-9 and A-Z")
	}
	if a.UUID == "" || a.ClientID == "" || a.Expiry.IsZero() {
		return "", errors.New("jose: Account.UUID, ClientID and Expiry are required")
	}
	if a.ID == "" {
		a.ID = NewMsgID()
	}
	return sealCompact(a.marshal(), to, `,"typ":"`+typeAccount+`"`)
}

// AccountOpener opens account_id parameters. Safe for concurrent use.
type AccountOpener struct {
	cfg AccountConfig
}

// AccountConfig configures an [AccountOpener].
type AccountConfig struct {
	// Keys are the bank's own. Required.
	Keys *Keyring
	// Binding is the form: Compatible for the bare number, Strict for
	// [Account]. Required.
	Binding Binding
	// Spend is as in [ServerConfig]; in the strict form it makes each parameter
	// good for one use. Required for Strict.
	Spend func(ctx context.Context, client, id string, until time.Time) error
	// Lifetime is the longest time until exp that is accepted. 0: 10 min.
	Lifetime time.Duration
	// Skew is the difference between clocks that is forgiven. 0: 1 min.
	Skew time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// NewAccountOpener checks the configuration and names the field that is wrong.
func NewAccountOpener(cfg AccountConfig) (*AccountOpener, error) {
	switch {
	case cfg.Keys.state() == nil:
		return nil, errors.New("jose: AccountConfig.Keys is missing")
	case cfg.Binding != Compatible && cfg.Binding != Strict:
		return nil, errors.New("jose: AccountConfig.Binding is neither Compatible nor Strict")
	case cfg.Binding == Strict && cfg.Spend == nil:
		return nil, errors.New("jose: AccountConfig.Spend is missing for the strict form")
	}
	if err := positive("AccountConfig.Lifetime", &cfg.Lifetime, 10*time.Minute); err != nil {
		return nil, err
	}
	if err := positive("AccountConfig.Skew", &cfg.Skew, time.Minute); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &AccountOpener{cfg: cfg}, nil
}

// Open returns the account number in a parameter that the given client sent for
// the given customer. The error is an [*AccountError]. Call it only once the
// client, its redirect URI and the customer's sign-in are accepted, and limit
// how often.
func (o *AccountOpener) Open(ctx context.Context, parameter, clientID, uuid string) (string, error) {
	text := newBuffer(len(parameter))
	defer text.free()
	plain, h, err := openCompact(text, parameter, o.cfg.Keys.state().decryption)
	if err != nil {
		return "", accountError(err)
	}
	if o.cfg.Binding == Compatible {
		if h.has(paramTyp) || h.has(paramCty) && !isType(h.contentType, "text/plain") {
			return "", accountError(refuse(ReasonType, "typ or cty of the account parameter"))
		}
		if !validAccountID(string(plain)) {
			return "", accountError(refuse(ReasonPayload, "not an account number"))
		}
		return string(plain), nil
	}
	if h.has(paramTyp) && !isType(h.typ, typeAccount) || h.has(paramCty) {
		return "", accountError(refuse(ReasonType, "typ or cty of the account parameter"))
	}
	a, err := parseAccount(plain)
	if err != nil {
		return "", accountError(err)
	}
	if err := o.check(ctx, a, clientID, uuid); err != nil {
		return "", accountError(err)
	}
	return a.AccountID, nil
}

func accountError(err error) error {
	return &AccountError{Reason: ReasonOf(err), cause: err}
}

func (o *AccountOpener) check(ctx context.Context, a *Account, clientID, uuid string) error {
	now := o.cfg.Now()
	switch {
	case !validAccountID(a.AccountID):
		return refuse(ReasonPayload, "not an account number")
	case clientID == "" || uuid == "" || !sameText(a.ClientID, clientID) || !sameText(a.UUID, uuid):
		return refuse(ReasonBinding, "made by another client or for another customer")
	case !now.Add(-o.cfg.Skew).Before(a.Expiry):
		return refuse(ReasonTime, "exp has passed")
	case a.Expiry.After(now.Add(o.cfg.Lifetime + o.cfg.Skew)):
		return refuse(ReasonTime, "exp is too far away")
	case !validMsgID(a.ID):
		return refuse(ReasonMessageID, "a malformed jti")
	}
	return spent(o.cfg.Spend(ctx, clientID, a.ID, a.Expiry.Add(2*o.cfg.Skew)))
}

// validAccountID is the domain of maskable ids.
func validAccountID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func (a *Account) marshal() []byte {
	b := append([]byte(nil), `{"account_id":`...)
	b = appendQuoted(b, a.AccountID)
	b = append(b, `,"uuid":`...)
	b = appendQuoted(b, a.UUID)
	b = append(b, `,"client_id":`...)
	b = appendQuoted(b, a.ClientID)
	b = append(b, `,"exp":`...)
	b = appendInt(b, a.Expiry.Unix())
	b = append(b, `,"jti":`...)
	b = appendQuoted(b, a.ID)
	return append(b, '}')
}

// parseAccount reads exactly the five members.
func parseAccount(data []byte) (*Account, error) {
	a, s := &Account{}, &scanner{data: data}
	seen := map[string]bool{}
	err := s.object(func(name []byte) (err error) {
		if seen[string(name)] {
			return refuse(ReasonDuplicateMember, "a member stands twice")
		}
		seen[string(name)] = true
		switch string(name) {
		case "account_id":
			a.AccountID, err = s.text(64)
		case "uuid":
			a.UUID, err = s.text(maxKeyID)
		case "client_id":
			a.ClientID, err = s.text(maxKeyID)
		case "jti":
			a.ID, err = s.text(maxMsgID)
		case "exp":
			var n int64
			n, err = s.integer()
			a.Expiry = time.Unix(n, 0)
		default:
			err = refuse(ReasonUnknownMember, "a member that an account parameter does not have")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if len(seen) != 5 {
		return nil, refuse(ReasonMissingMember, "the account parameter lacks a member")
	}
	return a, nil
}
