package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// freshFor is how long after a login the request that wanted it may come back.
const freshFor = 5 * time.Minute

// session is what the sealed session cookie holds.
type session struct {
	ID         string          `json:"id"`
	Subject    string          `json:"sub"`
	Name       string          `json:"name,omitempty"`
	Bound      []token.Binding `json:"bound,omitempty"`
	SignedInAt time.Time       `json:"at"`
	ExpiresAt  time.Time       `json:"exp"`
	// Fresh is the hash of the request that the person signed in for, until that
	// request has come back: a request for a fresh login is content with it once.
	Fresh []byte `json:"fresh,omitempty"`
}

// session returns the live session of the browser, nil if there is none.
func (v *visit) session() (*session, error) {
	plain, err := v.cookies.get(v.r, sessionCookie)
	if errors.Is(err, errForeign) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s session
	if json.Unmarshal(plain, &s) != nil || !v.in.Now().Before(s.ExpiresAt) {
		return nil, nil // of another version, or over
	}
	switch _, err := v.in.Store().Artifact(v.r.Context(), storage.Interaction, s.endKey()); {
	case err == nil:
		return nil, nil // signed out
	case !errors.Is(err, storage.ErrNotFound):
		return nil, fmt.Errorf("signin: reading whether a session was ended: %w", err)
	}
	return v.current(&s)
}

// current brings a session up to date with the host's accounts.
func (v *visit) current(s *session) (*session, error) {
	if v.lookup == nil {
		return s, nil
	}
	user, err := v.lookup.User(v.r.Context(), s.Subject)
	switch {
	case errors.Is(err, ErrUnknownUser):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("signin: Users.User: %w", err)
	case user.Subject != s.Subject:
		return nil, errors.New("signin: Users.User returned another subject than asked for")
	}
	s.Name, s.Bound = user.Name, user.Bound
	return s, nil
}

// begin starts a session with an id that nobody has seen before, and ends the
// one that the browser had.
func (v *visit) begin(user User, old *session) error {
	if old != nil {
		if err := v.end(old, "replaced"); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // crypto/rand never fails since Go 1.24
	now := v.in.Now()
	return v.keep(&session{ID: hex.EncodeToString(id), Subject: user.Subject, Name: user.Name, Bound: user.Bound,
		SignedInAt: now, ExpiresAt: now.Add(v.cfg.SessionFor), Fresh: v.requestHash()})
}

// keep puts the session into the browser's cookie.
func (v *visit) keep(s *session) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("signin: encoding a session: %w", err)
	}
	return v.cookies.set(v.w, sessionCookie, plain, 0)
}

// end ends the session everywhere: every copy of its cookie is refused from now
// on. What the store keeps of it names nobody, so that it stays when all that
// waits for a person is dropped ([storage.Artifacts.DropPending]).
func (v *visit) end(s *session, reason string) error {
	err := v.in.Store().PutArtifact(v.r.Context(), storage.Artifact{Kind: storage.Interaction, Key: s.endKey(),
		ExpiresAt: s.ExpiresAt.Add(v.in.Skew())})
	if err != nil && !errors.Is(err, storage.ErrExists) {
		return fmt.Errorf("signin: ending a session: %w", err)
	}
	v.record(storage.Event{Type: "signin.ended", Outcome: "ok", Actor: "user:" + s.Subject, Reason: reason})
	return nil
}

// endKey is where the store remembers that the session was ended. The id has
// 128 random bits and is known to the sealed cookie alone; who reads the store
// learns nothing from the key.
func (s *session) endKey() []byte {
	sum := sha256.Sum256([]byte("signin session ended " + s.ID))
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(s.SignedInAt.UnixMilli())<<16)
	return append(ms[:6:6], sum[:]...)
}

// requestHash names the request that the browser makes.
func (v *visit) requestHash() []byte {
	sum := sha256.Sum256([]byte(v.r.URL.RawQuery))
	return sum[:]
}

// takeFresh reports whether the person has signed in just now for this very
// request, which is true once.
func (v *visit) takeFresh(s *session) bool {
	if len(s.Fresh) == 0 || subtle.ConstantTimeCompare(s.Fresh, v.requestHash()) != 1 || v.in.Now().Sub(s.SignedInAt) > freshFor {
		return false
	}
	if v.r.Method == http.MethodHead {
		return true // shows nothing
	}
	s.Fresh = nil
	return v.keep(s) == nil
}
