package gormstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// command is something that the queue carries out together with others.
type command interface{ shared() *task }

// task is the part that all commands have.
type task struct {
	ctx   context.Context
	state atomic.Int32
	done  chan struct{}
	err   error
}

// The states of a task. Whoever moves it out of waiting owns it.
const (
	waiting int32 = iota
	taken
	abandoned
)

func (t *task) shared() *task { return t }

// closure is a command that has the transaction for itself.
type closure struct {
	task
	run func(context.Context, *session) error
}

// queue hands commands to the goroutines that write.
type queue struct {
	core     *core
	commands chan command
	timeout  time.Duration
	batch    int

	mu     sync.RWMutex // held for reading while sending
	closed bool
	wait   sync.WaitGroup
}

func newQueue(c *core, o Options) *queue {
	q := &queue{core: c, commands: make(chan command, o.Queue), timeout: o.Timeout, batch: o.Batch}
	for range o.Writers {
		q.wait.Add(1)
		w := &writer{queue: q}
		go w.work()
	}
	return q
}

// do has a command carried out and waits for its end or the context's.
func (q *queue) do(ctx context.Context, c command) error {
	t := c.shared()
	if err := ctx.Err(); err != nil {
		return err
	}
	t.ctx, t.done = ctx, make(chan struct{})
	if err := q.send(c); err != nil {
		return err
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
	}
	if _, ok := c.(*closure); !t.state.CompareAndSwap(waiting, abandoned) && ok {
		// It runs the caller's code, which must not outlive the call.
		<-t.done
		return t.err
	}
	// If a writer has it already, nothing is known about its effect.
	return ctx.Err()
}

func (q *queue) send(c command) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return errClosed
	}
	select {
	case q.commands <- c:
		return nil
	default:
		return storage.ErrBusy
	}
}

// close takes nothing more, and returns when all that was taken is done.
func (q *queue) close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.commands)
	}
	q.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		q.wait.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) isClosed() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.closed
}
