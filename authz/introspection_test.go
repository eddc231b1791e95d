package authz_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/token"
)

// transport is a server's side of HTTP.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func introspecting(t *testing.T, c *http.Client) *authz.Introspection {
	t.Helper()
	i, err := authz.NewIntrospection(authz.IntrospectionConfig{URL: "https://as.example/introspect", ClientID: "rs", ClientSecret: "s", Environment: "live", Client: c})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// A server that takes the question and never answers holds nobody up for longer
// than the limit: that of the host's client, or ours where it has none.
func TestIntrospectionEndsWithItsLimit(t *testing.T) {
	for name, limit := range map[string]time.Duration{"of a client without": 2 * time.Second, "of the client": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					asked++
					<-r.Context().Done()
					return nil, r.Context().Err()
				})}
				if limit != 2*time.Second {
					c.Timeout = limit
				}
				i := introspecting(t, c)
				began := time.Now()
				impatient, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := i.Verify(impatient, "gwa_x"); authz.AsRefusal(err).Status != http.StatusServiceUnavailable || time.Since(began) != time.Second {
					t.Errorf("impatient: %v after %v", err, time.Since(began))
				}
				// Joins the question that is under way.
				if _, err := i.Verify(t.Context(), "gwa_x"); authz.AsRefusal(err).Status != http.StatusServiceUnavailable || time.Since(began) != limit {
					t.Errorf("patient: %v after %v, want %v", err, time.Since(began), limit)
				}
				if asked != 1 {
					t.Errorf("asked %d times, want once", asked)
				}
			})
		})
	}
}

// What cannot be an access token is refused here: the server would not read a
// question of that size, and that would look like an outage.
func TestIntrospectionAsksNothingOfWhatCannotBeAToken(t *testing.T) {
	t.Parallel()
	asked := 0
	i := introspecting(t, &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		asked++
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"active":false}`))}, nil
	})})
	for size, want := range map[int]int{token.MaxAccessSize: 1, token.MaxAccessSize + 1: 0} {
		asked = 0
		if _, err := i.Verify(t.Context(), strings.Repeat("a", size)); authz.AsRefusal(err).Status != http.StatusUnauthorized || asked != want {
			t.Errorf("%d bytes: %v, asked %d times, want %d", size, err, asked, want)
		}
	}
}

func TestZeroIntrospectionRefuses(t *testing.T) {
	t.Parallel()
	for _, i := range []*authz.Introspection{nil, {}} {
		if p, err := i.Verify(t.Context(), "gwa_x"); p != nil || err == nil {
			t.Errorf("%v %v", p, err)
		}
	}
}
