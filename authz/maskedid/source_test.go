package maskedid

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const (
	testID   = "1234999999567"
	testMask = "1234xxxxxx567"
)

func mustSources(t testing.TB, first Source, more ...Source) *Sources {
	t.Helper()
	s, err := NewSources(first, more...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPath goes through the standard mux, as requests do.
func TestPath(t *testing.T) {
	t.Parallel()
	control, err := New(func(*http.Request) (string, error) { return testID, nil }, mustSources(t, Path("account_id")))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	reached := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := FromContext(r.Context())
		fmt.Fprint(w, id, ok)
	})
	mux.Handle("GET /accounts/{account_id}/transactions", control.Handler(reached))
	mux.Handle("GET /rest/{account_id...}", control.Handler(reached))
	mux.Handle("GET /other/{customer_id}", control.Handler(reached))

	get := func(h http.Handler, target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", target, nil))
		return w
	}
	if w := get(mux, "/accounts/"+testMask+"/transactions?page=1"); w.Code != 200 || w.Body.String() != testID+"true" {
		t.Fatalf("own mask: %d %s", w.Code, w.Body)
	}
	for _, target := range []string{
		"/accounts/" + testID + "/transactions",
		"/accounts/1234xxxxxx568/transactions",
		"/accounts/1234xxxxx567/transactions",
		"/accounts/1234XXXXXX567/transactions",
		"/accounts/1234%78xxxxx567/transactions",        // an escaped x
		"/accounts/%31234xxxxxx567/transactions",        // an escaped digit
		"/accounts/1234xxxxxx567%2F/transactions",       // a slash
		"/accounts/%2e%2e/transactions",                 // ..
		"/accounts/1234xxxxxx567;v=1/transactions",      // a parameter
		"/accounts/1234xxxxxx567%3Bv=1/transactions",    // an escaped one
		"/accounts/1234xxxxxx567%00/transactions",       // NUL
		"/accounts/1234xxxxxx567%20/transactions",       // space
		"/accounts/1234xxxxxx567%E2%80%8B/transactions", // zero-width space
		"/accounts/1234xxxxxx567%252F/transactions",     // a twice escaped slash
		"/rest/1234xxxxxx567/1234xxxxxx567",             // two segments
		"/rest/",                                        // none
		"/other/1234xxxxxx567",                          // another wildcard
		"/accounts/1234xxxxxx567/transactions%2Fx",      // no such route, or refused
		"/accounts/" + strings.Repeat("x", 9000) + "/transactions",
	} {
		if w := get(mux, target); w.Code == 200 {
			t.Errorf("%s reached the handler: %s", target, w.Body)
		} else if w.Code != 403 && w.Code != 404 && w.Code != 301 && w.Code != 307 {
			t.Errorf("%s: status %d", target, w.Code)
		} else if strings.Contains(w.Body.String(), testID) {
			t.Errorf("%s: the answer tells the id: %s", target, w.Body)
		}
	}
	// In front of the mux there is no wildcard yet.
	if w := get(control.Handler(mux), "/accounts/"+testMask+"/transactions"); w.Code != 403 {
		t.Errorf("in front of the mux: %d", w.Code)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	sources := mustSources(t, Query("account_id"))
	for _, tt := range []struct {
		name, query string
		want        error
	}{
		{"alone", "account_id=1234xxxxxx567", nil},
		{"among others", "page=2&account_id=1234xxxxxx567&q=a%20b+c&flag&", nil},

		{"missing", "", ErrMissing},
		{"other name", "account=1234xxxxxx567", ErrMissing},
		{"other case", "Account_Id=1234xxxxxx567", ErrMissing},
		{"array spelling", "account_id[]=1234xxxxxx567", ErrMissing},
		{"empty", "account_id=", ErrMissing},
		{"no value", "account_id", ErrMissing},
		{"twice the same", "account_id=1234xxxxxx567&account_id=1234xxxxxx567", ErrMalformed},
		{"twice, other last", "account_id=1234xxxxxx567&account_id=1234999999567", ErrMalformed},
		{"second name escaped", "account_id=1234xxxxxx567&account%5Fid=1234999999567", ErrMalformed},
		{"only the escaped name", "account%5fid=1234xxxxxx567", ErrMalformed},
		{"escaped x", "account_id=1234%78xxxxx567", ErrMalformed},
		{"plus", "account_id=1234xxxxxx567+", ErrMalformed},
		{"escaped NUL", "account_id=1234xxxxxx567%00", ErrMalformed},
		{"semicolon", "account_id=1234xxxxxx567;account_id=1234999999567", ErrMalformed},
		{"semicolon elsewhere", "a=1;b=2&account_id=1234xxxxxx567", ErrMalformed},
		{"broken escape elsewhere", "a=%zz&account_id=1234xxxxxx567", ErrMalformed},
		{"broken escape in a name", "%=1&account_id=1234xxxxxx567", ErrMalformed},
		{"cut escape at the end", "account_id=1234xxxxxx567&a=%4", ErrMalformed},
		{"unmasked", "account_id=1234999999567", ErrUnmasked},
		{"second equals sign", "account_id==1234xxxxxx567", ErrMalformed},
		{"other mask", "account_id=1234xxxxxx568", ErrMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{URL: &url.URL{Path: "/", RawQuery: tt.query}}
			if err := sources.Check(r, testID); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	sources := mustSources(t, Header("x-account-id"))
	for _, tt := range []struct {
		name  string
		lines []string
		want  error
	}{
		{"one line", []string{testMask}, nil},
		{"none", nil, ErrMissing},
		{"empty", []string{""}, ErrMissing},
		{"twice", []string{testMask, testMask}, ErrMalformed},
		{"list", []string{testMask + ", " + testMask}, ErrMalformed},
		{"quoted", []string{`"` + testMask + `"`}, ErrMalformed},
		{"unmasked", []string{testID}, ErrUnmasked},
		{"other", []string{"1234xxxxxx568"}, ErrMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{URL: &url.URL{}, Header: http.Header{"X-Account-Id": tt.lines}}
			if tt.lines == nil {
				r.Header = nil
			}
			if err := sources.Check(r, testID); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func payload(text string) func(*http.Request) ([]byte, error) {
	return func(*http.Request) ([]byte, error) { return []byte(text), nil }
}

func TestBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		path       []string
		want       error
	}{
		{"member", `{"amount":1,"account_id":"1234xxxxxx567"}`, []string{"account_id"}, nil},
		{"member first", ` {"account_id":"1234xxxxxx567","list":[{"account_id":"1"}],"o":{"account_id":2}} `, []string{"account_id"}, nil},
		{"nested", `{"from":{"bank":"x","account_id":"1234xxxxxx567"},"to":{"account_id":"9"}}`, []string{"from", "account_id"}, nil},
		{"escaped characters are what they are", `{"account\u005fid":"1234\u0078xxxxx567"}`, []string{"account_id"}, nil},

		{"missing", `{}`, []string{"account_id"}, ErrMissing},
		{"missing nested", `{"from":{}}`, []string{"from", "account_id"}, ErrMissing},
		{"only deeper", `{"from":{"account_id":"1234xxxxxx567"}}`, []string{"account_id"}, ErrMissing},
		{"empty string", `{"account_id":""}`, []string{"account_id"}, ErrMissing},
		{"twice", `{"account_id":"1234xxxxxx567","account_id":"1234xxxxxx567"}`, []string{"account_id"}, ErrMalformed},
		{"twice, once in another case", `{"account_id":"1234xxxxxx567","Account_ID":"1234999999567"}`, []string{"account_id"}, ErrMalformed},
		{"twice, once escaped", `{"account_id":"1234xxxxxx567","account\u005fid":"1234999999567"}`, []string{"account_id"}, ErrMalformed},
		{"other case", `{"ACCOUNT_ID":"1234xxxxxx567"}`, []string{"account_id"}, ErrMalformed},
		{"folded letter", `{"to\u212aen":"1234xxxxxx567"}`, []string{"token"}, ErrMalformed},
		{"outer twice", `{"from":{"account_id":"1234xxxxxx567"},"from":{}}`, []string{"from", "account_id"}, ErrMalformed},
		{"outer is a list", `{"from":[{"account_id":"1234xxxxxx567"}]}`, []string{"from", "account_id"}, ErrMalformed},
		{"number", `{"account_id":1234999999567}`, []string{"account_id"}, ErrMalformed},
		{"null", `{"account_id":null}`, []string{"account_id"}, ErrMalformed},
		{"list", `{"account_id":["1234xxxxxx567"]}`, []string{"account_id"}, ErrMalformed},
		{"object", `{"account_id":{"account_id":"1234xxxxxx567"}}`, []string{"account_id"}, ErrMalformed},
		{"top-level list", `[{"account_id":"1234xxxxxx567"}]`, []string{"account_id"}, ErrMalformed},
		{"top-level string", `"1234xxxxxx567"`, []string{"account_id"}, ErrMalformed},
		{"nothing", ``, []string{"account_id"}, ErrMalformed},
		{"second document", `{"account_id":"1234xxxxxx567"}{"account_id":"1234999999567"}`, []string{"account_id"}, ErrMalformed},
		{"trailing text", `{"account_id":"1234xxxxxx567"}x`, []string{"account_id"}, ErrMalformed},
		{"trailing bracket", `{"account_id":"1234xxxxxx567"}]`, []string{"account_id"}, ErrMalformed},
		{"unfinished", `{"account_id":"1234xxxxxx567"`, []string{"account_id"}, ErrMalformed},
		{"trailing comma", `{"account_id":"1234xxxxxx567",}`, []string{"account_id"}, ErrMalformed},
		{"comment", `{"account_id":"1234xxxxxx567"/*x*/}`, []string{"account_id"}, ErrMalformed},
		{"broken sibling", `{"account_id":"1234xxxxxx567","a":tru}`, []string{"account_id"}, ErrMalformed},
		{"broken UTF-8", "{\"account_id\":\"1234xxx\xffxx567\"}", []string{"account_id"}, ErrMalformed},
		{"unmasked", `{"account_id":"1234999999567"}`, []string{"account_id"}, ErrUnmasked},
		{"other", `{"account_id":"1234xxxxxx568"}`, []string{"account_id"}, ErrMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sources := mustSources(t, Body(payload(tt.text), tt.path...))
			if err := sources.Check(&http.Request{URL: &url.URL{}}, testID); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
		})
	}
	unverified := errors.New("not verified")
	sources := mustSources(t, Body(func(*http.Request) ([]byte, error) { return []byte(`{"account_id":"1234xxxxxx567"}`), unverified }, "account_id"))
	if err := sources.Check(&http.Request{URL: &url.URL{}}, testID); !errors.Is(err, unverified) {
		t.Fatalf("an unverified body: %v", err)
	}
}

func TestSourcesAgree(t *testing.T) {
	t.Parallel()
	request := func(path, query, header string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/?"+query, nil)
		r.SetPathValue("account_id", path)
		if header != "" {
			r.Header.Set("X-Account-Id", header)
		}
		return r
	}
	body := func(mask string) Source { return Body(payload(`{"account_id":"`+mask+`"}`), "account_id") }
	const other = "1234xxxxxx568"
	for _, tt := range []struct {
		name                      string
		path, query, header, body string
		want                      error
	}{
		{"all", testMask, "account_id=" + testMask, testMask, testMask, nil},
		{"path missing", "", "account_id=" + testMask, testMask, testMask, ErrMissing},
		{"query missing", testMask, "", testMask, testMask, ErrMissing},
		{"header missing", testMask, "account_id=" + testMask, "", testMask, ErrMissing},
		{"body missing", testMask, "account_id=" + testMask, testMask, "", ErrMissing},
		{"path differs", other, "account_id=" + testMask, testMask, testMask, ErrDisagree},
		{"query differs", testMask, "account_id=" + other, testMask, testMask, ErrDisagree},
		{"header differs", testMask, "account_id=" + testMask, other, testMask, ErrDisagree},
		{"body differs", testMask, "account_id=" + testMask, testMask, other, ErrDisagree},
		{"body unmasked", testMask, "account_id=" + testMask, testMask, testID, ErrUnmasked},
		{"all of another", other, "account_id=" + other, other, other, ErrMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sources := mustSources(t, Path("account_id"), Query("account_id"), Header("X-Account-Id"), body(tt.body))
			r := request(tt.path, tt.query, tt.header)
			if err := sources.Check(r, testID); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			masked, err := sources.Extract(r)
			if (err == nil) != (tt.want == nil || tt.want == ErrMismatch) || (err == nil && masked == "") {
				t.Fatalf("Extract: %q, %v", masked, err)
			}
		})
	}
}

func TestNewSourcesRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sources []Source
		names   string
	}{
		"zero":           {[]Source{{}}, "source 0"},
		"path no name":   {[]Source{Path("")}, "path"},
		"query no name":  {[]Source{Query("")}, "query"},
		"header no name": {[]Source{Header("")}, "header"},
		"body no path":   {[]Source{Body(payload(""))}, "body"},
		"body empty":     {[]Source{Body(payload(""), "a", "")}, "path"},
		"body no func":   {[]Source{Body(nil, "a")}, "payload"},
		"declared twice": {[]Source{Path("a"), Path("a")}, "twice"},
		"second zero":    {[]Source{Path("a"), {}}, "source 1"},
	} {
		if s, err := NewSources(tt.sources[0], tt.sources[1:]...); err == nil || s != nil || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
	r := &http.Request{URL: &url.URL{}}
	for name, s := range map[string]*Sources{"nil": nil, "zero": {}} {
		if err := s.Check(r, testID); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("%s sources: %v", name, err)
		}
	}
}

func TestControlRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	sources := mustSources(t, Header("X-Account-Id"))
	for _, tt := range []struct {
		name   string
		id     func(*http.Request) (string, error)
		status int
	}{
		{"no id in the token", func(*http.Request) (string, error) { return "", nil }, http.StatusForbidden},
		{"other id", func(*http.Request) (string, error) { return "1234999999568", nil }, http.StatusForbidden},
		{"id fails", func(*http.Request) (string, error) { return testID, broken }, http.StatusInternalServerError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			control, err := New(tt.id, sources)
			if err != nil {
				t.Fatal(err)
			}
			called := false
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header.Set("X-Account-Id", testMask)
			control.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })).ServeHTTP(w, r)
			if w.Code != tt.status || called {
				t.Fatalf("status %d, called %v", w.Code, called)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for name, control := range map[string]*Control{"nil": nil, "zero": {}} {
		if _, err := control.Check(r); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("%s control: %v", name, err)
		}
	}
	if _, err := New(nil, sources); err == nil || !strings.Contains(err.Error(), "id") {
		t.Errorf("no id function: %v", err)
	}
	if _, err := New(func(*http.Request) (string, error) { return testID, nil }, nil); err == nil || !strings.Contains(err.Error(), "sources") {
		t.Errorf("no sources: %v", err)
	}
	if _, ok := FromContext(t.Context()); ok {
		t.Error("an id in an empty context")
	}
}

func BenchmarkSources(b *testing.B) {
	r := httptest.NewRequest("GET", "/accounts?page=2&account_id="+testMask, nil)
	r.SetPathValue("account_id", testMask)
	r.Header.Set("X-Account-Id", testMask)
	for _, bb := range []struct {
		name    string
		sources *Sources
	}{
		{"Path", mustSources(b, Path("account_id"))},
		{"Query", mustSources(b, Query("account_id"))},
		{"Header", mustSources(b, Header("X-Account-Id"))},
		{"Body", mustSources(b, Body(payload(`{"amount":{"currency":"AED","value":"12.50"},"account_id":"`+testMask+`"}`), "account_id"))},
		{"All", mustSources(b, Path("account_id"), Query("account_id"), Header("X-Account-Id"))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.sources.Check(r, testID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
