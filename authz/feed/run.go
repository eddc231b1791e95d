package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// errRewound: the store's numbers are below ours.
var errRewound = errors.New("feed: the store went back in time")

// errNoProgress: a store that says More must move the cursor.
var errNoProgress = errors.New("feed: the store has more changes but does not move the cursor")

// Run follows the store until ctx is done, and returns ctx's error. It polls and,
// apart from that, stamps; nothing that the store does makes it return. Only one
// Run can be under way.
func (f *Feed) Run(ctx context.Context) error {
	if !f.running.CompareAndSwap(false, true) {
		return errors.New("feed: is running already")
	}
	defer f.running.Store(false)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { f.stamp(ctx) })
	wg.Go(func() { f.reloadEvery(ctx) })
	f.follow(ctx)
	return ctx.Err()
}

// round is one turn of polling, for which others may wait.
type round struct {
	done chan struct{}
	err  error
}

func newRound() *round { return &round{done: make(chan struct{})} }

// begin returns the round that begins now.
func (f *Feed) begin() *round {
	f.rounds.Lock()
	defer f.rounds.Unlock()
	r := f.next
	f.next = newRound()
	return r
}

// follow polls until ctx is done. After an error, and when the store went back
// in time, everything is loaded anew before a lease begins: between two
// connections the store may have become another.
func (f *Feed) follow(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	synced, failing := false, false
	for {
		select {
		case <-ctx.Done():
			r := f.begin()
			r.err = ctx.Err()
			close(r.done)
			return
		case <-timer.C:
		case <-f.poke:
		}
		r := f.begin()
		r.err = f.turn(ctx, synced)
		synced = r.err == nil
		if errors.Is(r.err, errRewound) {
			f.lease.Store(nil) // what is known belongs to another history
		}
		close(r.done)
		if ctx.Err() == nil && failing == synced {
			failing = !synced
			f.report(ctx, r.err)
		}
		timer.Reset(f.cfg.Interval)
	}
}

func (f *Feed) report(ctx context.Context, err error) {
	if err == nil {
		f.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "change feed: following the store")
		return
	}
	f.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "change feed: the store cannot be followed", slog.Any("cause", err))
}

// turn polls once, after a full load if there was none on this connection.
func (f *Feed) turn(ctx context.Context, synced bool) error {
	if !synced {
		if cancel := f.cancelReload.Load(); cancel != nil {
			(*cancel)()
		}
		if err := f.load(ctx, true); err != nil {
			return err
		}
	}
	if err := f.poll(ctx); err != nil {
		return err
	}
	f.once.Do(func() { close(f.ready) })
	return nil
}

// poll applies what is new and begins a lease at the start of the last read: it
// returned everything that was committed before.
func (f *Feed) poll(ctx context.Context) error {
	for {
		start := f.clock()
		cursor := f.Revision()
		batch, err := f.since(ctx, cursor, f.cfg.Lease)
		if err != nil {
			return err
		}
		if batch.Head < cursor {
			return errRewound
		}
		if batch.More && batch.Next <= cursor {
			return errNoProgress
		}
		f.mu.Lock()
		news := f.apply(batch.Changes)
		// A full load may have put another view in place meanwhile, whose cursor
		// is another one; it heard of these changes too.
		if v := f.view.Load(); batch.Next > v.cursor.Load() {
			v.cursor.Store(batch.Next)
		}
		f.mu.Unlock()
		f.announce(news)
		if !batch.More {
			f.lease.Store(&start)
			return nil
		}
	}
}

func (f *Feed) since(ctx context.Context, cursor uint64, timeout time.Duration) (storage.ChangeBatch, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f.cfg.Store.ChangesSince(ctx, cursor, f.cfg.Now(), pageSize)
}

// reloadEvery loads everything anew from time to time, beside the polls, which
// keep the lease. It forgets what is over, and finds out about a store that went
// back in time without anybody noticing.
func (f *Feed) reloadEvery(ctx context.Context) {
	tick := time.NewTicker(f.cfg.ReloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		part, cancel := context.WithCancel(ctx)
		f.cancelReload.Store(&cancel)
		err := f.load(part, false)
		f.cancelReload.Store(nil)
		if err != nil && part.Err() == nil {
			f.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "change feed: full load failed, will be tried again", slog.Any("cause", err))
		}
		cancel()
	}
}

// load reads everything into a new view and puts it in place. With fresh, nothing
// that was read before counts any more.
func (f *Feed) load(ctx context.Context, fresh bool) error {
	f.reloads.Lock()
	defer f.reloads.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	v := newView(f.seed, f.limits())
	f.mu.Lock()
	f.loading = v
	f.mu.Unlock()
	cursor, err := f.loadPages(ctx, v, fresh)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loading = nil
	if err != nil {
		return err
	}
	v.cursor.Store(cursor)
	f.view.Store(v)
	if fresh {
		f.generation.Add(1)
		f.lost.Store(0)
	}
	return nil
}

func (f *Feed) loadPages(ctx context.Context, v *view, fresh bool) (cursor uint64, err error) {
	var head uint64
	for {
		batch, err := f.since(ctx, cursor, max(f.cfg.Lease, slowTimeout))
		if err != nil {
			return 0, err
		}
		if batch.Head < head || batch.Head < cursor {
			return 0, errRewound
		}
		if batch.More && batch.Next <= cursor {
			return 0, errNoProgress
		}
		f.mu.Lock()
		news := f.take(v, batch.Changes, fresh)
		f.mu.Unlock()
		f.announce(news)
		if !batch.More {
			return batch.Next, nil
		}
		cursor, head = batch.Next, batch.Head
	}
}

// take merges a page of a full load and returns what is news against what was
// known. After a doubt, every change but those of grants is: they may have been
// heard of in another history. f.mu is held.
func (f *Feed) take(v *view, changes []storage.Change, fresh bool) (news []storage.Change) {
	old := f.view.Load()
	first := f.generation.Load() == 0
	for i := range changes {
		c := &changes[i]
		v.apply(c)
		known, _ := old.get(c.Kind, c.ID)
		switch {
		case c.Kind == storage.GrantChange && first:
		case c.Kind != storage.GrantChange && fresh, known.merge(stateOf(c)) != known:
			news = append(news, *c)
		}
		f.invalidate(c)
	}
	return news
}

// catchUp waits for a poll that begins after the call, because a token is of a
// revision that this instance has not reached.
func (f *Feed) catchUp(ctx context.Context, revision uint64) error {
	if revision <= f.lost.Load() {
		return nil
	}
	if !f.running.Load() {
		return ErrStale
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Lease)
	defer cancel()
	f.rounds.Lock()
	r := f.next
	f.rounds.Unlock()
	select {
	case f.poke <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	if f.Revision() < revision {
		for lost := f.lost.Load(); lost < revision && !f.lost.CompareAndSwap(lost, revision); lost = f.lost.Load() {
		}
	}
	return nil
}

// stamp numbers what was committed without a number. Whether it works or not,
// polls read unnumbered changes too.
func (f *Feed) stamp(ctx context.Context) {
	tick := time.NewTicker(f.cfg.Interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := f.stampAll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			f.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "change feed: changes cannot be numbered, will be tried again", slog.Any("cause", err))
		}
		failing = err != nil
	}
}

func (f *Feed) stampAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, slowTimeout)
	defer cancel()
	for {
		n, err := f.cfg.Store.Stamp(ctx, stampSize)
		if err != nil || n < stampSize {
			return err
		}
	}
}
