package storagetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var audits = []test{
	{"Append", eventAppend},
	{"AppendOnly", eventAppendOnly},
	{"Filter", eventFilter},
	{"Pages", eventPages},
	{"Seal", eventSeal},
	{"Copies", eventCopies},
}

func (k *kit) fullEvent() storage.Event {
	return storage.Event{
		ID: storage.NewID(k.now), At: k.now, Type: "token.refused", Outcome: "invalid_grant",
		Organization: k.name("org"), Actor: "key:" + k.name("key"), Target: "grant:" + k.name("grant"),
		Client: k.name("key"), Grant: storage.NewID(k.now), Address: "2001:db8::1", Route: "POST /oauth2/token",
		Reason: "the refresh token was used before ✗", Before: []byte(`{"a": 1}`), After: []byte(`{"a":2, "b":"ü"}`),
	}
}

// events reads the events that were written for one target.
func (k *kit) events(target string) []storage.Event {
	k.Helper()
	list, err := k.store.Events(k.ctx, storage.EventFilter{Target: target, Limit: 1000})
	k.must(err)
	return list
}

func eventAppend(k *kit) {
	full := k.fullEvent()
	bare := storage.Event{ID: storage.NewID(k.now), At: k.now, Target: k.name("bare")}
	claims := k.fullEvent() // what only the store gives is not taken from the caller
	claims.Seq, claims.Chain = 7, []byte("forged")
	k.must(k.store.AppendEvents(k.ctx, nil))
	k.must(k.store.AppendEvents(k.ctx, []storage.Event{full, bare, claims}))
	k.equal("event", []storage.Event{full}, k.events(full.Target))
	k.equal("event", []storage.Event{bare}, k.events(bare.Target))
	claims.Seq, claims.Chain = 0, nil
	k.equal("event", []storage.Event{claims}, k.events(claims.Target))
}

// eventAppendOnly: no command replaces an event.
func eventAppendOnly(k *kit) {
	first := k.fullEvent()
	k.must(k.store.AppendEvents(k.ctx, []storage.Event{first}))
	second := k.fullEvent()
	second.ID = first.ID
	_ = k.store.AppendEvents(k.ctx, []storage.Event{second}) // refused or passed over
	_ = k.store.CreateOrganization(k.ctx, k.newOrganization(), second)
	k.equal("first event", []storage.Event{first}, k.events(first.Target))
	k.equal("second event", 0, len(k.events(second.Target)))
}

func eventFilter(k *kit) {
	o, actor, target, kind := k.name("org"), k.name("user"), k.name("key"), k.name("type")
	var all []storage.Event
	add := func(edit func(*storage.Event)) {
		e := storage.Event{
			ID: storage.NewID(k.now.Add(time.Duration(len(all)) * time.Second)), At: k.now.Add(time.Duration(len(all)) * time.Second),
			Organization: o, Actor: actor, Target: target, Type: kind,
		}
		edit(&e)
		all = append(all, e)
	}
	add(func(*storage.Event) {})
	add(func(e *storage.Event) { e.Organization = k.name("org") })
	add(func(e *storage.Event) { e.Actor = k.name("user") })
	add(func(e *storage.Event) { e.Target = k.name("key") })
	add(func(e *storage.Event) { e.Type = k.name("type") })
	add(func(*storage.Event) {})
	shuffled := []storage.Event{all[3], all[0], all[5], all[1], all[4], all[2]}
	k.must(k.store.AppendEvents(k.ctx, shuffled))

	pick := func(indices ...int) (list []storage.Event) {
		for _, i := range indices {
			list = append(list, all[i])
		}
		return list
	}
	for name, list := range map[string]struct {
		filter storage.EventFilter
		want   []storage.Event
	}{
		"organization": {storage.EventFilter{Organization: o}, pick(0, 2, 3, 4, 5)},
		"actor":        {storage.EventFilter{Actor: actor}, pick(0, 1, 3, 4, 5)},
		"target":       {storage.EventFilter{Target: target}, pick(0, 1, 2, 4, 5)},
		"type":         {storage.EventFilter{Type: kind}, pick(0, 1, 2, 3, 5)},
		"all of them":  {storage.EventFilter{Organization: o, Actor: actor, Target: target, Type: kind}, pick(0, 5)},
		"from":         {storage.EventFilter{Type: kind, From: k.now.Add(1500 * time.Millisecond)}, pick(2, 3, 5)},
		"to":           {storage.EventFilter{Type: kind, To: k.now.Add(1500 * time.Millisecond)}, pick(0, 1)},
		"between":      {storage.EventFilter{Type: kind, From: k.now.Add(500 * time.Millisecond), To: k.now.Add(2500 * time.Millisecond)}, pick(1, 2)},
		"after":        {storage.EventFilter{Type: kind, After: all[2].ID}, pick(3, 5)},
		"limit":        {storage.EventFilter{Type: kind, Limit: 2}, pick(0, 1)},
		"after, limit": {storage.EventFilter{Organization: o, After: all[0].ID, Limit: 2}, pick(2, 3)},
		"nobody":       {storage.EventFilter{Organization: k.name("org")}, nil},
	} {
		got, err := k.store.Events(k.ctx, list.filter)
		k.must(err)
		for i := range got { // another test may have sealed them
			got[i].Seq, got[i].Chain = 0, nil
		}
		k.equal("events by "+name, list.want, got)
	}
}

