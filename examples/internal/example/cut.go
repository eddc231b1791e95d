package example

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// Cut is a line to a database that can be cut: a relay on loopback.
type Cut struct {
	// DSN is the database by way of the relay.
	DSN string

	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    []net.Conn
	cut      bool
	gate     sync.RWMutex // held while silent
}

// gated hands on what it reads when the gate is open.
type gated struct {
	io.Reader
	gate *sync.RWMutex
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	g.gate.RLock()
	defer g.gate.RUnlock()
	return n, err
}

// Silence holds back whatever is sent until the returned function is called, as a
// network does that drops packets.
func (c *Cut) Silence() (mend func()) {
	c.gate.Lock()
	return c.gate.Unlock
}

var tcpAddress = regexp.MustCompile(`@tcp\(([^)]*)\)`)

// NewCut starts a relay to the database of a DSN.
func NewCut(dsn string) (*Cut, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Cut{listener: l}
	if m := tcpAddress.FindStringSubmatch(dsn); m != nil {
		c.target, c.DSN = m[1], strings.Replace(dsn, m[0], "@tcp("+l.Addr().String()+")", 1)
	} else {
		u, err := url.Parse(dsn)
		if err != nil || u.Host == "" {
			_ = l.Close()
			return nil, fmt.Errorf("-dsn: cutting the connection needs a DSN that names its host, such as postgres://user@host/name")
		}
		port := u.Port()
		if port == "" {
			port = map[bool]string{true: "3306", false: "5432"}[isMySQL(dsn)]
		}
		c.target, u.Host = net.JoinHostPort(u.Hostname(), port), l.Addr().String()
		c.DSN = u.String()
	}
	go c.accept()
	return c, nil
}

func (c *Cut) accept() {
	for {
		in, err := c.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.target)
		c.mu.Lock()
		if err != nil || c.cut {
			_ = in.Close()
			if out != nil {
				_ = out.Close()
			}
			c.mu.Unlock()
			continue
		}
		c.conns = append(c.conns, in, out)
		c.mu.Unlock()
		go c.relay(in, out)
		go c.relay(out, in)
	}
}

// relay copies until either side closes.
func (c *Cut) relay(to, from net.Conn) {
	_, _ = io.Copy(to, gated{from, &c.gate})
	_ = to.Close()
	_ = from.Close()
}

// Cut closes every connection and takes no more.
func (c *Cut) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// Close ends the relay.
func (c *Cut) Close() {
	_ = c.listener.Close()
	c.Cut()
}
