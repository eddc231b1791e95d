package signin

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// formFor is how long a form may stay open before it is sent.
const formFor = 12 * time.Hour

// token is what a form carries to prove that this server made it for the bearer
// of a cookie: the session, or the login cookie where nobody is signed in. It is
// different each time.
func (v *visit) token(binding string) string {
	var expires [8]byte
	binary.BigEndian.PutUint64(expires[:], uint64(v.in.Now().Add(formFor).Unix()))
	return v.cookies.seal("form "+binding, expires[:])
}

// checkToken reports whether a form was made for the binding and has not lapsed.
func (v *visit) checkToken(token, binding string) bool {
	if token == "" || binding == "" {
		return false
	}
	plain, err := v.cookies.open(v.r, "form "+binding, token)
	return err == nil && len(plain) == 8 && v.in.Now().Unix() < int64(binary.BigEndian.Uint64(plain))
}

// browser returns what login forms in this browser are bound to, empty if it has
// no such cookie.
func (v *visit) browser() (string, error) {
	nonce, err := v.cookies.get(v.r, loginCookie)
	if errors.Is(err, errForeign) {
		return "", nil
	}
	return string(nonce), err
}

// newBrowser gives the browser a login cookie.
func (v *visit) newBrowser() (string, error) {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // crypto/rand never fails since Go 1.24
	return string(nonce), v.cookies.set(v.w, loginCookie, nonce, 0)
}
