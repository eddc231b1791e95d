package signin

import (
	"context"
	"fmt"
	"strings"
)

// Account is one of [StaticUsers].
type Account struct {
	// Username is what the person types; case does not count.
	Username string
	// PasswordHash is made by [HashPassword].
	PasswordHash string
	User         User
}

// StaticUsers are accounts in memory, fixed at start: for examples, tests, and
// the few people of a back office. It is safe for concurrent use.
type StaticUsers struct {
	byName    map[string]Account
	bySubject map[string]User
	// decoy is the dearest of the hashes, which unknown names are checked with.
	decoy string
}

var (
	_ Users  = (*StaticUsers)(nil)
	_ Lookup = (*StaticUsers)(nil)
)

// NewStaticUsers checks the accounts; an error names the one that is incomplete
// or there twice.
func NewStaticUsers(accounts ...Account) (*StaticUsers, error) {
	s := &StaticUsers{byName: map[string]Account{}, bySubject: map[string]User{}}
	var dearest uint32
	for i, a := range accounts {
		name := foldUsername(a.Username)
		h, err := parseHash(a.PasswordHash)
		switch {
		case name == "" || a.User.Subject == "":
			return nil, fmt.Errorf("signin: account %d: Username and User.Subject are required", i)
		case err != nil:
			return nil, fmt.Errorf("signin: account %d: PasswordHash: make it with HashPassword", i)
		}
		if _, taken := s.byName[name]; taken {
			return nil, fmt.Errorf("signin: account %d: another one has the same Username", i)
		}
		if _, taken := s.bySubject[a.User.Subject]; taken {
			return nil, fmt.Errorf("signin: account %d: another one has the same User.Subject", i)
		}
		s.byName[name], s.bySubject[a.User.Subject] = a, a.User
		if work := h.cost.memory * h.cost.passes; work > dearest {
			dearest, s.decoy = work, a.PasswordHash
		}
	}
	return s, nil
}

// Authenticate implements [Users].
func (s *StaticUsers) Authenticate(_ context.Context, username, password string) (User, error) {
	a, known := s.byName[foldUsername(username)]
	if !known {
		_, _ = VerifyPassword(s.decoy, password)
		return User{}, ErrUnknownUser
	}
	if ok, _ := VerifyPassword(a.PasswordHash, password); !ok {
		return User{}, ErrWrongPassword
	}
	return a.User, nil
}

// User implements [Lookup].
func (s *StaticUsers) User(_ context.Context, subject string) (User, error) {
	u, known := s.bySubject[subject]
	if !known {
		return User{}, ErrUnknownUser
	}
	return u, nil
}

// foldUsername is how names are compared: without case, and without white space
// around them.
func foldUsername(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
