package grants

import (
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Session carries what a handler found out from its validation to its answer.
type Session struct {
	expires map[fosite.TokenType]time.Time
	// code, refresh and artifact are set by the handler of that grant.
	refresh  *token.Refresh
	codeKey  []byte
	code     *Code
	redeemed bool

	// Metadata are the ids that a client_credentials request names, by kind.
	Metadata map[string]string

	// What the audit trail says of the request; set as far as it is known.
	Grant   storage.ID
	Subject string
	// Replayed reports that a used code or refresh token was shown and that the
	// grant was ended for it.
	Replayed bool
	// Graced reports that a refresh was retried within its grace window.
	Graced bool
}

// The methods of fosite.Session.
func (s *Session) SetExpiresAt(key fosite.TokenType, exp time.Time) {
	if s.expires == nil {
		s.expires = make(map[fosite.TokenType]time.Time, 2)
	}
	s.expires[key] = exp
}
func (s *Session) GetExpiresAt(key fosite.TokenType) time.Time { return s.expires[key] }
func (s *Session) GetUsername() string                         { return "" }
func (s *Session) GetSubject() string                          { return s.Subject }

// Clone returns a copy; fosite asks for one where it would store the session.
func (s *Session) Clone() fosite.Session {
	c := *s
	c.expires = make(map[fosite.TokenType]time.Time, len(s.expires))
	for k, v := range s.expires {
		c.expires[k] = v
	}
	return &c
}

var _ fosite.Session = (*Session)(nil)
