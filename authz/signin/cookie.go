package signin

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/keyring"
)

// cookies names and seals the cookies of one server.
type cookies struct {
	in             *authz.Installation
	prefix, suffix string
	secure         bool
}

// What a cookie is for; it enters its name and its seal.
const (
	sessionCookie = "session" // who is signed in
	loginCookie   = "login"   // the browser that a login form was shown in
	deviceCookie  = "device"  // the browser that somebody has signed in with before
)

// maxCookie is how long a cookie's value may be: browsers keep 4096 bytes of
// name, value and attributes.
const maxCookie = 3800

var (
	// errForeign: a sealed text is not one of ours.
	errForeign = errors.New("signin: not sealed by this server")
	errTooLong = errors.New("signin: User.Name and User.Bound do not fit into a cookie")
)

func newCookies(in *authz.Installation) (cookies, error) {
	u, err := url.Parse(in.Config().Issuer)
	if err != nil {
		return cookies{}, err
	}
	c := cookies{in: in, prefix: "gatewright_"}
	if u.Scheme == "https" {
		c.secure, c.prefix = true, "__Host-gatewright_"
	} else if port := u.Port(); port != "" {
		// Cookies know no ports: servers on one loopback address would overwrite
		// each other's.
		c.suffix = "_" + port
	}
	return c, nil
}

func (c cookies) name(kind string) string { return c.prefix + kind + c.suffix }

// set seals a value into a cookie. It lasts until the browser is closed, or for
// maxAge where that is positive; a negative one removes it.
func (c cookies) set(w http.ResponseWriter, kind string, plain []byte, maxAge time.Duration) error {
	cookie := &http.Cookie{Name: c.name(kind), Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
	switch {
	case maxAge < 0:
		cookie.MaxAge = -1
	default:
		cookie.MaxAge = int(maxAge / time.Second)
		cookie.Value = c.seal("cookie "+kind, plain)
	}
	if len(cookie.Value) > maxCookie {
		return errTooLong
	}
	http.SetCookie(w, cookie)
	return nil
}

// clear removes a cookie from the browser.
func (c cookies) clear(w http.ResponseWriter, kind string) {
	_ = c.set(w, kind, nil, -1) // an empty value is not too long
}

// get opens a cookie. The error is [errForeign] if there is none that is ours,
// and another one if nobody can tell right now.
func (c cookies) get(r *http.Request, kind string) ([]byte, error) {
	// A browser sends several of one name if they were set for several paths.
	for _, cookie := range r.CookiesNamed(c.name(kind)) {
		plain, err := c.open(r, "cookie "+kind, cookie.Value)
		if !errors.Is(err, errForeign) {
			return plain, err
		}
	}
	return nil, errForeign
}

var encoding = base64.RawURLEncoding.Strict()

// seal encrypts and authenticates a text for one purpose.
func (c cookies) seal(purpose string, plain []byte) string {
	return encoding.EncodeToString(c.in.Keyring().Seal(keyring.Cookie, nil, plain, []byte("signin "+purpose)))
}

// open undoes seal, with the errors of get.
func (c cookies) open(r *http.Request, purpose, text string) ([]byte, error) {
	if len(text) > maxCookie || strings.ContainsAny(text, "\r\n") {
		return nil, errForeign
	}
	sealed, err := encoding.DecodeString(text)
	if err != nil {
		return nil, errForeign
	}
	aad := []byte("signin " + purpose)
	plain, err := c.in.Keyring().Open(keyring.Cookie, nil, sealed, aad)
	if errors.Is(err, keyring.ErrUnknownKey) {
		// Another instance may have made a key a moment ago.
		learned, learnErr := c.in.Keyring().Learn(r.Context(), keyring.SealedKey(sealed))
		if learnErr != nil {
			return nil, learnErr
		}
		if learned {
			plain, err = c.in.Keyring().Open(keyring.Cookie, nil, sealed, aad)
		}
	}
	if err != nil {
		return nil, errForeign
	}
	return plain, nil
}
