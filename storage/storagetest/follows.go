package storagetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var follows = []test{
	{"MissesNothing", followMissesNothing},
	{"Chain", followChain},
	{"SealingDoesNotWait", followSealingDoesNotWait},
}

// follower keeps up with the store as an instance does: from a cursor, never
// loading everything anew.
type follower struct {
	store    storage.Store
	pause    time.Duration
	numbered bool // regards only changes that have a number
	cursor   uint64
	seen     map[storage.ChangeKey]storage.Change
}

// poll reads what is new, in small batches.
func (f *follower) poll(ctx context.Context, now time.Time) error {
	for {
		batch, err := f.store.ChangesSince(ctx, f.cursor, now, 7)
		if err != nil {
			return err
		}
		if batch.Next < f.cursor || batch.Head < batch.Next {
			return errors.New("the cursor went back, or is above the head")
		}
		for _, c := range batch.Changes {
			if c.Seq == 0 && f.numbered {
				continue
			}
			c.Seq = 0
			key := storage.ChangeKey{Kind: c.Kind, ID: c.ID}
			old := f.seen[key]
			if c.Version >= old.Version && c.MinGeneration >= old.MinGeneration && (c.Ended || !old.Ended) {
				f.seen[key] = c
			}
		}
		f.cursor = batch.Next
		if !batch.More {
			return nil
		}
	}
}

// run polls until done is closed, and once more.
func (f *follower) run(k *kit, done <-chan struct{}) {
	for {
		last := false
		select {
		case <-done:
			last = true
		case <-time.After(f.pause):
		}
		if err := f.poll(k.ctx, k.now); err != nil {
			k.Errorf("following: %v", err)
			return
		}
		if last {
			return
		}
	}
}

// writer is one of many that change things at once.
type writer struct {
	k      *kit
	store  storage.Store
	client storage.Client
	grant  storage.Grant // is rotated
	spare  []storage.Grant

	mine   []storage.ChangeKey // committed
	undone []storage.ChangeKey // of transactions that failed
}

func (w *writer) end(ctx context.Context, s storage.Store) (storage.ChangeKey, error) {
	g := w.spare[0]
	w.spare = w.spare[1:]
	_, err := s.EndGrant(ctx, w.k.end(g))
	return storage.ChangeKey{Kind: storage.GrantChange, ID: string(g.ID[:])}, err
}

// step does one thing at random.
func (w *writer) step(ctx context.Context) error {
	k := w.k
	transactor, ok := w.store.(storage.Transactor)
	choice := rand.IntN(5)
	switch {
	case choice == 0:
		w.client.Status = 3 - w.client.Status // active and suspended in turn
		change, err := w.store.UpdateClient(ctx, w.client, storage.Quorum{}, k.now.Add(hour),
			storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "key.updated"})
		w.client.Version = change.Version
		return err
	case choice == 1:
		key, err := w.end(ctx, w.store)
		w.mine = append(w.mine, key)
		return err
	case choice == 2 && w.client.Status == storage.Active:
		r := k.rotation(w.grant)
		rotated, err := w.store.Rotate(ctx, r)
		if err == nil && rotated.Outcome != storage.Done {
			err = errors.New("a rotation was " + rotated.Outcome.String())
		}
		w.grant = rotated.Grant
		return err
	case !ok:
		return nil
	default:
		fails := rand.IntN(2) == 0
		spare := w.spare
		var keys []storage.ChangeKey
		err := transactor.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
			w.spare, keys = spare, nil // it may be called again
			for range 2 {
				key, err := w.end(ctx, tx)
				if err != nil {
					return err
				}
				keys = append(keys, key)
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
			}
			if fails {
				return errUndo
			}
			return nil
		})
		if fails && errors.Is(err, errUndo) {
			w.undone = append(w.undone, keys...)
			return nil
		}
		w.mine = append(w.mine, keys...)
		return err
	}
}

