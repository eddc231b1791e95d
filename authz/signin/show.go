package signin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"time"
)

//go:embed templates
var files embed.FS

// The pages, each with the layout around it. They are part of the program, and a
// test shows each of them.
var (
	style     = mustRead("templates/style.css")
	templates = map[string]*template.Template{
		"login":   mustParse("login"),
		"consent": mustParse("consent"),
		"own":     mustParse("own"),
		"notice":  mustParse("notice"),
	}
	// policy permits the one style sheet and nothing else. It has no
	// form-action: see the package comment.
	policy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; frame-ancestors 'none'; base-uri 'none'"
)

func mustRead(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return string(b)
}

func mustParse(name string) *template.Template {
	functions := template.FuncMap{
		"style":   func() template.HTML { return template.HTML("<style>" + style + "</style>") },
		"utc":     func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
	return template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// What the pages show.
type (
	loginPage struct {
		Client, Problem, Username, UsernameLabel, Token string
	}
	consentPage struct {
		Client, Organization, Person, Destination, Consent, Token string
		// Account is the one that the access is bound to, masked; empty for none.
		Account string
		Scopes  []string
	}
	ownPage struct {
		Person, Token, Done string
		SignedInAt          time.Time
		Listed              bool
		Given               []givenConsent
	}
	givenConsent struct {
		ID, Client, Account string
		Scopes              []string
		GivenAt             time.Time
	}
	noticePage struct {
		Heading, Text string
		Again         bool
	}
)

// headers keeps a page out of caches, frames and other sites' sight. A referrer
// goes to our own pages only: without any, browsers would send forms with
// "Origin: null".
func (v *visit) headers() {
	h := v.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// show writes a whole page, or nothing of it.
func (v *visit) show(status int, name string, page any) {
	var b bytes.Buffer
	err := templates[name].Execute(&b, struct {
		Title string
		Page  any
	}{v.cfg.Title, page})
	if err != nil {
		v.in.Config().Logger.ErrorContext(v.r.Context(), "a sign-in page could not be made", "page", name, "cause", err)
		http.Error(v.w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	v.headers()
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes())
}

// showLogin asks who is there, saying what went wrong before.
func (v *visit) showLogin(status int, problem, username string) {
	browser, err := v.browser()
	if err != nil {
		v.unavailable(err)
		return
	}
	if browser == "" {
		if browser, err = v.newBrowser(); err != nil {
			v.fail(err)
			return
		}
	}
	page := loginPage{Problem: problem, Username: username, UsernameLabel: v.cfg.UsernameLabel, Token: v.token(browser)}
	if len(page.Username) > maxUsername {
		page.Username = ""
	}
	if v.request != nil {
		if page.Client = v.request.ClientName; page.Client == "" {
			page.Client = v.request.ClientID
		}
	}
	v.show(status, "login", page)
}

// unavailable answers while nothing can be decided.
func (v *visit) unavailable(cause error) {
	v.in.Config().Logger.ErrorContext(v.r.Context(), "a sign-in could not be completed", "cause", cause)
	v.w.Header().Set("Retry-After", "1")
	v.show(http.StatusServiceUnavailable, "notice", noticePage{Heading: "Please try again in a moment", Again: true,
		Text: "Signing in is not possible right now. Nothing has happened to your account."})
}

// fail answers an error of our own or the host's.
func (v *visit) fail(cause error) {
	if !errors.Is(cause, errTooLong) {
		v.unavailable(cause)
		return
	}
	v.in.Config().Logger.ErrorContext(v.r.Context(), "a sign-in failed for a fault of the host's accounts", "cause", cause)
	v.show(http.StatusInternalServerError, "notice", noticePage{Heading: "Sign-in failed",
		Text: "Something is wrong with this service. Please tell the people who run it."})
}

// destination is where the person will be sent, as they can recognise it.
func destination(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil:
		return ""
	case u.Scheme == "https" || u.Scheme == "http":
		return u.Host
	}
	return u.Scheme + ": (an app on this device)"
}
