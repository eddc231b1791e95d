package signin

import (
	"errors"
	"net/http"

	"github.com/gatewright/gatewright/storage"
)

// maxForm is how long a form may be, in bytes.
const maxForm = 16 << 10

// ServeHTTP implements [http.Handler]: the page where people see whom they gave
// access, withdraw it, and sign out. The server mounts it below Prefix +
// "/session/".
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.in == nil {
		http.Error(w, "The sign-in pages are not attached to a server.", http.StatusInternalServerError)
		return
	}
	p.own.ServeHTTP(w, r)
}

// ownPages is what ServeHTTP serves once attached.
func (p *Pages) ownPages() http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Pages: p, w: w, r: r}
		v.show(http.StatusForbidden, "notice", noticePage{Heading: "Not done", Text: "This form was not sent by our own page."})
	}))
	return protection.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Pages: p, w: w, r: r}
		if !p.in.BrowserOverTLS(r) {
			v.show(http.StatusForbidden, "notice", noticePage{Heading: "Not done", Text: "Use https."})
			return
		}
		v.serve()
	}))
}

func (v *visit) serve() {
	if v.r.URL.Path != "/" {
		v.show(http.StatusNotFound, "notice", noticePage{Heading: "Not found", Text: "There is no such page."})
		return
	}
	switch v.r.Method {
	case http.MethodGet, http.MethodHead:
		if v.r.URL.Query().Has("signed_out") {
			v.goodbye()
			return
		}
	case http.MethodPost:
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			v.show(http.StatusBadRequest, "notice", noticePage{Heading: "Not done", Text: "The form is malformed or too large."})
			return
		}
	default:
		v.w.Header().Set("Allow", "GET, HEAD, POST")
		v.show(http.StatusMethodNotAllowed, "notice", noticePage{Heading: "Not done", Text: "Use GET or POST."})
		return
	}
	s := v.person()
	switch {
	case s == nil:
	case v.r.Method == http.MethodPost:
		v.act(s)
	default:
		v.overview(s)
	}
}

// goodbye is shown after signing out, to whoever is at the browser.
func (v *visit) goodbye() {
	s, err := v.session()
	switch {
	case err != nil:
		v.unavailable(err)
	case s != nil:
		v.to("./")
	default:
		v.show(http.StatusOK, "notice", noticePage{Heading: "Signed out", Text: "You are signed out in this browser. Applications keep the access you gave them."})
	}
}

// act does what a button asks for.
func (v *visit) act(s *session) {
	form := v.r.PostForm
	if !v.checkToken(form.Get("token"), s.ID) {
		v.show(http.StatusBadRequest, "notice", noticePage{Heading: "Not done", Text: "This page was open for too long. Nothing has changed.", Again: true})
		return
	}
	switch {
	case form.Has("sign_out"):
		if err := v.end(s, "signed_out"); err != nil {
			v.unavailable(err)
			return
		}
		v.cookies.clear(v.w, sessionCookie)
		v.to("./?signed_out")
	case form.Has("withdraw") && v.consents != nil:
		v.withdraw(s, form.Get("withdraw"))
	default:
		v.to("./")
	}
}

func (v *visit) withdraw(s *session, consent string) {
	id, err := storage.ParseID(consent)
	if err == nil {
		err = v.consents.WithdrawConsent(v.r.Context(), s.Subject, id)
	} else {
		err = storage.ErrNotFound
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		v.show(http.StatusNotFound, "notice", noticePage{Heading: "Not done", Text: "There is no such access, or it has ended already.", Again: true})
	case err != nil:
		v.unavailable(err)
	default:
		v.to("./?withdrawn")
	}
}

// to sends the browser to a page of our own, by GET.
func (v *visit) to(reference string) {
	v.headers()
	v.w.Header().Set("Location", reference)
	v.w.WriteHeader(http.StatusSeeOther)
}

// overview shows who is signed in and whom they gave access.
func (v *visit) overview(s *session) {
	page := ownPage{Person: s.Name, Token: v.token(s.ID), SignedInAt: s.SignedInAt, Listed: v.consents != nil}
	if page.Person == "" {
		page.Person = s.Subject
	}
	if v.r.URL.Query().Has("withdrawn") {
		page.Done = "The access has been withdrawn."
	}
	if v.consents != nil {
		given, err := v.consents.Consents(v.r.Context(), s.Subject)
		if err != nil {
			v.unavailable(err)
			return
		}
		for _, c := range given {
			g := givenConsent{ID: c.ID.String(), Client: c.Client, Account: c.MaskedAccount, GivenAt: c.GivenAt}
			if g.Client == "" {
				g.Client = c.ClientID
			}
			for _, scope := range c.Scopes {
				g.Scopes = append(g.Scopes, v.scope(scope))
			}
			page.Given = append(page.Given, g)
		}
	}
	v.show(http.StatusOK, "own", page)
}
