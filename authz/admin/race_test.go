package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
)

// TestTwoAdminsDemoteEachOther: whatever they do to each other at the same time,
// one of them remains.
func TestTwoAdminsDemoteEachOther(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		ways := []struct{ method, path, body string }{
			{"PATCH", "", `{"roles":["viewer"]}`}, {"POST", "/suspend", ""}, {"POST", "/revoke", ""}, {"PATCH", "", `{"expires_at":"2100-01-01T00:00:00Z"}`},
		}
		for round := range 12 {
			organization := "duel" + strconv.Itoa(round)
			w.must(w.service.EnsureOrganization(w.Context(), organization, ""))
			ids, bearers := [2]string{organization + "-a", organization + "-b"}, [2]string{}
			for i, id := range ids {
				w.ensure(storage.Client{ID: id, Organization: organization, Roles: []string{"admin"}})
				bearers[i] = w.bearer(id)
			}
			way := ways[round%len(ways)]
			var answers [2]answer
			var wait sync.WaitGroup
			for i := range ids {
				wait.Go(func() { answers[i] = w.call(bearers[i], way.method, "/v1/keys/"+ids[1-i]+way.path, way.body) })
			}
			wait.Wait()
			won := 0
			for _, a := range answers {
				switch a.status {
				case 200:
					won++
				case 409: // the last one
				case 401, 403: // demoted already
				default:
					w.Errorf("round %d: %d %s", round, a.status, a.body)
				}
			}
			standing := 0
			for _, id := range ids {
				if c := w.client(id); c.Status == storage.Active && c.Roles[0] == "admin" && c.ExpiresAt.IsZero() {
					standing++
				}
			}
			if won != 1 || standing != 1 {
				w.Errorf("round %d (%s %s): %d won, %d admins stand: %v", round, way.method, way.path, won, standing, answers)
			}
		}
	})
}

// TestConcurrentChanges: without a version every change lands; with one, exactly
// one of those who name it.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		id := w.keyWith("viewer")
		const n = 6
		var wait sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wait.Go(func() {
				_, errs[i] = w.service.EndKeyTokens(w.Context(), host, id, admin.Options{})
			})
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			w.Errorf("without a version: %v", err)
		}
		c := w.client(id)
		if c.Epoch != n || c.Version != n+1 {
			w.Errorf("epoch %d, version %d after %d changes", c.Epoch, c.Version, n)
		}
		for i := range n {
			wait.Go(func() {
				_, errs[i] = w.service.PatchKey(w.Context(), host, id, admin.KeyPatch{Name: new(fmt.Sprint("name ", i)), IfVersion: c.Version})
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, admin.ErrConflict) {
				w.Errorf("with a version: %v", err)
			}
		}
		if won != 1 || w.client(id).Version != c.Version+1 {
			w.Errorf("%d of %d who named one version won", won, n)
		}
	})
}

// TestRotationsAtOnce: every secret that was handed out with an overlap works.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		id := w.create("admin", `{"roles":["viewer"]}`)
		bearer := w.bearer("admin")
		answers := make([]answer, 4)
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() { answers[i] = w.call(bearer, "POST", "/v1/keys/"+id+"/rotate", `{"overlap":"1h"}`) })
		}
		wait.Wait()
		for _, a := range answers {
			w.want(a, 200, "")
			if got := w.tokenWith(id, a.str(w, "client_secret")); got.status != 200 {
				w.Errorf("a secret that was handed out does not work: %s", got.body)
			}
		}
	})
}

// TestRevocationWins: a key that is revoked while others resume and rotate it is
// revoked at the end, and its tokens stay dead.
func TestRevocationWins(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(w *world) {
		for range 5 {
			id := w.create("admin", `{"roles":["viewer"]}`)
			live, bearer := w.bearer(id), w.bearer("admin")
			var wait sync.WaitGroup
			for _, path := range []string{"suspend", "resume", "revoke", "rotate", "resume"} {
				wait.Go(func() {
					a := w.call(bearer, "POST", "/v1/keys/"+id+"/"+path, "")
					if a.status != 200 && a.status != 409 || path == "revoke" && a.status != 200 {
						w.Errorf("%s: %d %s", path, a.status, a.body)
					}
				})
			}
			wait.Wait()
			if c := w.client(id); c.Status != storage.Revoked {
				w.Errorf("the key is %v", c.Status)
			}
			w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		}
	})
}

