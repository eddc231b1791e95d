package policy

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var logQuestion = Question{
	Organization: "acme", Subject: "key:secret-id", Roles: []string{"viewer"}, Boundary: []string{"account:1234999:read"},
	Object: "account:1234999", Action: "read",
	Attributes: map[string]any{
		AttributeClient: netip.MustParseAddr("203.0.113.77"), AttributeEnvironment: "production", AttributeTime: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC),
		"amount": "12.50", "holder": "Ann Example", "odd": struct{ X int }{1}, "nan": math.NaN(),
	},
}

func logged(t *testing.T, c LogConfig, questions ...Question) string {
	t.Helper()
	var out bytes.Buffer
	l, err := NewDecisionLog(&out, c)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules(), Log: l, Now: fixedNow})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		if _, err := e.Decide(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDecisionLogMasks(t *testing.T) {
	t.Parallel()
	text := logged(t, LogConfig{MaskKey: []byte("0123456789abcdef")}, logQuestion, logQuestion)
	for _, secret := range []string{"secret-id", "1234999", "203.0.113.77", "Ann", "Example"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log: %s", secret, text)
		}
	}
	for _, kept := range []string{`"organization":"acme"`, `"viewer"`, `"203.0.113.0"`, `"production"`, `"12.50"`, `"2026-03-04T09:00:00Z"`, `"subject":"key:`, `"object":"account:`, `"masked":true`} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is not in the log: %s", kept, text)
		}
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 || lines[0] != lines[1] {
		t.Errorf("equal questions give other lines: %q", lines)
	}
	other := logged(t, LogConfig{MaskKey: []byte("fedcba9876543210")}, logQuestion)
	if strings.TrimSpace(other) == lines[0] {
		t.Error("another key gives the same line")
	}
}

func TestDecisionLogSamplesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	denied := logQuestion
	denied.Action = "delete"
	var questions []Question
	for range 20 {
		questions = append(questions, logQuestion)
	}
	questions = append(questions, denied, denied, denied)
	text := logged(t, LogConfig{Every: 5, InsecureUnmasked: true}, questions...)
	if n := strings.Count(text, `"allowed":true`); n != 4 {
		t.Errorf("%d allowed decisions are kept, want 4", n)
	}
	if n := strings.Count(text, `"allowed":false`); n != 3 {
		t.Errorf("%d denials are kept, want all 3", n)
	}
}

func TestDecisionLogRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]LogConfig{
		"no key": {}, "a short key": {MaskKey: []byte("short")}, "negative": {InsecureUnmasked: true, Every: -1}, "negative buffer": {InsecureUnmasked: true, Buffer: -1},
	} {
		if _, err := NewDecisionLog(new(bytes.Buffer), c); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}

// stuck is a writer that does not answer until it is let go.
type stuck struct{ let chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	<-s.let
	return 0, errors.New("the disk is full")
}

// TestDecisionLogNeverHoldsUpADecision: with a writer that hangs and then fails,
// decisions go on, and what is lost is counted.
func TestDecisionLogNeverHoldsUpADecision(t *testing.T) {
	t.Parallel()
	w := stuck{make(chan struct{})}
	l, err := NewDecisionLog(w, LogConfig{InsecureUnmasked: true, Buffer: 2})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules(), Log: l})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if d, err := e.Decide(t.Context(), logQuestion); !d.Allowed || err != nil {
			t.Fatalf("%+v %v", d, err)
		}
	}
	if l.Lost() == 0 {
		t.Error("nothing is counted as lost")
	}
	close(w.let)
	if err := l.Close(); err == nil {
		t.Error("the writer's error is not told")
	}
	if d, err := e.Decide(t.Context(), logQuestion); !d.Allowed || err != nil {
		t.Errorf("after Close: %+v %v", d, err)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	other := logQuestion
	other.Boundary, other.Object = []string{}, "account"
	text := logged(t, LogConfig{InsecureUnmasked: true}, logQuestion, logQuestion, other)
	same, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	impact, err := same.Replay(t.Context(), strings.NewReader(text))
	if err != nil || impact.Replayed != 3 || impact.Changes != 0 {
		t.Errorf("the same policy: %+v %v", impact, err)
	}
	stricter, err := New(Config{Model: DefaultModel(), Rules: DefaultRules().With([]string{"p", "role:viewer", "acme", "account:1234999", "*", "deny"})})
	if err != nil {
		t.Fatal(err)
	}
	impact, err = stricter.Replay(t.Context(), strings.NewReader(text))
	if err != nil || impact.Changes != 2 || len(impact.Changed) != 1 || impact.Changed[0].Count != 2 || impact.Changed[0].Now.Reason != ReasonExplicitDeny {
		t.Errorf("a stricter policy: %+v %v", impact, err)
	}
	for name, bad := range map[string]string{
		"no JSON": "hello\n", "another log": `{"level":"info","msg":"x"}` + "\n", "two in a line": strings.TrimSpace(strings.Split(text, "\n")[0]) + "{}\n", "an array": "[]\n",
	} {
		if _, err := same.Replay(t.Context(), strings.NewReader(bad)); err == nil {
			t.Errorf("%s: is replayed", name)
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add([]byte(`{"time":"2026-03-04T12:00:00Z","organization":"acme","subject":"key:1","object":"a","action":"b","allowed":true,"reason":"allowed","revision":1,"attributes":{"time":"x","amount":1e999}}`))
	f.Add([]byte("\n\n{}\n"))
	e, err := Default()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e.Replay(t.Context(), bytes.NewReader(data))
	})
}
