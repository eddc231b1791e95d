package policybench

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/gatewright/gatewright/policy"
)

// contender is one engine made ready with rules. ask must allow the request.
type contender struct {
	name string
	// most is the largest number of rules it is run with; beyond it one
	// decision takes so long that nothing is learned.
	most int
	make func(b *testing.B, rows [][]string) (ask func(ctx context.Context) bool)
}

var contenders = []contender{
	{"gatewright", 100_000, gatewright},
	{"casbin", 100_000, casbinPlain},
	{"casbin-cached", 100_000, casbinCached},
	{"casbin-per-org", 100_000, func(b *testing.B, rows [][]string) func(context.Context) bool {
		return casbinPlain(b, rowsOf(rows, request.org))
	}},
	{"cedar-per-org", 100_000, cedarPerOrg},
	{"opa-prepared", 100_000, opaPrepared},
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000, 100_000} {
		rows := workload(n)
		for _, c := range contenders {
			if n > c.most {
				continue
			}
			ask := c.make(b, rows)
			if !ask(context.Background()) {
				b.Fatalf("%s denies", c.name)
			}
			b.Run(fmt.Sprintf("rules=%d/%s/serial", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				ctx := context.Background()
				for b.Loop() {
					if !ask(ctx) {
						b.Fatal("denied")
					}
				}
			})
			b.Run(fmt.Sprintf("rules=%d/%s/parallel", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(p *testing.PB) {
					ctx := context.Background()
					for p.Next() {
						if !ask(ctx) {
							b.Error("denied")
						}
					}
				})
			})
		}
	}
}

func gatewright(b *testing.B, rows [][]string) func(context.Context) bool {
	e, err := policy.New(policy.Config{Model: policy.DefaultModel(), Rules: policy.RulesOf(rows...)})
	if err != nil {
		b.Fatal(err)
	}
	q := policy.Question{Organization: request.org, Subject: request.sub, Object: request.obj, Action: request.act}
	return func(ctx context.Context) bool {
		d, err := e.Decide(ctx, q)
		return d.Allowed && err == nil
	}
}

// segMatch is the function of the default model, for Casbin.
func segMatch(args ...any) (any, error) {
	value, pattern := args[0].(string), args[1].(string)
	if pattern == "*" || value == pattern {
		return true, nil
	}
	base, ok := strings.CutSuffix(pattern, ":*")
	return ok && (value == base || strings.HasPrefix(value, base+":")), nil
}

func loaded(b *testing.B, rows [][]string) model.Model {
	m, err := model.NewModelFromString(policy.DefaultModel().Text())
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range rows {
		if err := persist.LoadPolicyArray(r, m); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

func everyOrganization(_, pattern string) bool { return pattern == "*" }

func casbinPlain(b *testing.B, rows [][]string) func(context.Context) bool {
	e, err := casbin.NewEnforcer(loaded(b, rows))
	if err != nil {
		b.Fatal(err)
	}
	e.AddFunction("segMatch", segMatch)
	e.AddNamedDomainMatchingFunc("g", "every", everyOrganization)
	if err := e.BuildRoleLinks(); err != nil {
		b.Fatal(err)
	}
	return func(context.Context) bool {
		ok, err := e.Enforce(request.sub, request.org, request.obj, request.act)
		return ok && err == nil
	}
}

func casbinCached(b *testing.B, rows [][]string) func(context.Context) bool {
	e, err := casbin.NewCachedEnforcer(loaded(b, rows))
	if err != nil {
		b.Fatal(err)
	}
	e.AddFunction("segMatch", segMatch)
	e.AddNamedDomainMatchingFunc("g", "every", everyOrganization)
	if err := e.BuildRoleLinks(); err != nil {
		b.Fatal(err)
	}
	return func(context.Context) bool {
		ok, err := e.Enforce(request.sub, request.org, request.obj, request.act)
		return ok && err == nil
	}
}

func cedarPerOrg(b *testing.B, rows [][]string) func(context.Context) bool {
	set := cedar.NewPolicySet()
	entities := cedar.EntityMap{}
	parents := map[cedar.EntityUID][]cedar.EntityUID{}
	for i, r := range rowsOf(rows, request.org) {
		if r[0] == "g" {
			member := cedar.NewEntityUID("Principal", cedar.String(r[1]))
			parents[member] = append(parents[member], cedar.NewEntityUID("Principal", cedar.String(r[2])))
			continue
		}
		effect := map[string]string{"allow": "permit", "deny": "forbid"}[r[5]]
		resource := fmt.Sprintf("resource == Object::%q", r[3])
		if base, tree := strings.CutSuffix(r[3], ":*"); tree {
			resource = fmt.Sprintf("resource in Object::%q", base)
		}
		var p cedar.Policy
		if err := p.UnmarshalCedar([]byte(fmt.Sprintf("%s (principal in Principal::%q, action == Action::%q, %s);", effect, r[1], r[4], resource))); err != nil {
			b.Fatal(err)
		}
		set.Add(cedar.PolicyID(fmt.Sprint(i)), &p)
	}
	object := cedar.NewEntityUID("Object", cedar.String(request.obj))
	parents[object] = []cedar.EntityUID{cedar.NewEntityUID("Object", cedar.String(kind(request.obj)))}
	for uid, list := range parents {
		entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(list...)}
	}
	req := cedar.Request{
		Principal: cedar.NewEntityUID("Principal", cedar.String(request.sub)),
		Action:    cedar.NewEntityUID("Action", cedar.String(request.act)),
		Resource:  object,
	}
	return func(context.Context) bool {
		d, _ := cedar.Authorize(set, entities, req)
		return d == cedar.Allow
	}
}

const regoModule = `package authz

default allow := false

allow if {
	granted
	not denied
}

granted if {
	some role in data.members[input.org][input.sub]
	data.rules.allow["*"][role][input.kind][input.act]
}

granted if data.rules.allow[input.org][input.sub][input.obj][input.act]

denied if {
	some role in data.members[input.org][input.sub]
	data.rules.deny["*"][role][input.kind][input.act]
}

denied if data.rules.deny[input.org][input.sub][input.obj][input.act]
`

func opaPrepared(b *testing.B, rows [][]string) func(context.Context) bool {
	members, rules := map[string]any{}, map[string]any{"allow": map[string]any{}, "deny": map[string]any{}}
	within := func(m map[string]any, keys ...string) map[string]any {
		for _, k := range keys {
			next, ok := m[k].(map[string]any)
			if !ok {
				next = map[string]any{}
				m[k] = next
			}
			m = next
		}
		return m
	}
	for _, r := range rows {
		if r[0] == "g" {
			org := within(members, r[3])
			list, _ := org[r[1]].([]any)
			org[r[1]] = append(list, r[2])
			continue
		}
		within(rules, r[5], r[2], r[1], strings.TrimSuffix(r[3], ":*"))[r[4]] = true
	}
	ctx := context.Background()
	prepared, err := rego.New(
		rego.Query("data.authz.allow"), rego.Module("authz.rego", regoModule),
		rego.Store(inmem.NewFromObject(map[string]any{"members": members, "rules": rules})),
	).PrepareForEval(ctx)
	if err != nil {
		b.Fatal(err)
	}
	input := rego.EvalInput(map[string]any{"org": request.org, "sub": request.sub, "obj": request.obj, "kind": kind(request.obj), "act": request.act})
	return func(ctx context.Context) bool {
		results, err := prepared.Eval(ctx, input)
		return err == nil && results.Allowed()
	}
}