// TestSuspensionUnderLoad: no request that starts after the suspension was
// answered gets through.
func TestSuspensionUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, openSQLite(t))
	id := w.create("admin", `{"roles":["viewer"]}`)
	live, bearer := w.bearer(id), w.bearer("admin")
	for range 10 {
		stop := make(chan struct{})
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						w.call(live, "GET", "/v1/transactions", "")
					}
				}
			})
		}
		w.want(w.call(bearer, "POST", "/v1/keys/"+id+"/suspend", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 401, "invalid_token")
		w.want(w.call(bearer, "POST", "/v1/keys/"+id+"/resume", ""), 200, "")
		w.want(w.call(live, "GET", "/v1/transactions", ""), 200, "")
		close(stop)
		wait.Wait()
	}
}

// TestOtherInstancesFollow: what one instance was told, another over the same
// store obeys within a second.
func TestOtherInstancesFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, openSQLite(t))
	in, err := authz.Open(t.Context(), authz.Config{Issuer: w.web.URL, Store: w.store, Keys: []keyring.Root{w.root}, Policy: newPolicy(t), Profile: authz.Merchant()})
	w.must(err)
	t.Cleanup(func() {
		if err := in.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	there := in.Verifier()
	id := w.create("admin", `{"roles":["viewer"]}`)
	live := w.bearer(id)
	follows := func(alive bool, path string) {
		t.Helper()
		w.want(w.as("admin", "POST", "/v1/keys/"+id+path, ""), 200, "")
		for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if _, err := there.Verify(t.Context(), live); (err == nil) == alive {
				return
			} else if time.Since(start) > time.Second {
				t.Fatalf("%s: the other instance still says %v after a second", path, err)
			}
		}
	}
	if _, err := there.Verify(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	follows(false, "/suspend")
	follows(true, "/resume")
	follows(false, "/end_tokens")
	live = w.bearer(id)
	follows(false, "/revoke")
}

// TestMountsBesideTheHost: the routes get on with whatever the host has.
func TestMountsBesideTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, openSQLite(t))
	mux := http.NewServeMux()
	hello := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	for _, pattern := range []string{"/", "GET /", "GET /v1/", "OPTIONS /v1/keys", "GET /v1/{anything}", "POST /v1/keys/{client_id}/approve"} {
		mux.Handle(pattern, hello)
	}
	guard := w.server.Guard()
	w.service.Mount(mux, "/v1/keys", guard)
	w.service.MountMembers(mux, "/v1/keys-of/people", guard)
	w.service.MountTrail(mux, "/v1/trail", guard)
	for name, mount := range map[string]func(){
		"no guard":       func() { w.service.Mount(http.NewServeMux(), "/v1/keys", nil) },
		"no mux":         func() { w.service.Mount(nil, "/v1/keys", guard) },
		"no slash":       func() { w.service.Mount(http.NewServeMux(), "v1/keys", guard) },
		"slash at end":   func() { w.service.Mount(http.NewServeMux(), "/v1/keys/", guard) },
		"empty prefix":   func() { w.service.Mount(http.NewServeMux(), "", guard) },
		"wildcard":       func() { w.service.MountMembers(http.NewServeMux(), "/{x}", guard) },
		"trail, no mux":  func() { w.service.MountTrail(nil, "/v1/audit", guard) },
		"mounted twice":  func() { w.service.Mount(mux, "/v1/keys", guard) },
		"handler, guard": func() { w.service.Handler("/v1/keys", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			mount()
		}()
	}
	served := httptest.NewRecorder()
	w.service.Handler("/v1/keys", guard).ServeHTTP(served, httptest.NewRequest("GET", "/v1/keys", nil))
	if served.Code != 401 {
		t.Errorf("the handler answers %d without a token", served.Code)
	}
	for path, want := range map[string]int{"/v1/keys": 401, "/v1/keys/x": 401, "/v1/other": 418, "/": 418} {
		served := httptest.NewRecorder()
		mux.ServeHTTP(served, httptest.NewRequest("GET", path, nil))
		if served.Code != want {
			t.Errorf("GET %s: %d, want %d", path, served.Code, want)
		}
	}
}
