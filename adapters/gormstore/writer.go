package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"strings"
	"time"
)

// writer is one goroutine with a connection of its own.
type writer struct {
	queue   *queue
	conn    *sql.Conn
	session *session
	used    time.Time // when the connection last worked
	buffer  []command
}

func (w *writer) work() {
	defer w.queue.wait.Done()
	defer w.drop()
	for first := range w.queue.commands {
		alone := w.collect(first)
		if len(w.buffer) > 0 {
			w.run(w.buffer)
		}
		if alone != nil {
			w.runAlone(alone)
		}
	}
}

// collect fills the buffer with what waits, up to the first closure.
func (w *writer) collect(c command) *closure {
	clear(w.buffer)
	w.buffer = w.buffer[:0]
	// Callers that the last commit has woken are about to send what comes next:
	// let them, and share this commit.
	runtime.Gosched()
	for {
		if c.shared().state.CompareAndSwap(waiting, taken) {
			if alone, ok := c.(*closure); ok {
				return alone
			}
			w.buffer = append(w.buffer, c)
		}
		if len(w.buffer) >= w.queue.batch {
			return nil
		}
		select {
		case next, ok := <-w.queue.commands:
			if !ok {
				return nil
			}
			c = next
		default:
			return nil
		}
	}
}

// attempts is how often a transaction is tried that the database gave up.
const attempts = 5

func (w *writer) run(commands []command) {
	ctx, cancel := w.context()
	defer cancel()
	rest := commands
	var err error
	if w.queue.core.dialect == postgres && anyTrip(commands) {
		rest, err = w.oneTrip(ctx, commands)
	}
	if err == nil && len(rest) > 0 {
		err = w.together(ctx, rest)
	}
	for _, c := range rest {
		if err != nil {
			c.shared().err = err
		}
	}
	for i, c := range commands {
		close(c.shared().done)
		commands[i] = nil
	}
}

// oneTrip has those commands carried out that are one statement together; if the
// connection may be dead, none.
func (w *writer) oneTrip(ctx context.Context, commands []command) (rest []command, err error) {
	if time.Since(w.used) > idle {
		return commands, nil
	}
	rest = commands
	for range attempts {
		err = w.statement(ctx, func(s *session) (err error) {
			rest, err = oneTrip(ctx, s, rest)
			return err
		})
		if err == nil || !again(err) {
			break
		}
	}
	if err == nil {
		w.used = time.Now()
	}
	if err != nil && w.conn != nil {
		return rest, nil // each for itself will say what is wrong
	}
	return rest, err
}

// together carries out a batch, and if that cannot be, each for itself.
func (w *writer) together(ctx context.Context, commands []command) error {
	err := w.transact(ctx, direct(w.queue.core.dialect, commands), func(s *session) error {
		return runBatch(ctx, s, commands)
	})
	if err != nil && w.conn != nil && ctx.Err() == nil {
		// The connection is well: one of them cannot be done, or not together
		// with the others.
		err = w.transact(ctx, false, func(s *session) error { return runEach(ctx, s, commands) })
	}
	return err
}

// idle is how long an unused connection is trusted. One that is idle may have
// died: BEGIN finds out before anything can have happened, where a lone
// statement would leave it open.
const idle = time.Second

// runAlone runs a closure; in its own context, since the caller waits for it.
func (w *writer) runAlone(c *closure) {
	c.err = w.transact(c.ctx, false, func(s *session) error {
		if err := c.run(c.ctx, s); err != nil {
			return err
		}
		return c.ctx.Err()
	})
	close(c.done)
}

// context bounds what a batch may take. SQLite's own busy timeout does this
// there, and its drivers are quicker without a deadline.
func (w *writer) context() (context.Context, context.CancelFunc) {
	if w.queue.core.dialect == sqlite {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), w.queue.timeout)
}

// transact runs fn in a transaction, or without one if fn is a single statement.
func (w *writer) transact(ctx context.Context, single bool, fn func(*session) error) (err error) {
	for range attempts {
		if single && time.Since(w.used) < idle {
			err = w.statement(ctx, fn)
		} else {
			err = w.attempt(ctx, fn)
		}
		if err == nil {
			w.used = time.Now()
		}
		if err == nil || !again(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (w *writer) statement(ctx context.Context, fn func(*session) error) error {
	if _, err := w.open(ctx); err != nil {
		return err
	}
	err := fn(w.session)
	if err != nil && fatal(err) {
		w.drop()
	}
	return err
}

func (w *writer) attempt(ctx context.Context, fn func(*session) error) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	err := fn(w.session)
	if err == nil {
		err = w.session.simple(ctx, "COMMIT")
	}
	if err != nil {
		w.rollback(ctx)
	}
	return err
}

// rollback ends a failed transaction, or the connection if that fails too.
func (w *writer) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if w.session.simple(ctx, "ROLLBACK") != nil {
		w.drop()
	}
}

// begin begins a transaction, on a new connection if the old one has died.
func (w *writer) begin(ctx context.Context) error {
	for {
		fresh, err := w.open(ctx)
		if err != nil {
			return err
		}
		if err = w.session.simple(ctx, w.queue.core.dialect.begin()); err == nil {
			return nil
		}
		w.drop()
		if fresh || ctx.Err() != nil {
			return err
		}
	}
}

// fatal reports that the connection cannot be used any more, or may not be: the
// error is none that the database itself gives for a statement.
func fatal(err error) bool {
	if errors.Is(err, errAlone) || errors.Is(err, errLost) {
		return false
	}
	if _, ok := errors.AsType[*invalid](err); ok {
		return false
	}
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return false
		}
	}
	state := sqlState(err)
	return (state == "" || strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "08")) && mysqlNumber(err) == 0
}

func (w *writer) open(ctx context.Context) (fresh bool, err error) {
	if w.conn != nil {
		return false, nil
	}
	conn, err := w.queue.core.db.Statement.ConnPool.(*sql.DB).Conn(ctx)
	if err != nil {
		return false, err
	}
	session := newSession(w.queue.core, conn).preparing()
	for _, query := range w.queue.core.dialect.setup() {
		if err := session.simple(ctx, query); err != nil {
			discard(conn)
			return false, err
		}
	}
	w.conn, w.session, w.used = conn, session, time.Time{}
	return true, nil
}

func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	// A driver may keep a connection, and its locks, while it has statements.
	for _, stmt := range w.session.prepared {
		_ = stmt.Close()
	}
	discard(w.conn)
	w.conn, w.session = nil, nil
}

// discard closes a connection for good: it carries settings and statements that
// are no concern of the pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}
