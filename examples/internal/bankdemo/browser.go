package bankdemo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// maxPages is how many pages a sign-in may have before it is given up.
const maxPages = 6

// Browser does in a tour what a customer does at a browser without JavaScript:
// it signs in, and answers the consent page. It keeps cookies.
type Browser struct {
	// Username and Password go into the login form.
	Username string
	Password string
	// Decision answers the consent page: "allow" or "deny".
	Decision string

	client *http.Client
}

// NewBrowser returns a browser that allows what it is asked for. It uses the
// transport as it is, so that one for https must trust the server.
func NewBrowser(transport http.RoundTripper, username, password string) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	follow := func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &Browser{Username: username, Password: password, Decision: "allow",
		client: &http.Client{Transport: transport, Jar: jar, CheckRedirect: follow, Timeout: 30 * time.Second}}, nil
}

// Visit is where following a link has led.
type Visit struct {
	// Callback is the address at another site that the browser was sent to in the
	// end; nil if it stayed at a page.
	Callback *url.URL
	// Status is that of the last answer.
	Status int
	// Pages are the pages that were shown, in their order.
	Pages []string
}

// Code returns the authorization code that the browser came back with, or says
// what came instead.
func (v *Visit) Code() (string, error) {
	if v.Callback == nil {
		return "", fmt.Errorf("the browser was not sent back: %s", v.last())
	}
	if code := v.Callback.Query().Get("code"); code != "" {
		return code, nil
	}
	return "", fmt.Errorf("the browser was sent back without a code: %s", v.Callback)
}

// Refused checks that the browser was sent back with an error code and without
// an authorization code.
func (v *Visit) Refused(code string) error {
	if v.Callback == nil {
		return fmt.Errorf("the browser was not sent back: %s", v.last())
	}
	if q := v.Callback.Query(); q.Get("error") != code || q.Has("code") {
		return fmt.Errorf("want error=%s: %s", code, v.Callback)
	}
	return nil
}

// Shown checks that the browser was sent nowhere, and that the last page has the
// status and says the error code.
func (v *Visit) Shown(status int, code string) error {
	if v.Callback != nil || v.Status != status || !strings.Contains(v.last(), code) {
		return fmt.Errorf("want a page with %d %s: %d %v %s", status, code, v.Status, v.Callback, v.last())
	}
	return nil
}

func (v *Visit) last() string {
	if len(v.Pages) == 0 {
		return fmt.Sprintf("no page, status %d", v.Status)
	}
	return v.Pages[len(v.Pages)-1]
}

// Visit follows a link and fills in the forms on the way, until it is sent to
// another site or to a page that has no form it knows.
func (b *Browser) Visit(ctx context.Context, link string) (*Visit, error) {
	visit := new(Visit)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	for range maxPages {
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "text/html")
		at, form, err := b.load(req, visit)
		if err != nil {
			return nil, err
		}
		switch {
		case visit.Callback != nil || form == nil || visit.Status != http.StatusOK:
			return visit, nil
		case form.Has("username"):
			form.Set("username", b.Username)
			form.Set("password", b.Password)
		default:
			form.Set("decision", b.Decision)
		}
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return nil, errors.New("the pages do not come to an end")
}

// load makes one request, and returns where it ended and the form found there.
func (b *Browser) load(req *http.Request, visit *Visit) (at string, form url.Values, err error) {
	resp, err := b.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	visit.Status = resp.StatusCode
	if to, err := resp.Location(); err == nil {
		visit.Callback = to
		return "", nil, nil
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", nil, err
	}
	visit.Pages = append(visit.Pages, string(page))
	form, err = readForm(string(page))
	return resp.Request.URL.String(), form, err
}

// readForm collects the inputs of the first form of a login or consent page,
// with their values; nil on any other page.
func readForm(page string) (url.Values, error) {
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, err
	}
	for n := range document.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		form := url.Values{}
		for input := range n.Descendants() {
			if name := attribute(input, "name"); input.Data == "input" && name != "" {
				form.Set(name, attribute(input, "value"))
			}
		}
		if form.Has("username") || form.Has("consent") {
			return form, nil
		}
		return nil, nil
	}
	return nil, nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
