package interop_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// line is a line to a database that can be cut: a relay on loopback. A cut ends
// every connection and refuses new ones, as a server that went away does; silence
// takes and holds whatever is sent, as a network that drops packets does.
type line struct {
	dsn      string // the database by way of the relay
	target   string
	listener net.Listener

	mu     sync.Mutex
	turn   *sync.Cond
	cut    bool
	silent bool
	conns  map[net.Conn]bool
}

// relayed makes a line to the database of a data source name.
func relayed(t *testing.T, dsn string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &line{listener: listener, conns: map[net.Conn]bool{}}
	l.turn = sync.NewCond(&l.mu)
	if strings.HasPrefix(dsn, "postgres") {
		at, err := url.Parse(dsn)
		must(t, err)
		port := at.Port()
		if port == "" {
			port = "5432"
		}
		l.target = net.JoinHostPort(at.Hostname(), port)
		at.Host = listener.Addr().String()
		l.dsn = at.String()
	} else {
		config, err := mysql.ParseDSN(dsn)
		must(t, err)
		l.target, config.Addr = config.Addr, listener.Addr().String()
		l.dsn = config.FormatDSN()
	}
	go l.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(true, false)
	})
	return l
}

func (l *line) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			l.await()
			out, err := net.Dial("tcp", l.target)
			if err != nil || !l.keep(in, out) {
				_ = in.Close()
				if out != nil {
					_ = out.Close()
				}
				return
			}
			go l.carry(out, in)
			l.carry(in, out)
		}()
	}
}

// await returns when the line is not silent.
func (l *line) await() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.silent {
		l.turn.Wait()
	}
}

func (l *line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	for _, c := range conns {
		l.conns[c] = true
	}
	return true
}

// carry copies until either side closes.
func (l *line) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.await()
		if n > 0 {
			if _, e := to.Write(buffer[:n]); err == nil {
				err = e
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, to)
	delete(l.conns, from)
}

// set cuts the line, makes it silent, or mends it with neither.
func (l *line) set(cut, silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.silent = cut, silent
	if cut {
		for c := range l.conns {
			_ = c.Close()
		}
	}
	l.turn.Broadcast()
}

// TestLine holds the relay itself to what the tests that use it rely on.
func TestLine(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	l := relayed(t, "root@tcp("+echo.Addr().String()+")/x")
	at, err := mysql.ParseDSN(l.dsn)
	must(t, err)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", at.Addr)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c := dial()
	ask := func() error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	must(t, ask())
	l.set(false, true)
	answered := make(chan error, 1)
	go func() { answered <- ask() }()
	select {
	case err := <-answered:
		t.Errorf("a silent line answered: %v", err)
	case <-after(100):
	}
	l.set(false, false)
	must(t, <-answered)
	l.set(true, false)
	if ask() == nil {
		t.Error("a cut line answered")
	}
	l.set(false, false)
	c = dial()
	must(t, ask())
}
