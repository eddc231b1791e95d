package bankdemo

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// Mixed takes connections of clients that speak TLS and of proxies that have
// ended it, on one address: the first byte tells which. Who may speak without
// TLS is not decided here; every request of an unknown peer that does is refused
// later.
func Mixed(inner net.Listener, config *tls.Config) net.Listener {
	m := &mixed{Listener: inner, config: config, ready: make(chan net.Conn), done: make(chan struct{})}
	go m.accept()
	return m
}

type mixed struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
	done   chan struct{} // closed when inner accepts no more
	err    error
}

// firstByte is how long a client may take to send anything.
const firstByte = 10 * time.Second

func (m *mixed) accept() {
	defer close(m.done)
	for {
		conn, err := m.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			m.err = err
			return
		}
		if err != nil { // too many open files, for instance
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go m.sort(conn)
	}
}

// sort looks at the first byte, which is 22 at the start of a TLS handshake
// (RFC 8446 section 5.1) and a letter in HTTP.
func (m *mixed) sort(conn net.Conn) {
	start := bufio.NewReaderSize(conn, 1<<10)
	_ = conn.SetReadDeadline(time.Now().Add(firstByte))
	first, err := start.Peek(1)
	if err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	var sorted net.Conn = &peeked{conn, start}
	if first[0] == 22 {
		sorted = tls.Server(sorted, m.config)
	}
	select {
	case m.ready <- sorted:
	case <-m.done:
		_ = conn.Close()
	}
}

// Accept returns the next connection that has sent something.
func (m *mixed) Accept() (net.Conn, error) {
	select {
	case conn := <-m.ready:
		return conn, nil
	case <-m.done:
		return nil, m.err
	}
}

// peeked is a connection whose first bytes were read already.
type peeked struct {
	net.Conn
	start *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.start.Read(b) }
