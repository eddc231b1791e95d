package admin_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/storage"
)

// snapshot is what no refused request may change: every client, every member and
// every administrative event.
func (w *world) snapshot() (clients []storage.Client, members []storage.Member, events int) {
	w.Helper()
	for _, o := range []string{"acme", "umbrella"} {
		c, err := w.store.ListClients(w.Context(), o, storage.Page{Limit: 1000})
		w.must(err)
		m, err := w.store.ListMembers(w.Context(), o, storage.Page{Limit: 1000})
		w.must(err)
		clients, members = append(clients, c...), append(members, m...)
	}
	for _, e := range w.events(storage.EventFilter{}) {
		if e.Outcome == "ok" && (strings.HasPrefix(e.Type, "key.") || strings.HasPrefix(e.Type, "member.")) {
			events++
		}
	}
	return clients, members, events
}

// wantUnchanged compares with an earlier snapshot; last uses are passed over.
func (w *world) wantUnchanged(clients []storage.Client, members []storage.Member, events int) {
	w.Helper()
	c, m, e := w.snapshot()
	if len(c) != len(clients) || len(m) != len(members) || e != events {
		w.Fatalf("%d clients, %d members, %d events; were %d, %d, %d", len(c), len(m), e, len(clients), len(members), events)
	}
	for i := range c {
		if c[i].ID != clients[i].ID || c[i].Version != clients[i].Version {
			w.Errorf("client %s was changed", clients[i].ID)
		}
	}
	for i := range m {
		if m[i].Subject != members[i].Subject || m[i].Version != members[i].Version {
			w.Errorf("member %s was changed", members[i].Subject)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		w.must(w.service.EnsureOrganization(w.Context(), "acme", ""))
		id := w.create("admin", `{"roles":["viewer"]}`)
		foreign := w.create("other", `{"roles":["viewer"]}`)
		key := "/v1/keys/" + id
		long := strings.Repeat("x", 300)
		tests := map[string]struct {
			as, method, path, body string
			status                 int
			code                   string
		}{
			// Nobody, and those who may not.
			"no token":                      {"", "GET", "/v1/keys", "", 401, "token_missing"},
			"no token, creating":            {"", "POST", "/v1/keys", `{}`, 401, "token_missing"},
			"operator lists":                {"operator", "GET", "/v1/keys", "", 403, "permission_denied"},
			"operator creates":              {"operator", "POST", "/v1/keys", `{"roles":["viewer"]}`, 403, "permission_denied"},
			"viewer creates":                {"viewer", "POST", "/v1/keys", `{}`, 403, "permission_denied"},
			"viewer shows":                  {"viewer", "GET", key, "", 403, "permission_denied"},
			"viewer shows itself":           {"viewer", "GET", "/v1/keys/viewer", "", 403, "permission_denied"},
			"viewer promotes itself":        {"viewer", "PATCH", "/v1/keys/viewer", `{"roles":["admin"]}`, 403, "permission_denied"},
			"viewer suspends":               {"viewer", "POST", key + "/suspend", "", 403, "permission_denied"},
			"transfer-only rotates":         {"transfer-only", "POST", key + "/rotate", "", 403, "permission_denied"},
			"terminal-manager revokes":      {"terminal-manager", "POST", key + "/revoke", "", 403, "permission_denied"},
			"operator ends tokens":          {"operator", "POST", key + "/end_tokens", "", 403, "permission_denied"},
			"operator and an unknown key":   {"operator", "GET", "/v1/keys/app_none", "", 403, "permission_denied"},
			"operator and a foreign key":    {"operator", "GET", "/v1/keys/" + foreign, "", 403, "permission_denied"},
			"viewer reads the trail":        {"viewer", "GET", "/v1/audit", "", 403, "permission_denied"},
			"manager reads the trail":       {"manager", "GET", "/v1/audit", "", 403, "permission_denied"},
			"operator lists members":        {"operator", "GET", "/v1/members", "", 403, "permission_denied"},
			"operator creates a member":     {"operator", "POST", "/v1/members", `{"subject":"eve","roles":["viewer"]}`, 403, "permission_denied"},
			"observer shows a member":       {"observer", "GET", "/v1/members/ada", "", 403, "permission_denied"},
			"resource server lists":         {"rs", "GET", "/v1/keys", "", 403, "permission_denied"},
			"foreign admin reads":           {"other", "GET", key, "", 404, "key_not_found"},
			"foreign admin patches":         {"other", "PATCH", key, `{"name":"x"}`, 404, "key_not_found"},
			"foreign admin promotes":        {"other", "PATCH", key, `{"roles":["admin"]}`, 404, "key_not_found"},
			"foreign admin suspends":        {"other", "POST", key + "/suspend", "", 404, "key_not_found"},
			"foreign admin resumes":         {"other", "POST", key + "/resume", "", 404, "key_not_found"},
			"foreign admin revokes":         {"other", "POST", key + "/revoke", "", 404, "key_not_found"},
			"foreign admin rotates":         {"other", "POST", key + "/rotate", `{"overlap":"1h"}`, 404, "key_not_found"},
			"foreign admin ends tokens":     {"other", "POST", key + "/end_tokens", "", 404, "key_not_found"},
			"foreign admin, no such role":   {"other", "PATCH", key, `{"roles":["nonsense"]}`, 404, "key_not_found"},
			"foreign admin, stale version":  {"other", "PATCH", key, `{"name":"x","if_version":99}`, 404, "key_not_found"},
			"foreign member":                {"other", "GET", "/v1/members/ada", "", 404, "member_not_found"},
			"foreign member suspended":      {"other", "POST", "/v1/members/ada/suspend", "", 404, "member_not_found"},
			"unknown key":                   {"admin", "GET", "/v1/keys/app_none", "", 404, "key_not_found"},
			"unknown key suspended":         {"admin", "POST", "/v1/keys/app_none/suspend", "", 404, "key_not_found"},
			"folded key id":                 {"admin", "GET", "/v1/keys/ADMIN", "", 404, "key_not_found"},
			"malformed key id":              {"admin", "GET", "/v1/keys/a%20b", "", 404, "key_not_found"},
			"key id with a slash":           {"admin", "GET", "/v1/keys/a%2Fb", "", 404, "key_not_found"},
			"key id with NUL":               {"admin", "GET", "/v1/keys/a%00b", "", 403, "permission_denied"},
			"key id with a star":            {"admin", "GET", "/v1/keys/*", "", 403, "permission_denied"},
			"long key id":                   {"admin", "GET", "/v1/keys/" + long, "", 404, "key_not_found"},
			"nobody":                        {"admin", "GET", "/v1/members/nobody", "", 404, "member_not_found"},
			"unknown action":                {"admin", "POST", key + "/explode", "", 404, ""},
			"wrong method":                  {"admin", "DELETE", key, "", 405, "method_not_allowed"},
			"wrong method on an action":     {"admin", "GET", key + "/suspend", "", 405, "method_not_allowed"},
			"wrong method on the list":      {"admin", "PUT", "/v1/keys", "{}", 405, "method_not_allowed"},
			"wrong method on the trail":     {"admin", "DELETE", "/v1/audit", "", 405, "method_not_allowed"},
			"resource server, by an admin":  {"admin", "POST", "/v1/keys/rs/rotate", "", 403, "exceeds_creator"},
			"resource server, patched":      {"admin", "PATCH", "/v1/keys/rs", `{"roles":["admin"]}`, 403, "exceeds_creator"},
			"resource server, suspended":    {"admin", "POST", "/v1/keys/rs/suspend", "", 403, "exceeds_creator"},
			"public client rotated":         {"admin", "POST", "/v1/keys/mobile/rotate", "", 409, "key_has_no_secret"},
			"last admin demotes itself":     {"other", "PATCH", "/v1/keys/other", `{"roles":["viewer"]}`, 409, "last_admin"},
			"last admin suspends itself":    {"other", "POST", "/v1/keys/other/suspend", "", 409, "last_admin"},
			"last admin revokes itself":     {"other", "POST", "/v1/keys/other/revoke", "", 409, "last_admin"},
			"last admin is to expire":       {"other", "PATCH", "/v1/keys/other", `{"expires_at":"2100-01-01T00:00:00Z"}`, 409, "last_admin"},
			"last admin bounds itself":      {"other", "PATCH", "/v1/keys/other", `{"boundary":["account:read"]}`, 409, "last_admin"},
			"stale version":                 {"admin", "PATCH", key, `{"name":"x","if_version":99}`, 409, "version_conflict"},
			"stale version, suspend":        {"admin", "POST", key + "/suspend", `{"if_version":2}`, 409, "version_conflict"},
			"stale version, rotate":         {"admin", "POST", key + "/rotate", `{"if_version":2}`, 409, "version_conflict"},
			"exceeding role":                {"manager", "POST", "/v1/keys", `{"roles":["operator"]}`, 403, "exceeds_creator"},
			"exceeding role beside one":     {"manager", "POST", "/v1/keys", `{"roles":["terminal-manager","transfer-only"]}`, 403, "exceeds_creator"},
			"exceeding default":             {"manager", "POST", "/v1/keys", `{"name":"x"}`, 403, "exceeds_creator"},
			"exceeding member":              {"manager", "POST", "/v1/members", `{"subject":"eve","roles":["admin"]}`, 403, "exceeds_creator"},
			"promoting beyond oneself":      {"observer", "PATCH", key, `{"roles":["viewer","operator"]}`, 403, "exceeds_creator"},
			"promoting oneself":             {"manager", "PATCH", "/v1/keys/manager", `{"roles":["admin"]}`, 403, "exceeds_creator"},
			"demoting a greater one":        {"manager", "PATCH", "/v1/keys/admin", `{"roles":["viewer"]}`, 403, "exceeds_creator"},
			"renaming a greater one":        {"manager", "PATCH", "/v1/keys/admin", `{"name":"x"}`, 403, "exceeds_creator"},
			"rotating a greater one":        {"manager", "POST", "/v1/keys/admin/rotate", "", 403, "exceeds_creator"},
			"ending tokens of a greater":    {"manager", "POST", "/v1/keys/admin/end_tokens", "", 403, "exceeds_creator"},
			"unknown role":                  {"admin", "POST", "/v1/keys", `{"roles":["root"]}`, 400, "role_unknown"},
			"unknown role beside one":       {"admin", "POST", "/v1/keys", `{"roles":["viewer","root"]}`, 400, "role_unknown"},
			"folded role":                   {"admin", "POST", "/v1/keys", `{"roles":["Admin"]}`, 400, "role_unknown"},
			"prefixed role":                 {"admin", "POST", "/v1/keys", `{"roles":["role:admin"]}`, 400, "role_unknown"},
			"star role":                     {"admin", "POST", "/v1/keys", `{"roles":["*"]}`, 400, "role_unknown"},
			"patched to an unknown role":    {"admin", "PATCH", key, `{"roles":["root"]}`, 400, "role_unknown"},
			"member with an unknown role":   {"admin", "POST", "/v1/members", `{"subject":"eve","roles":["root"]}`, 400, "role_unknown"},
			"unknown role, lesser manager":  {"manager", "POST", "/v1/keys", `{"roles":["root"]}`, 400, "role_unknown"},
			"no roles":                      {"admin", "POST", "/v1/keys", `{"roles":[]}`, 400, "invalid_value"},
			"patched to no roles":           {"admin", "PATCH", key, `{"roles":[]}`, 400, "invalid_value"},
			"roles null":                    {"admin", "POST", "/v1/keys", `{"roles":null}`, 400, "member_type"},
			"role twice":                    {"admin", "POST", "/v1/keys", `{"roles":["viewer","viewer"]}`, 400, "invalid_value"},
			"empty role":                    {"admin", "POST", "/v1/keys", `{"roles":[""]}`, 400, "invalid_value"},
			"33 roles":                      {"admin", "POST", "/v1/keys", `{"roles":["` + strings.Repeat(`x","`, 32) + `y"]}`, 400, "invalid_value"},
			"member without roles":          {"admin", "POST", "/v1/members", `{"subject":"eve"}`, 400, "invalid_value"},
			"member without a subject":      {"admin", "POST", "/v1/members", `{"roles":["viewer"]}`, 400, "invalid_value"},
			"member with a star":            {"admin", "POST", "/v1/members", `{"subject":"*","roles":["viewer"]}`, 400, "invalid_value"},
			"member twice":                  {"admin", "POST", "/v1/members", `{"subject":"ada","roles":["viewer"]}`, 409, "member_exists"},
			"name too long":                 {"admin", "POST", "/v1/keys", `{"name":"` + long + `"}`, 400, "invalid_value"},
			"name with a line break":        {"admin", "POST", "/v1/keys", `{"name":"a\nb"}`, 400, "invalid_value"},
			"name that turns around":        {"admin", "POST", "/v1/keys", `{"name":"a\u202eb"}`, 400, "invalid_value"},
			"name of a space":               {"admin", "PATCH", key, `{"name":" "}`, 400, "invalid_value"},
			"name null":                     {"admin", "PATCH", key, `{"name":null}`, 400, "member_type"},
			"name is a number":              {"admin", "POST", "/v1/keys", `{"name":7}`, 400, "member_type"},
			"name is half a pair":           {"admin", "POST", "/v1/keys", `{"name":"\ud800"}`, 400, "member_type"},
			"roles is a string":             {"admin", "POST", "/v1/keys", `{"roles":"viewer"}`, 400, "member_type"},
			"roles of numbers":              {"admin", "POST", "/v1/keys", `{"roles":[1]}`, 400, "member_type"},
			"expired before it is born":     {"admin", "POST", "/v1/keys", `{"expires_at":"2001-01-01T00:00:00Z"}`, 400, "invalid_value"},
			"expiry without a zone":         {"admin", "POST", "/v1/keys", `{"expires_at":"2100-01-01T00:00:00"}`, 400, "invalid_value"},
			"expiry is a number":            {"admin", "POST", "/v1/keys", `{"expires_at":4102444800}`, 400, "member_type"},
			"expiry at the zero time":       {"admin", "PATCH", key, `{"expires_at":"0001-01-01T00:00:00Z"}`, 400, "invalid_value"},
			"expiry is empty":               {"admin", "PATCH", key, `{"expires_at":""}`, 400, "invalid_value"},
			"empty boundary":                {"admin", "POST", "/v1/keys", `{"boundary":[]}`, 400, "invalid_value"},
			"malformed boundary":            {"admin", "POST", "/v1/keys", `{"boundary":["transaction"]}`, 400, "invalid_value"},
			"boundary with a star inside":   {"admin", "POST", "/v1/keys", `{"boundary":["trans*:read"]}`, 400, "invalid_value"},
			"scope that keys may not have":  {"admin", "POST", "/v1/keys", `{"scopes":["transfer:initiate"]}`, 400, "invalid_value"},
			"chosen client id":              {"admin", "POST", "/v1/keys", `{"client_id":"mine"}`, 400, "unknown_member"},
			"chosen secret":                 {"admin", "POST", "/v1/keys", `{"client_secret":"x"}`, 400, "unknown_member"},
			"chosen organization":           {"admin", "POST", "/v1/keys", `{"organization":"umbrella"}`, 400, "unknown_member"},
			"patched status":                {"admin", "PATCH", key, `{"status":"active"}`, 400, "unknown_member"},
			"unknown member":                {"admin", "POST", "/v1/keys", `{"colour":"red"}`, 400, "unknown_member"},
			"folded member":                 {"admin", "POST", "/v1/keys", `{"Roles":["viewer"]}`, 400, "unknown_member"},
			"folded member beside the real": {"admin", "POST", "/v1/keys", `{"roles":["viewer"],"ROLES":["admin"]}`, 400, "unknown_member"},
			"duplicate member":              {"admin", "POST", "/v1/keys", `{"roles":["viewer"],"roles":["admin"]}`, 400, "duplicate_member"},
			"duplicate by an escape":        {"admin", "PATCH", key, `{"name":"a","n\u0061me":"b"}`, 400, "duplicate_member"},
			"trailing data":                 {"admin", "POST", "/v1/keys", `{"roles":["viewer"]} {}`, 400, "trailing_data"},
			"two objects":                   {"admin", "POST", key + "/suspend", `{}{}`, 400, "trailing_data"},
			"array":                         {"admin", "POST", "/v1/keys", `[]`, 400, "json_malformed"},
			"half an object":                {"admin", "POST", "/v1/keys", `{"name":`, 400, "json_malformed"},
			"not utf-8":                     {"admin", "POST", "/v1/keys", "{\"name\":\"\xff\"}", 400, "not_utf8"},
			"no body":                       {"admin", "POST", "/v1/keys", "", 400, "body_empty"},
			"no patch":                      {"admin", "PATCH", key, "", 400, "body_empty"},
			"64 KiB and one":                {"admin", "POST", "/v1/keys", `{"name":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "body_too_large"},
			"10 MiB":                        {"admin", "POST", key + "/rotate", `{"overlap":"` + strings.Repeat("x", 10<<20) + `"}`, 413, "body_too_large"},
			"overlap of a number":           {"admin", "POST", key + "/rotate", `{"overlap":3600}`, 400, "member_type"},
			"overlap without a unit":        {"admin", "POST", key + "/rotate", `{"overlap":"3600"}`, 400, "invalid_value"},
			"negative overlap":              {"admin", "POST", key + "/rotate", `{"overlap":"-1h"}`, 400, "invalid_value"},
			"overlap too long":              {"admin", "POST", key + "/rotate", `{"overlap":"169h"}`, 400, "invalid_value"},
			"overlap beyond counting":       {"admin", "POST", key + "/rotate", `{"overlap":"99999999h"}`, 400, "invalid_value"},
			"overlap null":                  {"admin", "POST", key + "/rotate", `{"overlap":null}`, 400, "member_type"},
			"overlap on suspend":            {"admin", "POST", key + "/suspend", `{"overlap":"1h"}`, 400, "unknown_member"},
			"end_tokens is a word":          {"admin", "POST", key + "/resume", `{"end_tokens":"true"}`, 400, "member_type"},
			"if_version 0":                  {"admin", "PATCH", key, `{"name":"x","if_version":0}`, 400, "invalid_value"},
			"if_version negative":           {"admin", "PATCH", key, `{"name":"x","if_version":-1}`, 400, "member_type"},
			"if_version a string":           {"admin", "PATCH", key, `{"name":"x","if_version":"1"}`, 400, "member_type"},
			"token in the query":            {"admin", "GET", "/v1/keys?access_token=x", "", 400, "unknown_parameter"},
			"query on an action":            {"admin", "POST", key + "/suspend?force=1", "", 400, "unknown_parameter"},
			"parameter twice":               {"admin", "GET", "/v1/keys?limit=1&limit=2", "", 400, "duplicate_parameter"},
			"malformed query":               {"admin", "GET", "/v1/keys?limit=%zz", "", 400, "malformed_parameters"},
			"semicolon query":               {"admin", "GET", "/v1/keys?limit=1;after=x", "", 400, "malformed_parameters"},
			"limit 0":                       {"admin", "GET", "/v1/keys?limit=0", "", 400, "invalid_value"},
			"limit too large":               {"admin", "GET", "/v1/members?limit=501", "", 400, "invalid_value"},
			"limit empty":                   {"admin", "GET", "/v1/audit?limit=", "", 400, "invalid_value"},
			"malformed cursor":              {"admin", "GET", "/v1/keys?after=a%00b", "", 400, "invalid_value"},
			"malformed member cursor":       {"admin", "GET", "/v1/members?after=a%00b", "", 400, "invalid_value"},
			"malformed event cursor":        {"admin", "GET", "/v1/audit?after=x", "", 400, "invalid_value"},
			"malformed time":                {"admin", "GET", "/v1/audit?from=yesterday", "", 400, "invalid_value"},
			"malformed event type":          {"admin", "GET", "/v1/audit?type=%00", "", 400, "invalid_value"},
		}
		w.want(w.as("admin", "POST", "/v1/members", `{"subject":"ada","roles":["viewer"]}`), 201, "")
		bearers := map[string]string{"": ""}
		for _, test := range tests {
			if _, there := bearers[test.as]; !there {
				bearers[test.as] = w.bearer(test.as)
			}
		}
		_, codes := description(w)
		clients, members, events := w.snapshot()
		for name, test := range tests {
			if test.code != "" && !slices.Contains(codes, test.code) {
				w.Errorf("%s: the code %q is not described", name, test.code)
			}
			a := w.call(bearers[test.as], test.method, test.path, test.body)
			if a.status != test.status {
				w.Errorf("%s: status %d, want %d: %s", name, a.status, test.status, a.body)
			} else if test.code != "" {
				if code := a.str(w, "code"); code != test.code {
					w.Errorf("%s: code %q, want %q", name, code, test.code)
				}
			}
			if strings.Contains(a.body, "gws_") || strings.Contains(a.body, "app_none") {
				w.Errorf("%s: the answer repeats what it should not: %s", name, a.body)
			}
		}
		w.wantUnchanged(clients, members, events)
	})
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		bearer := w.bearer("admin")
		send := func(header http.Header) answer {
			req, err := http.NewRequestWithContext(w.Context(), "POST", w.web.URL+"/v1/keys", strings.NewReader(`{"roles":["viewer"]}`))
			w.must(err)
			req.Header = header
			req.Header.Set("Authorization", "Bearer "+bearer)
			return w.do(req)
		}
		for _, header := range []http.Header{
			{},
			{"Content-Type": {"text/plain"}},
			{"Content-Type": {"application/x-www-form-urlencoded"}},
			{"Content-Type": {"application/json; charset=utf-16"}},
			{"Content-Type": {"application/json", "application/json"}},
			{"Content-Type": {"application/json;"}, "Content-Encoding": {"gzip"}},
			{"Content-Type": {"json"}},
			{"Content-Type": {"application/json; ;"}},
		} {
			w.want(send(header), 415, "content_type")
		}
		w.want(send(http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Content-Encoding": {"identity"}}), 201, "")
	})
}

// TestBodyWithoutALength: the limit holds for a body that does not say how long
// it is, and the largest one that is allowed is read.
func TestBodyWithoutALength(t *testing.T) {
	t.Parallel()
	w := newWorld(t, openSQLite(t))
	bearer := w.bearer("admin")
	send := func(size int) answer {
		body := `{"roles":["viewer"]` + strings.Repeat(" ", size-len(`{"roles":["viewer"]}`)) + `}`
		req, err := http.NewRequestWithContext(t.Context(), "POST", w.web.URL+"/v1/keys", io.MultiReader(strings.NewReader(body)))
		w.must(err)
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		return w.do(req)
	}
	w.want(send(64<<10), 201, "")
	w.want(send(64<<10+1), 413, "body_too_large")
}

// TestAnotherOrganizationIsNotThere: whatever is asked about a key of another
// organization, the answer is the one for a key that does not exist.
func TestAnotherOrganizationIsNotThere(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		bearer := w.bearer("other")
		for _, test := range []struct{ method, path, body string }{
			{"GET", "", ""}, {"PATCH", "", `{"name":"x"}`}, {"POST", "/suspend", ""}, {"POST", "/resume", ""}, {"POST", "/revoke", ""},
			{"POST", "/rotate", ""}, {"POST", "/end_tokens", ""}, {"PATCH", "", `{"roles":["nonsense"]}`}, {"POST", "/rotate", `{"overlap":"9999h"}`},
		} {
			foreign := w.call(bearer, test.method, "/v1/keys/admin"+test.path, test.body)
			unknown := w.call(bearer, test.method, "/v1/keys/nimda"+test.path, test.body)
			if foreign.status != 404 || foreign.body != unknown.body {
				w.Errorf("%s %s: %d %s, an unknown one: %s", test.method, test.path, foreign.status, foreign.body, unknown.body)
			}
		}
		a := w.call(bearer, "GET", "/v1/keys?after=a", "")
		w.want(a, 200, "")
		if keys, _ := a.json(w)["keys"].([]any); len(keys) != 1 {
			w.Errorf("umbrella sees %d keys: %s", len(keys), a.body)
		}
		a = w.call(bearer, "GET", "/v1/audit", "")
		w.want(a, 200, "")
		if strings.Contains(a.body, "viewer") || !strings.Contains(a.body, "key:other") {
			w.Errorf("umbrella's trail: %s", a.body)
		}
	})
}