func eventPages(k *kit) {
	kind := k.name("type")
	var want []storage.ID
	var all []storage.Event
	for range 25 {
		e := storage.Event{ID: storage.NewID(k.now), At: k.now, Type: kind} // all in one millisecond
		all, want = append(all, e), append(want, e.ID)
	}
	k.must(k.store.AppendEvents(k.ctx, all))
	slices.SortFunc(want, func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) })
	var got []storage.ID
	for f := (storage.EventFilter{Type: kind, Limit: 10}); ; {
		list, err := k.store.Events(k.ctx, f)
		k.must(err)
		for _, e := range list {
			got = append(got, e.ID)
			f.After = e.ID
		}
		if len(list) < f.Limit {
			break
		}
	}
	k.equal("events", want, got)
}

// link is a chain value over everything that an event says.
func link(previous []byte, e storage.Event) []byte {
	e.Chain = nil
	e.At = e.At.UTC()
	if len(e.Before) == 0 {
		e.Before = nil
	}
	if len(e.After) == 0 {
		e.After = nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(append(slices.Clone(previous), text...))
	return sum[:]
}

// chain reads the sealed events after a number and verifies them.
func (k *kit) chain(after uint64) []storage.Event {
	k.Helper()
	var previous []byte
	if after > 0 {
		list, err := k.store.Events(k.ctx, storage.EventFilter{Sealed: true, AfterSeq: after - 1, Limit: 1})
		k.must(err)
		previous = list[0].Chain
	}
	var all []storage.Event
	for {
		list, err := k.store.Events(k.ctx, storage.EventFilter{Sealed: true, AfterSeq: after, Limit: 50})
		k.must(err)
		for _, e := range list {
			if after++; e.Seq != after {
				k.Fatalf("the event after number %d has number %d", after-1, e.Seq)
			}
			if !bytes.Equal(e.Chain, link(previous, e)) {
				k.Fatalf("the chain breaks at event %d", e.Seq)
			}
			previous = e.Chain
			all = append(all, e)
		}
		if len(list) < 50 {
			return all
		}
	}
}

// sealAll seals everything and returns the last number.
func (k *kit) sealAll() uint64 {
	k.Helper()
	for {
		n, err := k.store.SealEvents(k.ctx, 1000, link)
		k.must(err)
		if n == 0 {
			break
		}
	}
	var last uint64
	for {
		list, err := k.store.Events(k.ctx, storage.EventFilter{Sealed: true, AfterSeq: last, Limit: 1000})
		k.must(err)
		if len(list) == 0 {
			return last
		}
		last = list[len(list)-1].Seq
	}
}

func eventSeal(k *kit) {
	before := k.sealAll()
	full := k.fullEvent()
	var all []storage.Event
	for i := range 5 {
		e := storage.Event{ID: storage.NewID(k.now.Add(time.Duration(i) * time.Second)), At: k.now.Add(1500 * time.Microsecond), Type: fmt.Sprint(i)}
		all = append(all, e)
	}
	full.ID = storage.NewID(k.now.Add(9 * time.Second))
	all = append(all, full)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	k.must(k.store.AppendEvents(k.ctx, reversed))
	k.equal("sealed events", 0, len(k.chain(before)))

	var order []string
	watched := func(previous []byte, e storage.Event) []byte {
		if (e.Seq == 1) != (len(previous) == 0) {
			k.Errorf("event %d is linked to a chain value of %d bytes", e.Seq, len(previous))
		}
		order = append(order, e.Type)
		sum := link(previous, e)
		for i := range previous {
			previous[i] = 0
		}
		for i := range e.After {
			e.After[i] = 0
		}
		return sum
	}
	for _, step := range []struct{ limit, n int }{{2, 2}, {1, 1}, {100, 3}, {100, 0}} {
		n, err := k.store.SealEvents(k.ctx, step.limit, watched)
		k.must(err)
		k.equal(fmt.Sprintf("sealed with limit %d", step.limit), step.n, n)
	}
	k.equal("order of sealing", []string{"0", "1", "2", "3", "4", full.Type}, order)
	sealed := k.chain(before)
	for i := range sealed {
		k.equal("number", before+uint64(i)+1, sealed[i].Seq)
		sealed[i].Seq, sealed[i].Chain = 0, nil
	}
	k.equal("sealed events", all, sealed)

	// A late event, of an earlier id, comes at the end of the chain.
	late := storage.Event{ID: storage.NewID(k.now.Add(-hour)), At: k.now, Type: "late"}
	k.must(k.store.AppendEvents(k.ctx, []storage.Event{late}))
	last := k.sealAll()
	k.equal("number of the late event", before+7, last)
	k.equal("sealed events", 7, len(k.chain(before)))
	plain, err := k.store.Events(k.ctx, storage.EventFilter{Organization: full.Organization, Type: full.Type})
	k.must(err)
	if len(plain) != 1 || plain[0].Seq == 0 || len(plain[0].Chain) == 0 {
		k.Errorf("a sealed event is listed without its number or chain value")
	}
	if before == 0 {
		k.equal("all sealed events", 7, len(k.chain(0)))
	}
}

func eventCopies(k *kit) {
	e := k.fullEvent()
	want := e
	want.After = slices.Clone(e.After)
	k.must(k.store.AppendEvents(k.ctx, []storage.Event{e}))
	e.After[0] = 'x'
	k.equal("event", []storage.Event{want}, k.events(e.Target))
	k.events(e.Target)[0].After[0] = 'x'
	k.equal("event", []storage.Event{want}, k.events(e.Target))
}
