package signin

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/authz/token"
)

// Users are the host's accounts.
type Users interface {
	// Authenticate returns whose name and password these are. A wrong password
	// is [ErrWrongPassword], a name that nobody has [ErrUnknownUser]; callers
	// are not told which. Both must take the same time: [VerifyPassword] with an
	// empty hash takes as long as with a real one. Any other error is taken for
	// an outage, answered with 503, and counts as no failure.
	//
	// The name comes without white space around it, and neither is empty. Names
	// that differ in case only count as one account when guesses are counted.
	Authenticate(ctx context.Context, username, password string) (User, error)
}

// Lookup is an optional capability of [Users]: what is known of a person now.
// It is asked whenever a session is used, so that an account which was locked or
// removed is out at once.
type Lookup interface {
	// User returns the person by subject; [ErrUnknownUser] ends the session.
	User(ctx context.Context, subject string) (User, error)
}

// User is a person.
type User struct {
	// Subject names the person for good: the sub of tokens, and the Subject of
	// memberships. It is never given to somebody else.
	Subject string
	// Name is shown to the person themselves.
	Name string
	// Bound are ids that tokens of this person's authorizations are bound to.
	// They travel in the sealed cookie, which has room for about two kilobytes.
	Bound []token.Binding
}

var (
	// ErrWrongPassword: the password is not the account's, or the account may
	// not sign in. Wrap it to tell your own log more.
	ErrWrongPassword = errors.New("signin: wrong password")
	// ErrUnknownUser: there is no such account.
	ErrUnknownUser = errors.New("signin: unknown user")
)