// followMissesNothing: whoever follows from a cursor hears of every change that
// was committed and of none that was not, although transactions commit in
// another order than they begin, and others number the changes meanwhile.
func followMissesNothing(k *kit) {
	const count, steps = 32, 12
	stores := k.instances()
	o := k.organization()
	start := k.settle()

	writers := make([]*writer, count)
	for i := range writers {
		c := k.client(o.ID)
		w := &writer{k: k, store: stores[i%len(stores)], client: c, grant: k.grant(c)}
		for range 2 * steps {
			w.spare = append(w.spare, k.grant(c))
		}
		writers[i] = w
	}
	followers := []*follower{
		{store: stores[0], pause: time.Millisecond},
		{store: stores[len(stores)-1], pause: 40 * time.Millisecond},
		{store: stores[0], pause: 5 * time.Millisecond, numbered: true},
	}
	written, numbered := make(chan struct{}), make(chan struct{})
	var writing, stamping, following sync.WaitGroup
	for _, f := range followers {
		f.cursor, f.seen = start, make(map[storage.ChangeKey]storage.Change)
		following.Go(func() { f.run(k, numbered) })
	}
	for _, s := range stores {
		stamping.Go(func() {
			for {
				select {
				case <-written:
					return
				case <-time.After(2 * time.Millisecond):
				}
				if _, err := s.Stamp(k.ctx, 5); err != nil {
					k.Errorf("stamping: %v", err)
				}
			}
		})
	}
	for _, w := range writers {
		writing.Go(func() {
			for range steps {
				if err := w.step(k.ctx); err != nil {
					k.Errorf("writing: %v", err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(written)
	stamping.Wait()
	if !k.Failed() {
		k.stampAll()
	}
	close(numbered)
	following.Wait()
	if k.Failed() {
		return
	}

	for _, w := range writers {
		keys := append(w.mine, storage.ChangeKey{Kind: storage.ClientChange, ID: w.client.ID},
			storage.ChangeKey{Kind: storage.GrantChange, ID: string(w.grant.ID[:])})
		for _, key := range keys {
			recorded := k.change(key.Kind, key.ID)
			for i, f := range followers {
				seen, ok := f.seen[key]
				if ok != (recorded != nil) {
					k.Fatalf("follower %d has heard of a change: %v; it is recorded: %v", i, ok, recorded != nil)
				}
				if ok {
					recorded.Seq = 0
					k.equal("followed change", *recorded, seen)
				}
			}
		}
		for _, key := range w.mine {
			if k.change(key.Kind, key.ID) == nil {
				k.Errorf("a committed change is not recorded")
			}
		}
		for _, key := range w.undone {
			for i, f := range followers {
				if _, ok := f.seen[key]; ok {
					k.Errorf("follower %d has heard of a change that was undone", i)
				}
			}
		}
	}
}

// followChain: the chain of events has no gaps, whoever seals and appends at once.
func followChain(k *kit) {
	const appenders, batches = 16, 8
	stores := k.instances()
	before := k.sealAll()
	var appending, sealing sync.WaitGroup
	done := make(chan struct{})
	slow := func(previous []byte, e storage.Event) []byte {
		time.Sleep(100 * time.Microsecond)
		return link(previous, e)
	}
	for i := range 4 {
		s := stores[i%len(stores)]
		sealing.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
				if _, err := s.SealEvents(k.ctx, 5, slow); err != nil {
					k.Errorf("sealing: %v", err)
					return
				}
			}
		})
	}
	for i := range appenders {
		s := stores[i%len(stores)]
		appending.Go(func() {
			for range batches {
				var batch []storage.Event
				for range 3 {
					now := time.Now()
					batch = append(batch, storage.Event{ID: storage.NewID(now), At: now, Type: "chain:" + k.tag})
				}
				if err := s.AppendEvents(k.ctx, batch); err != nil {
					k.Errorf("appending: %v", err)
					return
				}
			}
		})
	}
	appending.Wait()
	close(done)
	sealing.Wait()
	if k.Failed() {
		return
	}
	k.sealAll()
	sealed := make(map[storage.ID]bool)
	for _, e := range k.chain(before) {
		if sealed[e.ID] {
			k.Errorf("an event is sealed twice")
		}
		sealed[e.ID] = true
	}
	k.equal("sealed events", appenders*batches*3, len(sealed))
}

// followSealingDoesNotWait: who finds another at it returns, and two of them
// together seal no event twice.
func followSealingDoesNotWait(k *kit) {
	stores := k.instances()
	before := k.sealAll()
	var batch []storage.Event
	for range 3 {
		batch = append(batch, storage.Event{ID: storage.NewID(k.now), At: k.now, Type: "chain:" + k.tag})
	}
	k.must(k.store.AppendEvents(k.ctx, batch))

	entered, leave, first := make(chan struct{}), make(chan struct{}), make(chan int, 1)
	go func() {
		var once sync.Once
		n, err := stores[0].SealEvents(k.ctx, 100, func(previous []byte, e storage.Event) []byte {
			once.Do(func() { close(entered); <-leave })
			return link(previous, e)
		})
		if err != nil {
			k.Errorf("sealing: %v", err)
		}
		first <- n
	}()
	<-entered
	total := 0
	for _, s := range stores {
		returned := make(chan int, 1)
		go func() {
			n, err := s.SealEvents(k.ctx, 100, link)
			if err != nil {
				k.Errorf("sealing: %v", err)
			}
			returned <- n
		}()
		select {
		case n := <-returned:
			total += n
		case <-time.After(10 * time.Second):
			k.Errorf("a second sealer waits for the first")
		}
	}
	close(leave)
	total += <-first
	k.sealAll()
	k.equal("sealed events", len(batch), len(k.chain(before)))
	if total > len(batch) {
		k.Errorf("%d events were reported as sealed, want %d", total, len(batch))
	}
}
