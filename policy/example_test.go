package policy_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"github.com/gatewright/gatewright/policy"
)

// starter is an engine with the built-in roles, and a till that only tellers of
// acme open.
func starter() *policy.Engine {
	engine, err := policy.New(policy.Config{
		Model: policy.DefaultModel(),
		Rules: policy.DefaultRules().With(
			[]string{"p", "role:teller", "acme", "till:*", "open", "allow"},
			[]string{"p", "role:teller", "acme", "till:9", "open", "deny"},
		),
	})
	if err != nil {
		panic(err)
	}
	return engine
}

func ExampleEngine_Decide() {
	engine := starter()
	for _, till := range []string{"till:1", "till:9", "till"} {
		d, err := engine.Decide(context.Background(), policy.Question{
			Organization: "acme", Subject: "user:ann", Roles: []string{"teller"}, Object: till, Action: "open",
		})
		fmt.Println(till, d.Allowed, d.Reason, err)
	}
	// Output:
	// till:1 true allowed <nil>
	// till:9 false explicit_deny <nil>
	// till true allowed <nil>
}

func ExampleEngine_Explain() {
	x, err := starter().Explain(context.Background(), policy.Question{
		Organization: "acme", Subject: "user:ann", Roles: []string{"viewer"}, Object: "till:1", Action: "open",
	})
	fmt.Println(x.Decision.Reason, err)
	for _, hint := range x.Nearest {
		fmt.Println(hint)
	}
	// Output:
	// no_matching_rule <nil>
	// would be allowed with role "admin"
	// would be allowed with role "teller"
}

// A manager with the role operator makes keys: what they give must be theirs.
func ExampleEngine_CanGrant() {
	engine := starter()
	manager := policy.Holder{Organization: "acme", Subject: "user:mia", Roles: []string{"operator"}}
	for _, role := range []string{"viewer", "admin"} {
		missing, err := engine.CanGrant(context.Background(), manager, []string{role}, nil)
		fmt.Printf("%s: missing %q %v\n", role, missing, err)
	}
	// An admin key that is capped to reading accounts is within their rights.
	missing, err := engine.CanGrant(context.Background(), manager, []string{"admin"}, []string{"account:read"})
	fmt.Printf("capped admin: missing %q %v\n", missing, err)
	// Output:
	// viewer: missing "" <nil>
	// admin: missing "*:*" <nil>
	// capped admin: missing "" <nil>
}

func ExampleEngine_WhoCan() {
	holders, err := starter().WhoCan(context.Background(), policy.Question{Organization: "acme", Object: "till:1", Action: "open"})
	fmt.Println(holders.Roles, holders.Subjects, err)
	// Output: [admin teller] [] <nil>
}

func ExampleLint() {
	rules, err := policy.ParseRules("policy.csv", "p, role:teller, acme, till:9, open, Deny\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range policy.Lint("model.conf", policy.DefaultModel().Text(), rules) {
		fmt.Println(finding)
	}
	// Output:
	// policy.csv:1:37: error: "Deny" is no effect; Casbin would let such a rule never apply (bad-effect); write allow or deny
}

// Files that authors edit, with the built-in roles before them. Watch puts
// changes in force while the program runs.
func ExampleEngine_Watch() {
	files := policy.DefaultFiles(fstest.MapFS{ // os.DirFS("policy") in a program
		"model.conf": {Data: []byte(policy.DefaultModel().Text())},
		"policy.csv": {Data: []byte("p, role:teller, acme, till:*, open, allow\n")},
	})
	files.Base = policy.DefaultRules()
	model, rules, err := files.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := policy.New(policy.Config{Model: model, Rules: rules})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	err = engine.Watch(ctx, files, policy.WatchConfig{OnError: func(err error) { fmt.Println("refused:", err) }})
	fmt.Println(err)
	// Output: context deadline exceeded
}

func ExampleNewDecisionLog() {
	log, err := policy.NewDecisionLog(os.Stdout, policy.LogConfig{MaskKey: []byte("sixteen bytes or more")})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := policy.New(policy.Config{
		Model: policy.DefaultModel(), Rules: policy.DefaultRules(), Log: log,
		Now: func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := engine.Decide(context.Background(), policy.Question{
		Organization: "acme", Subject: "user:ann", Roles: []string{"viewer"}, Object: "account:42", Action: "read",
	}); err != nil {
		fmt.Println(err)
	}
	if err := log.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: {"time":"2026-03-04T12:00:00Z","organization":"acme","subject":"user:DAUiHohtBbQcGqyn","roles":["viewer"],"object":"account:kTIrTljoGdxY9hKS","action":"read","allowed":true,"reason":"allowed","revision":1,"masked":true}
}

func ExampleEngine_Replay() {
	recorded := `{"time":"2026-03-04T12:00:00Z","organization":"acme","subject":"user:ann","roles":["teller"],"object":"till:9","action":"open","allowed":true,"reason":"allowed","revision":1}`
	impact, err := starter().Replay(context.Background(), strings.NewReader(recorded))
	fmt.Println(impact.Replayed, impact.Changes, impact.Changed[0].Now.Reason, err)
	// Output: 1 1 explicit_deny <nil>
}

func ExampleFormatRules() {
	text, err := policy.FormatRules("policy.csv", "p,role:teller,acme,till:*,open,allow\np,role:cleaner,acme,floor,sweep,allow\n")
	fmt.Print(text, err, "\n")
	// Output:
	// p, role:teller,  acme, till:*, open,  allow
	// p, role:cleaner, acme, floor,  sweep, allow
	// <nil>
}

// A key never does more than the one who created it may do now.
func ExampleConfig_creator() {
	members := map[string][]string{"user:ann": {"admin"}} // a host's records
	engine, err := policy.New(policy.Config{
		Model: policy.DefaultModel(),
		Rules: policy.DefaultRules(),
		Creator: func(_ context.Context, _, subject string) (policy.Holder, bool, error) {
			return policy.Holder{Subject: "user:ann", Roles: members["user:ann"]}, subject == "key:1", nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	question := policy.Question{Organization: "acme", Subject: "key:1", Roles: []string{"operator"}, Object: "transfer", Action: "initiate"}
	before, _ := engine.Decide(context.Background(), question)
	members["user:ann"] = []string{"viewer"} // Ann loses a right, and her key with her
	after, _ := engine.Decide(context.Background(), question)
	fmt.Println(before.Reason, after.Reason)
	// Output: allowed boundary
}
