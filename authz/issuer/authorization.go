package issuer

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz/issuer/internal/dialect"
	"github.com/gatewright/gatewright/authz/issuer/internal/grants"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/storage"
)

// Authorization returns the authorization endpoint (RFC 6749 section 3.1), for
// response type code. Its URL serves the login and consent pages as well.
func (s *Server) Authorization() http.Handler {
	if s.cfg.SignIn == nil {
		panic("issuer: Server.Authorization: Config.SignIn is required for it")
	}
	// Forms of other sites must not post here.
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.showError(w, r, wire.InvalidRequest("cross_origin", "This form was not sent by our own page."))
	}))
	return protection.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		a := &authorization{Server: s, w: w, r: r}
		if !s.in.BrowserOverTLS(r) {
			a.fail(&wire.Error{Status: http.StatusForbidden, Code: "tls_required", Reason: "tls_required", Description: "Use https."})
			return
		}
		if err := a.run(); err != nil {
			a.fail(err)
		}
	}))
}

// authorization is one request at the authorization endpoint.
type authorization struct {
	*Server
	w http.ResponseWriter
	r *http.Request

	client      *storage.Client
	redirectURI string // where answers go, known once it is safe to send any
	state       string
	request     *AuthorizationRequest
	parsed      fosite.AuthorizeRequester
	params      url.Values
}

func (a *authorization) run() error {
	switch a.r.Method {
	case http.MethodGet, http.MethodPost:
	default:
		return wire.MethodNotAllowed("GET, POST", "Use GET or POST.")
	}
	form, err := a.readForm()
	if err != nil {
		return err
	}
	if a.r.Method == http.MethodPost && a.r.URL.RawQuery == "" && form.Has("client_id") {
		// A request sent by POST (RFC 6749 section 3.1) goes on as GET: from here
		// on POSTs are our own forms.
		http.Redirect(a.w, a.r, a.r.URL.Path+"?"+form.Encode(), http.StatusSeeOther)
		return nil
	}
	if err := a.validate(); err != nil {
		return err
	}
	if a.r.Method == http.MethodPost && form.Has("decision") {
		return a.decide(form)
	}
	person, ok, err := a.person()
	if !ok {
		return err
	}
	if a.request.Prompts("none") {
		// Consent is always asked for, so that without a page there is none.
		return &wire.Error{Status: http.StatusForbidden, Code: "consent_required", Reason: "prompt_none", Description: "The person has to be asked, and prompt=none forbids it."}
	}
	if err := a.bindAccount(&person); err != nil {
		return err
	}
	return a.ask(person)
}

// person asks the host who is signed in. Without anybody, the error is what the
// client is to be told, nil if the host has answered by itself. A host that
// refused has refused, whomever it returns as well.
func (a *authorization) person() (Person, bool, error) {
	person, ok := a.cfg.SignIn.Person(a.w, a.r, a.request)
	switch {
	case a.request.refusal != nil:
		return Person{}, false, a.request.refusal
	case !ok:
		return Person{}, false, nil
	case person.Subject == "" || person.Session == "":
		return Person{}, false, errors.New("issuer: SignIn.Person returned a person without Subject or Session")
	}
	return person, true, nil
}

// readForm reads the body of a POST, once, within limits.
func (a *authorization) readForm() (url.Values, error) {
	if a.r.Method != http.MethodPost {
		return url.Values{}, nil
	}
	a.r.Body = http.MaxBytesReader(a.w, a.r.Body, dialect.Limit)
	if err := a.r.ParseForm(); err != nil {
		return nil, wire.InvalidRequest("form_malformed", "The form is malformed or too large.")
	}
	form := url.Values{}
	for name, values := range a.r.PostForm {
		form[name] = append([]string(nil), values...)
	}
	if refusal := dialect.Normalize(form); refusal != nil {
		return nil, refusal
	}
	return form, nil
}

// validate checks the authorization request in the query. Until client and
// redirect URI are known to be good, errors are shown and not sent anywhere.
func (a *authorization) validate() error {
	params, err := url.ParseQuery(a.r.URL.RawQuery)
	if err != nil {
		return wire.InvalidRequest("query_malformed", "The query is malformed.")
	}
	if refusal := dialect.Normalize(params); refusal != nil {
		return refusal
	}
	if refusal := redirectAlias(params); refusal != nil {
		return refusal
	}
	a.params = params
	if params.Has("client_secret") {
		return wire.InvalidRequest("secret_in_query", "A client secret never goes into a URL. Rotate it now: URLs are logged.")
	}
	client, err := a.in.Client(a.r.Context(), params.Get("client_id"))
	switch {
	case errors.Is(err, storage.ErrNotFound) || err == nil && client.Environment != a.cfg.Profile.Environment:
		return wire.InvalidRequest("client_unknown", "The client_id is not registered here.")
	case err != nil:
		return wire.Unavailable(err)
	}
	a.client = &client
	to, ok := matchRedirectURI(params.Get("redirect_uri"), client.RedirectURIs)
	if !ok {
		return wire.InvalidRequest("redirect_uri_unknown", "The redirect_uri is not registered for this client, letter for letter.")
	}
	a.redirectURI, a.state = to, params.Get("state")
	return a.validateSafely(params, &client)
}

