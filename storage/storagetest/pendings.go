package storagetest

import (
	"slices"

	"github.com/gatewright/gatewright/storage"
)

var pendings = []test{
	{"BySubject", func(k *kit) {
		ada := k.name("user")
		k.dropped(storage.Pending{Subject: ada}, func(a *storage.Artifact) { a.Subject = ada }, map[string]func(*storage.Artifact){
			"another's": func(a *storage.Artifact) { a.Subject = k.name("user") },
			"nobody's":  func(a *storage.Artifact) { a.Subject = "" },
			"a longer":  func(a *storage.Artifact) { a.Subject = ada + "1" },
			"a case":    func(a *storage.Artifact) { a.Subject = "U" + ada[1:] },
		})
	}},
	{"ByAccount", func(k *kit) {
		account := k.key()
		k.dropped(storage.Pending{Account: account}, func(a *storage.Artifact) { a.Account = account }, map[string]func(*storage.Artifact){
			"another":   func(a *storage.Artifact) { a.Account = k.key() },
			"none":      func(a *storage.Artifact) { a.Account = nil },
			"a part":    func(a *storage.Artifact) { a.Account = account[:31] },
			"and a bit": func(a *storage.Artifact) { a.Account = append(slices.Clone(account), 0) },
		})
	}},
	{"ByBoth", func(k *kit) {
		ada, account := k.name("user"), k.key()
		k.dropped(storage.Pending{Subject: ada, Account: account}, func(a *storage.Artifact) { a.Subject, a.Account = ada, account }, map[string]func(*storage.Artifact){
			"another's":       func(a *storage.Artifact) { a.Account = account },
			"another account": func(a *storage.Artifact) { a.Subject = ada },
		})
	}},
	{"NotEverything", func(k *kit) {
		a := k.code(k.client(k.organization().ID))
		for _, p := range []storage.Pending{{}, {Account: []byte{}}} {
			if n, err := k.store.DropPending(k.ctx, p); err == nil {
				k.Errorf("nobody was named, and %d artifacts are gone", n)
			}
		}
		k.storedArtifact(a)
		n, err := k.store.DropPending(k.ctx, storage.Pending{Subject: k.name("user"), Account: k.key()})
		k.must(err)
		k.equal("dropped", 0, n)
	}},
	{"ReuseIsStillFound", func(k *kit) {
		ada := k.name("user")
		a := k.code(k.client(k.organization().ID), func(a *storage.Artifact) { a.Subject = ada })
		first := k.redemption(a)
		k.redeem(first, storage.Done)
		n, err := k.store.DropPending(k.ctx, storage.Pending{Subject: ada})
		k.must(err)
		k.equal("dropped", 0, n)
		k.redeem(k.redemption(a), storage.Reused)
	}},
}

// dropped requires that the command takes what chosen makes of artifacts of every
// kind that can be redeemed, and nothing else.
func (k *kit) dropped(p storage.Pending, chosen func(*storage.Artifact), others map[string]func(*storage.Artifact)) {
	k.Helper()
	c := k.client(k.organization().ID)
	var gone, left []storage.Artifact
	for _, kind := range []storage.ArtifactKind{storage.AuthorizationCode, storage.DeviceCode, storage.PushedRequest, storage.Interaction} {
		of := func(a *storage.Artifact) { a.Kind = kind }
		gone = append(gone, k.code(c, of, chosen))
		for _, other := range others {
			left = append(left, k.code(c, of, other))
		}
	}
	left = append(left, k.code(c, chosen, func(a *storage.Artifact) { a.Kind = storage.ReferenceToken }))

	n, err := k.store.DropPending(k.ctx, p)
	k.must(err)
	k.equal("dropped", len(gone), n)
	for _, a := range gone {
		_, err := k.store.Artifact(k.ctx, a.Kind, a.Key)
		k.is(err, storage.ErrNotFound)
		r := k.redemption(a)
		k.redeem(r, storage.Unknown)
		k.noGrant(r.Grant.ID)
	}
	for _, a := range left {
		k.storedArtifact(a)
	}
	n, err = k.store.DropPending(k.ctx, p)
	k.must(err)
	k.equal("dropped again", 0, n)
	// It is no ban: what is stored afterwards is redeemed.
	k.redeem(k.redemption(k.code(c, chosen)), storage.Done)
}

// raceRedeemAndDrop redeems codes of one person while somebody drops them: who
// lists the grants after that finds every one that was made.
func raceRedeemAndDrop(k *kit) {
	c := k.client(k.organization().ID)
	k.rounds(func() {
		ada, account := k.name("user"), k.key()
		attempts := make([]storage.Redemption, k.Contenders)
		for i := range attempts {
			attempts[i] = k.redemption(k.code(c, func(a *storage.Artifact) { a.Subject, a.Account = ada, account }))
		}
		p := storage.Pending{Subject: ada}
		if k.n%2 == 0 {
			p = storage.Pending{Account: account}
		}
		var listed []storage.Grant
		dropped := 0
		amidst := make(chan struct{})
		answers := contest(k, len(attempts)+1, func(i int, s storage.Store) answer {
			if i < len(attempts) {
				if i == len(attempts)/2 {
					close(amidst)
				}
				r, err := s.Redeem(k.ctx, attempts[i])
				return answer{outcome: r.Outcome, err: err}
			}
			<-amidst
			n, err := s.DropPending(k.ctx, p)
			if err == nil {
				dropped = n
				listed, err = s.ListGrants(k.ctx, storage.GrantFilter{Subject: ada}, storage.Page{Limit: 1000})
			}
			return answer{err: err}
		})
		counts := k.count(answers)
		if counts[storage.Done] != len(attempts)-dropped || counts[storage.Unknown] != dropped {
			k.Fatalf("%d of %d codes were dropped, and their redemptions were %v", dropped, len(attempts), counts)
		}
		for i, r := range attempts {
			made := slices.ContainsFunc(listed, func(g storage.Grant) bool { return g.ID == r.Grant.ID })
			if done := answers[i].outcome == storage.Done; done != made {
				k.Errorf("a redemption was %v, and who dropped the codes sees its grant: %v", answers[i].outcome, made)
			}
		}
	})
}
