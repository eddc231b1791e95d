package storagetest

import (
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Each contest has many goroutines want the same thing at once; what may happen
// once happens once, every time.
var races = []test{
	{"RedeemOneCode", raceRedeem},
	{"RedeemOneInteraction", raceRedeemWithoutGrant},
	{"RedeemAndDrop", raceRedeemAndDrop},
	{"RotateOneToken", func(k *kit) { raceRotate(k, false, 0) }},
	{"RotateOneTokenWithGrace", func(k *kit) { raceRotate(k, false, hour) }},
	{"RotateOneVirtualGrant", func(k *kit) { raceRotate(k, true, 0) }},
	{"RotateOneVirtualGrantWithGrace", func(k *kit) { raceRotate(k, true, hour) }},
	{"RotateAndEnd", func(k *kit) { raceRotateAndEnd(k, false) }},
	{"RotateAndEndVirtual", func(k *kit) { raceRotateAndEnd(k, true) }},
	{"ClaimOneKey", raceClaim},
}

// contest runs fn in n goroutines that start together, spread over the
// instances, and returns what they returned. fn must not end the test.
func contest[T any](k *kit, n int, fn func(i int, s storage.Store) T) []T {
	k.Helper()
	stores := k.instances()
	answers := make([]T, n)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-start
			answers[i] = fn(i, stores[i%len(stores)])
		})
	}
	close(start)
	done.Wait()
	return answers
}

// rounds repeats a contest.
func (k *kit) rounds(fn func()) {
	k.Helper()
	for range k.Rounds {
		fn()
	}
}

// onlyOne requires that one error is nil and all others are the sentinel, and
// returns the index of the one.
func (k *kit) onlyOne(errs []error, sentinel error) int {
	k.Helper()
	winner, winners := -1, 0
	for i, err := range errs {
		if err == nil {
			winner = i
			winners++
			continue
		}
		k.is(err, sentinel)
	}
	if winners != 1 {
		k.Fatalf("%d of %d callers won, want 1", winners, len(errs))
	}
	return winner
}

// answer is that of a command with an outcome.
type answer struct {
	outcome storage.Outcome
	grant   storage.Grant
	err     error
}

// count requires that no caller failed, and counts the outcomes.
func (k *kit) count(answers []answer) map[storage.Outcome]int {
	k.Helper()
	counts := make(map[storage.Outcome]int)
	for _, a := range answers {
		k.must(a.err)
		counts[a.outcome]++
	}
	return counts
}

func raceRedeem(k *kit) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		a := k.code(c)
		attempts := make([]storage.Redemption, k.Contenders)
		for i := range attempts {
			attempts[i] = k.redemption(a)
		}
		answers := contest(k, len(attempts), func(i int, s storage.Store) answer {
			redeemed, err := s.Redeem(k.ctx, attempts[i])
			return answer{outcome: redeemed.Outcome, grant: storage.Grant{ID: redeemed.Grant}, err: err}
		})
		counts := k.count(answers)
		if counts[storage.Done] != 1 || counts[storage.Reused] != len(answers)-1 {
			k.Fatalf("got %v, want one done and all others reused", counts)
		}
		for i, a := range answers {
			if a.outcome != storage.Done {
				k.noGrant(attempts[i].Grant.ID)
				continue
			}
			g, err := k.store.Grant(k.ctx, attempts[i].Grant.ID)
			k.must(err)
			if g.EndedAt.IsZero() {
				k.Errorf("the grant of a code that was used twice is live")
			}
			k.equal("grant of the winner", g.ID, a.grant.ID)
		}
		for _, a := range answers {
			k.equal("grant that all are told", answers[0].grant.ID, a.grant.ID)
		}
	})
}

