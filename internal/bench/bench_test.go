package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a server under test, as the program itself is.
func TestMain(m *testing.M) {
	serveIfAsked()
	os.Exit(m.Run())
}

// TestScenarios runs every cell for a moment; each operation checks its answers.
func TestScenarios(t *testing.T) {
	t.Parallel()
	o := options{duration: 20 * time.Millisecond, rounds: 1, concurrency: []int{2}, databases: []string{sqlite}, postgres: os.Getenv("GATEWRIGHT_TEST_POSTGRES")}
	if o.postgres != "" {
		o.databases = append(o.databases, postgres)
	}
	cells, err := plan(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		t.Run(c.String(), func(t *testing.T) {
			// A busy machine may not get to a single request in so short a time.
			o := o
			r, err := c.run(t.Context(), o)
			for range 5 {
				if err == nil && r.Requests > 0 {
					break
				}
				o.duration *= 4
				r, err = c.run(t.Context(), o)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Requests < 1 || r.PerSecond <= 0 || r.P50 <= 0 || r.P99 < r.P50 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestWrongAnswers: a server that answers wrongly, however fast, is no result.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	const good = `{"access_token":"a","token_type":"bearer","expires_in":60}`
	for _, test := range []struct {
		name, scenario string
		status         int
		body           string
	}{
		{"Refused", "client_credentials", 401, `{"error":"invalid_client"}`},
		{"NoJSON", "client_credentials", 200, `<html>`},
		{"NoToken", "client_credentials", 200, `{"token_type":"bearer","expires_in":60}`},
		{"NoType", "client_credentials", 200, `{"access_token":"a","expires_in":60}`},
		{"Expired", "client_credentials", 200, `{"access_token":"a","token_type":"bearer"}`},
		{"SameToken", "client_credentials", 200, good},
		{"NoRefreshToken", "client_credentials+refresh", 200, good},
		{"NotRotated", "refresh", 200, `{"access_token":"a","token_type":"bearer","expires_in":60,"refresh_token":"r"}`},
		{"NoIntrospection", "introspection", 200, good},
		{"NoAccounts", "guarded request", 200, good},
		{"NotRevoked", "revoke", 200, `{"active":true,"access_token":"a","token_type":"bearer","expires_in":60}`},
		{"Unavailable", "revoke", 503, `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == usagePath {
					_ = json.NewEncoder(w).Encode(usage{})
					return
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			s, err := scenarioNamed(test.scenario)
			if err != nil {
				t.Fatal(err)
			}
			p := &process{offer: offer{Address: server.Listener.Addr().String(), Client: key{"client", "secret"}}}
			if r, err := (cell{Scenario: test.scenario, Concurrency: 1}).measure(t.Context(), p, s, "", 10*time.Millisecond); err == nil {
				t.Errorf("this was taken as a result: %+v", r)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	own, peer := cell{"revoke", 16, gatewright, postgres}, cell{"revoke", 16, fositeGORM, postgres}
	var results []result
	for round, perSecond := range []float64{100, 900, 330} {
		results = append(results, result{cell: peer, Round: round, PerSecond: 100}, result{cell: own, Round: round, PerSecond: perSecond})
	}
	c := report(results, []string{"careful"})
	if len(c.Ratios) != 1 {
		t.Fatalf("%+v", c.Ratios)
	}
	if r := c.Ratios[0]; r.Ratio != 3.3 || r.Lowest != 1 || r.Highest != 9 || r.Aim != 2 {
		t.Errorf("%+v", r)
	}
	var out bytes.Buffer
	if err := c.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"careful", "2.0 reached", "3.30"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	list := make([]time.Duration, 100)
	for i := range list {
		list[i] = time.Duration(i + 1)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := quantile(list, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got := quantile(list[:1], 0.99); got != 1 {
		t.Errorf("of one: %v", got)
	}
}

func TestInterleave(t *testing.T) {
	t.Parallel()
	cells := []cell{{"a", 1, "x", ""}, {"a", 1, "y", ""}, {"b", 1, "x", ""}, {"b", 1, "y", ""}}
	if got := interleave(cells, 2); got[0].Server != "x" || got[2].Server != "x" {
		t.Errorf("%v", got)
	}
	if got := interleave(cells, 1); got[0] != cells[1] || got[1] != cells[0] || got[2] != cells[3] {
		t.Errorf("%v", got)
	}
}

func TestParse(t *testing.T) {
	t.Setenv("GATEWRIGHT_TEST_POSTGRES", "")
	for _, args := range []string{"-c=0 -databases=sqlite", "-c=x -databases=sqlite", "-databases=oracle", "-databases=postgres", "-for=0s -databases=sqlite", "-rounds=0 -databases=sqlite", "-databases=sqlite surplus"} {
		if o, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%s: %+v", args, o)
		}
	}
	o, err := parse([]string{"-c", "1,8", "-databases", "sqlite", "-only", "refresh,guarded request c=8 go"})
	if err != nil {
		t.Fatal(err)
	}
	cells, err := plan(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		if c.Scenario != "refresh" && c != (cell{"guarded request", 8, goOAuth2, memory}) {
			t.Errorf("selected: %s", c)
		}
	}
	if len(cells) != 7 {
		t.Errorf("%d cells are selected, not 7", len(cells))
	}
	o.only = "nothing"
	if _, err := plan(o); err == nil {
		t.Error("a run of nothing was planned")
	}
}
