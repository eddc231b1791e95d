package signin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// maxUsername is the longest name in bytes.
const maxUsername = 256

// patience is how long a login may wait for its turn and for the host.
const patience = 20 * time.Second

// login takes the login form: browser, turn, limits, password, session, and back
// by GET. old is the session that the browser had, nil for none.
func (v *visit) login(old *session) {
	form := v.r.PostForm
	browser, err := v.browser()
	if err != nil {
		v.unavailable(err)
		return
	}
	username, password := strings.TrimSpace(form.Get("username")), form.Get("password")
	if !v.checkToken(form.Get("token"), browser) {
		v.showLogin(http.StatusBadRequest, "This page was open for too long, or your browser does not keep cookies. Please try again.", username)
		return
	}
	if username == "" || password == "" {
		v.showLogin(http.StatusBadRequest, "Please enter both, your name and your password.", username)
		return
	}
	address, err := v.cfg.ClientAddress(v.r)
	if err != nil {
		v.in.Config().Logger.WarnContext(v.r.Context(), "nobody can sign in from an address that cannot be told: see signin.Config.ClientAddress", "cause", err)
		v.show(http.StatusBadRequest, "notice", noticePage{Heading: "Sign-in is not possible", Text: "The address that your request came from cannot be told."})
		return
	}
	ctx, cancel := context.WithTimeout(v.r.Context(), patience)
	defer cancel()
	user, err := v.authenticate(ctx, username, password, address)
	if err != nil {
		v.refuse(err, username)
		return
	}
	if err := v.welcome(user, accountKey(username), old); err != nil {
		v.fail(err)
		return
	}
	v.back()
}

// tooMany refuses an attempt over the limit.
type tooMany struct{ wait time.Duration }

func (e *tooMany) Error() string { return "signin: too many failed attempts" }

// authenticate asks the host, within the limits on guessing.
func (v *visit) authenticate(ctx context.Context, username, password string, address netip.Addr) (User, error) {
	at := attempt{account: accountKey(username), address: addressKey(address)}
	if id, known := v.device(at.account); known {
		at = attempt{account: "device " + id}
	}
	leave, err := v.attempts.enter(ctx, at.account)
	if err != nil {
		return User{}, fmt.Errorf("signin: waiting for other logins: %w", err)
	}
	defer leave()
	if wait, over := v.attempts.over(at); over {
		return User{}, &tooMany{wait}
	}
	if len(username) > maxUsername || len(password) > MaxPassword {
		v.attempts.failed(at)
		return User{}, ErrUnknownUser
	}
	user, err := v.cfg.Users.Authenticate(ctx, username, password)
	switch {
	case errors.Is(err, ErrUnknownUser), errors.Is(err, ErrWrongPassword):
		v.attempts.failed(at)
	case err != nil:
		err = fmt.Errorf("signin: Users.Authenticate: %w", err)
	case user.Subject == "":
		err = errors.New("signin: Users.Authenticate returned a user without Subject")
	}
	return user, err
}

// refuse answers a failed attempt. What was typed as the name is not recorded:
// it may well be a password.
func (v *visit) refuse(err error, username string) {
	e := storage.Event{Type: "signin.failed", Outcome: "access_denied"}
	var many *tooMany
	switch {
	case errors.As(err, &many):
		e.Reason = "throttled"
		v.record(e)
		seconds := max(1, int(math.Ceil(many.wait.Seconds())))
		v.w.Header().Set("Retry-After", strconv.Itoa(seconds))
		v.showLogin(http.StatusTooManyRequests, "There were too many failed attempts. Please try again in "+inWords(seconds)+".", username)
		return
	case errors.Is(err, ErrUnknownUser):
		e.Reason = "unknown_user"
	case errors.Is(err, ErrWrongPassword):
		e.Reason = "wrong_password"
	default:
		v.unavailable(err)
		return
	}
	v.record(e)
	v.showLogin(http.StatusBadRequest, "The name or the password is wrong.", username)
}

// welcome gives the browser its new session.
func (v *visit) welcome(user User, account string, old *session) error {
	if err := v.begin(user, old); err != nil {
		return err
	}
	if err := v.remember(account); err != nil {
		return err
	}
	v.record(storage.Event{Type: "signin.succeeded", Outcome: "ok", Actor: "user:" + user.Subject})
	return nil
}

// back sends the browser to the URL it is at, by GET. The reference is relative
// and begins with the query or a dot, so that it cannot lead to another host
// whatever the path looks like.
func (v *visit) back() {
	to := "./" + url.PathEscape(v.r.URL.Path[strings.LastIndexByte(v.r.URL.Path, '/')+1:])
	if v.r.URL.RawQuery != "" {
		to = "?" + v.r.URL.RawQuery
	}
	v.headers()
	v.w.Header().Set("Location", to)
	v.w.WriteHeader(http.StatusSeeOther)
}

// record puts an event of this request into the audit trail.
func (v *visit) record(e storage.Event) {
	if a, err := v.cfg.ClientAddress(v.r); err == nil {
		e.Address = a.Unmap().String()
	}
	e.Route = v.r.Pattern
	if v.request != nil {
		e.Client = v.request.ClientID
	}
	v.in.Record(e)
}

// inWords says how long to wait, roughly.
func inWords(seconds int) string {
	switch minutes := (seconds + 59) / 60; {
	case seconds <= 60:
		return "a minute"
	default:
		return strconv.Itoa(minutes) + " minutes"
	}
}
