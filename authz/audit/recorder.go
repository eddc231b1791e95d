// Package audit writes the audit trail: who did or was refused what, never with a
// secret in it.
//
// Events of administrative changes are committed by the store together with the
// change and are never lost. Events of issuance and refusal go through a
// [Recorder]: bounded, batched, off the request's path. Its loss rule: an event
// is lost when the queue is full, when the process dies before the next flush
// (at most [Config].Interval), or when the store stays away for longer than the
// queue can hold; how many were lost by the first and last of these is itself
// recorded, as an event of type "audit.lost".
//
// Stored events are sealed into a chain of keyed hashes ([Chain]), so that
// changing, removing or reordering sealed events shows.
package audit

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Config is what a recorder needs. Store is required.
type Config struct {
	Store storage.Audit
	// Queue is how many events may wait, 8192 by default.
	Queue int
	// Interval is the longest an event waits for its batch, 250 ms by default.
	Interval time.Duration
	Now      func() time.Time
	Logger   *slog.Logger
}

// Recorder takes events without blocking. It is safe for concurrent use.
type Recorder struct {
	cfg    Config
	queue  chan storage.Event
	lost   atomic.Uint64
	closed chan struct{}
	done   chan struct{}
	once   sync.Once
}

const batchSize = 256

// NewRecorder starts a recorder; Close ends it.
func NewRecorder(cfg Config) (*Recorder, error) {
	if cfg.Store == nil {
		return nil, errors.New("audit: Config.Store is required")
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 8192
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 250 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{cfg: cfg, queue: make(chan storage.Event, cfg.Queue), closed: make(chan struct{}), done: make(chan struct{})}
	go r.run()
	return r, nil
}

// Record queues an event, filling in ID and At where they are zero. It never
// blocks; after Close it does nothing but count.
func (r *Recorder) Record(e storage.Event) {
	if e.At.IsZero() {
		e.At = r.cfg.Now()
	}
	if e.ID.IsZero() {
		e.ID = storage.NewID(e.At)
	}
	select {
	case <-r.closed:
		r.lost.Add(1)
		return
	default:
	}
	select {
	case r.queue <- e:
	default:
		r.lost.Add(1)
	}
}

// Lost returns how many events were dropped and not yet reported in the trail.
func (r *Recorder) Lost() uint64 { return r.lost.Load() }

// Close stops taking events, writes what waits, and returns when that is done
// or the context ends.
func (r *Recorder) Close(ctx context.Context) error {
	r.once.Do(func() { close(r.closed) })
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Recorder) run() {
	defer close(r.done)
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	batch := make([]storage.Event, 0, batchSize)
	for {
		select {
		case e := <-r.queue:
			batch = append(batch, e)
			if len(batch) < batchSize {
				continue
			}
		case <-tick.C:
		case <-r.closed:
			r.drain(batch)
			return
		}
		batch = r.flush(batch)
	}
}

// drain writes what is left when the recorder closes.
func (r *Recorder) drain(batch []storage.Event) {
	for {
		select {
		case e := <-r.queue:
			batch = append(batch, e)
			if len(batch) == batchSize {
				if batch = r.flush(batch); len(batch) > 0 {
					r.drop(batch)
					batch = batch[:0]
				}
			}
		default:
			if batch = r.flush(batch); len(batch) > 0 {
				r.drop(batch)
			}
			return
		}
	}
}

// flush writes a batch and returns what is still to be written: nothing, or the
// batch itself, to be tried again while the queue takes what comes meanwhile.
func (r *Recorder) flush(batch []storage.Event) []storage.Event {
	lost := r.lost.Swap(0)
	if lost > 0 {
		now := r.cfg.Now()
		batch = append(batch, storage.Event{ID: storage.NewID(now), At: now, Type: "audit.lost", Outcome: "lost", Actor: "host",
			Reason: strconv.FormatUint(lost, 10) + " events"})
	}
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.cfg.Store.AppendEvents(ctx, batch); err != nil {
		r.cfg.Logger.Error("audit events could not be written yet", "events", len(batch), "cause", err)
		if lost > 0 {
			r.lost.Add(lost)
			batch = batch[:len(batch)-1]
		}
		if len(batch) >= batchSize { // full and not writable: make room for a fresh try
			return r.retry(batch)
		}
		return batch
	}
	return batch[:0]
}

// retry waits out one interval with a full batch in hand.
func (r *Recorder) retry(batch []storage.Event) []storage.Event {
	select {
	case <-r.closed:
	case <-time.After(r.cfg.Interval):
	}
	return batch
}

func (r *Recorder) drop(batch []storage.Event) {
	r.lost.Add(uint64(len(batch)))
	r.cfg.Logger.Error("audit events lost", "events", len(batch))
}