func raceRedeemWithoutGrant(k *kit) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		r := k.redemption(k.code(c, func(a *storage.Artifact) { a.Kind = storage.Interaction }))
		r.Grant = nil
		counts := k.count(contest(k, k.Contenders, func(_ int, s storage.Store) answer {
			redeemed, err := s.Redeem(k.ctx, r)
			return answer{outcome: redeemed.Outcome, err: err}
		}))
		if counts[storage.Done] != 1 || counts[storage.Reused] != k.Contenders-1 {
			k.Fatalf("got %v, want one done and all others reused", counts)
		}
	})
}

func raceRotate(k *kit, virtual bool, grace time.Duration) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		var g storage.Grant
		if virtual {
			g = k.virtual(c)
		} else {
			g = k.grant(c)
		}
		attempts := make([]storage.Rotation, k.Contenders)
		for i := range attempts {
			attempts[i] = k.rotation(g)
			attempts[i].Grace = grace
			if virtual {
				attempts[i].Virtual = &g
			}
		}
		answers := contest(k, len(attempts), func(i int, s storage.Store) answer {
			r, err := s.Rotate(k.ctx, attempts[i])
			return answer{r.Outcome, r.Grant, err}
		})
		counts := k.count(answers)
		graced := 0
		if grace > 0 {
			graced = 1
		}
		if counts[storage.Done] != 1 || counts[storage.Graced] != graced || counts[storage.Reused] < 1 ||
			counts[storage.Done]+counts[storage.Graced]+counts[storage.Reused]+counts[storage.Unknown] != len(answers) {
			k.Fatalf("got %v, want one done, %d graced, one or more reused and all others unknown", counts, graced)
		}
		for i, a := range answers {
			switch a.outcome {
			case storage.Done:
				k.equal("generation", g.Generation+1, a.grant.Generation)
			case storage.Graced:
				k.equal("generation", g.Generation+2, a.grant.Generation)
			default:
				continue
			}
			k.equal("secret", attempts[i].Next, a.grant.Refresh)
			r := k.rotation(a.grant)
			k.rotate(r, storage.Unknown)
		}
		row, err := k.store.Grant(k.ctx, g.ID)
		k.must(err)
		if row.EndedAt.IsZero() || !k.grantChange(g.ID).Ended {
			k.Errorf("the grant of a token that was used twice is live")
		}
	})
}

func raceRotateAndEnd(k *kit, virtual bool) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		var g storage.Grant
		r, e := storage.Rotation{}, storage.End{}
		if virtual {
			g = k.virtual(c)
			r, e = k.rotation(g), k.end(g)
			r.Virtual, e.Virtual = &g, &g
		} else {
			g = k.grant(c)
			r, e = k.rotation(g), k.end(g)
		}
		answers := contest(k, k.Contenders, func(i int, s storage.Store) answer {
			if i == 0 {
				rotated, err := s.Rotate(k.ctx, r)
				return answer{rotated.Outcome, rotated.Grant, err}
			}
			_, err := s.EndGrant(k.ctx, e)
			return answer{err: err}
		})
		counts := k.count(answers)
		if counts[storage.Done]+counts[storage.Unknown] != 1 {
			k.Fatalf("got %v, want the rotation done or unknown", counts)
		}
		row, err := k.store.Grant(k.ctx, g.ID)
		k.must(err)
		change := k.grantChange(g.ID)
		if row.EndedAt.IsZero() || !change.Ended {
			k.Errorf("a grant that was ended is live")
		}
		if answers[0].outcome == storage.Done {
			k.equal("generation", g.Generation+1, change.MinGeneration)
			k.rotate(k.next(g, r, time.Second), storage.Unknown)
		}
	})
}

func raceClaim(k *kit) {
	k.rounds(func() {
		key, over := k.key(), k.key()
		k.must(k.store.Claim(k.ctx, k.tag, over, time.Now().Add(-time.Second)))
		for _, key := range [][]byte{key, over} {
			k.onlyOne(contest(k, k.Contenders, func(_ int, s storage.Store) error {
				return s.Claim(k.ctx, k.tag, key, time.Now().Add(hour))
			}), storage.ErrSeen)
		}
	})
}