// validateSafely checks what may be told to the client by redirect.
func (a *authorization) validateSafely(params url.Values, client *storage.Client) error {
	if !client.ActiveAt(a.in.Now()) {
		return &wire.Error{Status: http.StatusForbidden, Code: "unauthorized_client", Reason: "client_inactive", Description: "The client may not start an authorization right now."}
	}
	if params.Get("response_type") == "" {
		return wire.InvalidRequest("response_type", "Send response_type=code.")
	}
	if params.Get("response_type") != "code" {
		return &wire.Error{Status: http.StatusBadRequest, Code: "unsupported_response_type", Reason: "response_type", Description: "Use response_type=code."}
	}
	if mode := params.Get("response_mode"); mode != "" && mode != "query" {
		return wire.InvalidRequest("response_mode", "Use response_mode=query, or leave it out.")
	}
	if prompts := strings.Fields(params.Get("prompt")); len(prompts) > 1 && contains(prompts, "none") {
		return wire.InvalidRequest("prompt", "prompt=none stands alone.")
	}
	for _, unsupported := range []string{"request", "request_uri", "registration"} {
		if params.Has(unsupported) {
			return &wire.Error{Status: http.StatusBadRequest, Code: unsupported + "_not_supported", Reason: unsupported + "_sent", Description: "The parameter " + unsupported + " is not supported."}
		}
	}
	if !contains(client.GrantTypes, grants.AuthorizationCode) {
		return &wire.Error{Status: http.StatusBadRequest, Code: "unauthorized_client", Reason: "grant_type_not_allowed", Description: "This client may not use the authorization code grant."}
	}
	if refusal := grants.CheckChallenge(params.Get("code_challenge"), params.Get("code_challenge_method"), client.Public || !a.cfg.Profile.PKCEOptional); refusal != nil {
		return refusal
	}
	if !subset(fosite.RemoveEmpty(strings.Split(params.Get("scope"), " ")), client.Scopes) {
		return wire.InvalidScope("scope_not_allowed")
	}
	if !subset(fosite.GetAudiences(params), client.Audiences) {
		return wire.InvalidTarget()
	}
	if !a.cfg.Products.Permits(client, grants.AuthorizationCode, fosite.RemoveEmpty(strings.Split(params.Get("scope"), " "))) {
		return wire.InvalidScope("outside_subscriptions")
	}
	if err := a.checkBankParameters(); err != nil {
		return err
	}
	return a.parse(params, client)
}

// parse has fosite read the request. Fosite insists on a state (which PKCE makes
// optional), so one stands in while it looks.
func (a *authorization) parse(params url.Values, client *storage.Client) error {
	seen := url.Values{}
	for name, values := range params {
		seen[name] = values
	}
	seen.Set("state", "-")
	seen.Set("redirect_uri", a.redirectURI)
	shown := a.r.Clone(grants.WithClient(a.r.Context(), client))
	shown.Form, shown.PostForm = seen, url.Values{}
	parsed, err := a.grants.Authorize.NewAuthorizeRequest(shown.Context(), shown)
	if err != nil {
		return err
	}
	a.parsed = parsed
	a.request = &AuthorizationRequest{ClientID: client.ID, ClientName: client.Name, RedirectURI: a.redirectURI,
		Scopes: parsed.GetRequestedScopes(), Audience: parsed.GetRequestedAudience(), Prompt: params.Get("prompt")}
	return nil
}

// approve answers the question with the key by a code, and sends the browser back
// with it.
func (a *authorization) approve(person Person, question []byte) error {
	approval := &grants.Approval{Client: a.client, Person: person.Subject, Bound: person.Bound, RedirectURI: a.params.Get("redirect_uri"), Question: question}
	response, err := a.grants.Authorize.NewAuthorizeResponse(a.r.Context(), a.parsed, approval)
	if err != nil {
		return err
	}
	a.in.Record(storage.Event{Type: "consent.given", Outcome: "ok", Organization: a.client.Organization, Actor: "user:" + person.Subject,
		Target: "key:" + a.client.ID, Client: a.client.ID, Grant: approval.Session.Grant, Address: address(a.r), Route: a.r.Pattern})
	a.sendBack(response.GetParameters())
	return nil
}

// sendBack redirects to the client, with state and the issuer (RFC 9207).
func (a *authorization) sendBack(params url.Values) {
	if a.state != "" {
		params.Set("state", a.state)
	}
	params.Set("iss", a.cfg.Issuer)
	a.w.Header().Set("Location", redirectBack(a.redirectURI, params))
	a.w.WriteHeader(http.StatusSeeOther)
}

// fail tells the client by redirect once that is safe, and the person before.
func (a *authorization) fail(err error) {
	refusal := wire.From(err)
	e := storage.Event{Type: "authorization.refused", Outcome: refusal.Code, Reason: refusal.Reason, Address: address(a.r), Route: a.r.Pattern}
	if a.client != nil {
		e.Client, e.Organization = a.client.ID, a.client.Organization
	}
	a.in.Record(e)
	if a.redirectURI == "" || refusal.Status >= 500 {
		a.showError(a.w, a.r, refusal)
		return
	}
	a.sendBack(url.Values{"error": {refusal.Code}, "error_description": {refusal.Description}})
}

var errorPage = template.Must(template.New("error").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign-in cannot continue</title></head>
<body><main><h1>Sign-in cannot continue</h1><p>{{.Description}}</p><p>Go back to the application and start again. Code: <code>{{.Code}}</code></p></main></body></html>
`))

// showError answers the person at the browser, or a program that asks for JSON.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, refusal *wire.Error) {
	if refusal.Status >= 500 {
		s.cfg.Logger.ErrorContext(r.Context(), "an authorization request could not be completed", "reason", refusal.Reason, "cause", refusal.Cause)
	}
	if refusal.Code == "invalid_client" {
		refusal.Status, refusal.Challenge = http.StatusBadRequest, "" // a browser would ask for a password
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		refusal.Write(w)
		return
	}
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", "1")
	}
	if refusal.Allow != "" {
		w.Header().Set("Allow", refusal.Allow)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(refusal.Status)
	_ = errorPage.Execute(w, refusal)
}
