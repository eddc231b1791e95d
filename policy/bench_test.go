package policy

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// manyRules makes n rules: ten roles with a hundred permissions once for every
// organization, and keys that hold them in organizations of a hundred keys each,
// one in ten with a rule of its own.
func manyRules(n int) Rules {
	var rows [][]string
	for i := range min(n/2, 100) {
		rows = append(rows, []string{"p", fmt.Sprintf("role:r%d", i%10), "*", fmt.Sprintf("kind%d:*", i/10), "read", "allow"})
	}
	for i := 0; len(rows) < n; i++ {
		org, key := fmt.Sprintf("org-%d", i/100), fmt.Sprintf("key:%08d", i)
		if i%10 == 9 {
			rows = append(rows, []string{"p", key, org, fmt.Sprintf("account:%d", i), "read", []string{"allow", "deny"}[i/10%2]})
			continue
		}
		rows = append(rows, []string{"g", key, fmt.Sprintf("role:r%d", i%10), org})
	}
	return RulesOf(rows...)
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000, 100_000} {
		e, err := New(Config{Model: DefaultModel(), Rules: manyRules(n)})
		if err != nil {
			b.Fatal(err)
		}
		q := Question{Organization: "org-0", Subject: "key:00000003", Object: "kind0:42", Action: "read"}
		held := Question{Organization: "org-0", Subject: "key:new", Roles: []string{"r0"}, Object: "kind0:42", Action: "read"}
		b.Run(fmt.Sprintf("rules=%d/serial", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := e.Decide(context.Background(), q); !d.Allowed {
					b.Fatal(d)
				}
			}
		})
		b.Run(fmt.Sprintf("rules=%d/held", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := e.Decide(context.Background(), held); !d.Allowed {
					b.Fatal(d)
				}
			}
		})
		b.Run(fmt.Sprintf("rules=%d/parallel", n), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if d, _ := e.Decide(context.Background(), q); !d.Allowed {
						b.Error(d)
					}
				}
			})
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		rules := manyRules(n)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compile(DefaultModel().def, rules, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReplaceOrganization(b *testing.B) {
	rules := manyRules(100_000)
	s, err := compile(DefaultModel().def, rules, nil)
	if err != nil {
		b.Fatal(err)
	}
	own := partition(s.def, rules.rows)["org-7"]
	b.ReportAllocs()
	for b.Loop() {
		if err := validateRules(s.def, Rules{rows: own}).errors(); err != nil {
			b.Fatal(err)
		}
		set, err := compileSet(s.def, s.common, "org-7", own, 2)
		if err != nil {
			b.Fatal(err)
		}
		s = s.withSet(set)
	}
}

// TestSizeAndSpeedAtScale holds the bounds that documentation states, with room
// for a busy machine in those on time.
func TestSizeAndSpeedAtScale(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles 100,000 rules")
	}
	const n = 100_000
	rules := manyRules(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	s, err := compile(DefaultModel().def, rules, nil)
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("compiled in %v, %.0f bytes a rule", took, size)
	if size > 200 {
		t.Errorf("%.0f bytes a rule", size)
	}
	if took > 5*time.Second {
		t.Errorf("compiling took %v", took)
	}
	e := &Engine{now: time.Now}
	e.current.Store(s)
	q := Question{Organization: "org-7", Subject: "key:00000703", Roles: []string{"r1"}, Object: "kind0:42", Action: "read"}
	if allocs := testing.AllocsPerRun(1000, func() { e.Decide(context.Background(), q) }); allocs != 0 {
		t.Errorf("%v allocations a decision", allocs)
	}
	runtime.KeepAlive(rules)
}

// TestDecisionsAreServedThroughoutAReload: while 100,000 rules are compiled anew,
// decisions go on and take no longer than scheduling makes them.
func TestDecisionsAreServedThroughoutAReload(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles 100,000 rules")
	}
	rules := manyRules(100_000)
	e, err := New(Config{Model: DefaultModel(), Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	reloaded := make(chan time.Duration)
	go func() {
		start := time.Now()
		if err := e.Replace(rules); err != nil {
			t.Error(err)
		}
		reloaded <- time.Since(start)
	}()
	q := Question{Organization: "org-7", Subject: "key:00000703", Roles: []string{"r0"}, Object: "kind0:42", Action: "read"}
	served, slowest := 0, time.Duration(0)
	for {
		select {
		case took := <-reloaded:
			t.Logf("reloaded in %v; %d decisions meanwhile, the slowest %v", took, served, slowest)
			if served < 1000 {
				t.Errorf("only %d decisions were served", served)
			}
			return
		default:
		}
		start := time.Now()
		d, err := e.Decide(t.Context(), q)
		slowest = max(slowest, time.Since(start))
		if err != nil || !d.Allowed {
			t.Fatalf("%+v %v", d, err)
		}
		served++
	}
}
