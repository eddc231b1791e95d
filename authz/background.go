package authz

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// run starts what an installation does beside requests. All of it ends with ctx.
func (in *Installation) run(ctx context.Context) {
	in.done.Go(func() {
		if err := in.feed.Run(ctx); err != nil && ctx.Err() == nil {
			in.cfg.Logger.Error("the change feed stopped", "cause", err)
		}
	})
	in.every(ctx, time.Second, "audit chain", func(ctx context.Context) error {
		return drain(ctx, 5, 1000, in.chain.Seal)
	})
	in.every(ctx, time.Second, "data keys", in.ring.Tick)
	in.every(ctx, 15*time.Second, "last uses", in.uses.flush)
	in.every(ctx, time.Minute, "sweep", func(ctx context.Context) error {
		return drain(ctx, 100, 10_000, func(ctx context.Context, limit int) (int, error) {
			return in.cfg.Store.Sweep(ctx, in.cfg.Now(), limit)
		})
	})
}

// drain has something done again while there is as much to do as it takes at a
// time, so that a busy installation does not fall behind for ever; the rounds
// bound what it takes from the requests of the moment.
func drain(ctx context.Context, rounds, limit int, do func(ctx context.Context, limit int) (int, error)) error {
	for range rounds {
		if n, err := do(ctx, limit); err != nil || n < limit {
			return err
		}
	}
	return nil
}

func (in *Installation) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	in.done.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := do(ctx); err != nil && ctx.Err() == nil {
				in.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, what+" failed, will be tried again", slog.Any("cause", err))
			}
		}
	})
}

// onChange reacts to what other instances did.
func (in *Installation) onChange(c storage.Change) {
	if c.Kind != storage.KeyChange {
		return
	}
	in.done.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := in.ring.Reload(ctx); err != nil {
			in.cfg.Logger.Warn("data keys could not be reloaded, will be tried again", "cause", err)
		}
	})
}

func (in *Installation) loadMember(ctx context.Context, key string) (storage.Member, error) {
	organization, subject, ok := strings.Cut(key, "\x00")
	if !ok {
		return storage.Member{}, storage.ErrNotFound
	}
	return in.cfg.Store.Member(ctx, organization, subject)
}

// lastUses collects when clients last acted, at most one entry a client, and
// writes them together. Losing some is no harm: last use is coarse.
type lastUses struct {
	store storage.Clients
	log   *slog.Logger
	mu    sync.Mutex
	at    map[string]time.Time
}

const maxLastUses = 100_000

func newLastUses(store storage.Clients, log *slog.Logger) *lastUses {
	return &lastUses{store: store, log: log, at: map[string]time.Time{}}
}

func (l *lastUses) note(client string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.at[client]; ok && now.Sub(last) < time.Second {
		return
	}
	if len(l.at) < maxLastUses {
		l.at[client] = now
	}
}

func (l *lastUses) flush(ctx context.Context) error {
	l.mu.Lock()
	uses := make([]storage.LastUse, 0, len(l.at))
	for client, at := range l.at {
		uses = append(uses, storage.LastUse{Client: client, At: at})
	}
	clear(l.at)
	l.mu.Unlock()
	if len(uses) == 0 {
		return nil
	}
	return l.store.Touch(ctx, uses)
}
