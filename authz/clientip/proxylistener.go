package clientip

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ProxyListener is a listener behind proxies that open every connection with a
// PROXY header, version 1 or 2. Its connections report as RemoteAddr the client
// that the header names, so [Direct] is the [Resolver] to use, and TLS may be
// put on top.
//
// A connection from anyone but the trusted proxies is closed, and so is one
// without a valid header, or whose header takes too long: none of them is ever
// returned by Accept. A connection that the proxy opened for itself (LOCAL,
// UNKNOWN: health checks) has a RemoteAddr that is no address, so that [Direct]
// refuses its requests while handlers outside keep working.
type ProxyListener struct {
	inner    net.Listener
	trusted  []netip.Prefix
	timeout  time.Duration
	start    sync.Once
	stop     sync.Once
	accepted chan net.Conn
	failed   chan error
	closed   chan struct{}
}

// ProxyOptions holds what may be left at zero.
type ProxyOptions struct {
	// HeaderTimeout is how long a proxy may take to send the header; by default
	// five seconds.
	HeaderTimeout time.Duration
}

// NewProxyListener wraps inner. Only peers in trustedProxies may connect; if
// inner is a Unix socket, its file permissions decide, and the list must be
// empty. The error names the field that is wrong.
func NewProxyListener(inner net.Listener, trustedProxies []netip.Prefix, options ProxyOptions) (*ProxyListener, error) {
	if inner == nil {
		return nil, errors.New("clientip: inner: no listener")
	}
	trusted, err := proxies(trustedProxies)
	if err != nil {
		return nil, err
	}
	switch unix := inner.Addr().Network() == "unix"; {
	case unix && len(trusted) > 0:
		return nil, errors.New("clientip: trustedProxies: the peers of a Unix socket have no address")
	case !unix && len(trusted) == 0:
		return nil, errors.New("clientip: trustedProxies: empty; nobody could connect")
	case options.HeaderTimeout < 0:
		return nil, errors.New("clientip: HeaderTimeout: negative")
	case options.HeaderTimeout == 0:
		options.HeaderTimeout = 5 * time.Second
	}
	return &ProxyListener{
		inner:    inner,
		trusted:  trusted,
		timeout:  options.HeaderTimeout,
		accepted: make(chan net.Conn),
		failed:   make(chan error),
		closed:   make(chan struct{}),
	}, nil
}

// Accept returns the next connection whose PROXY header has been read. A slow
// header holds up no other connection.
func (l *ProxyListener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.run() })
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.accepted:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close stops listening. Connections that Accept returned stay open.
func (l *ProxyListener) Close() error {
	l.stop.Do(func() { close(l.closed) })
	return l.inner.Close()
}

// Addr returns the address that the inner listener is bound to.
func (l *ProxyListener) Addr() net.Addr { return l.inner.Addr() }

func (l *ProxyListener) run() {
	for {
		c, err := l.inner.Accept()
		if err != nil {
			select {
			case l.failed <- err: // the caller decides whether to go on
				continue
			case <-l.closed:
				return
			}
		}
		if !l.trustsPeer(c) {
			c.Close()
			continue
		}
		go l.admit(c)
	}
}

func (l *ProxyListener) trustsPeer(c net.Conn) bool {
	if len(l.trusted) == 0 {
		return true // a Unix socket
	}
	peer, ok := peerAddr(c.RemoteAddr().String())
	if !ok {
		return false
	}
	for _, p := range l.trusted {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// admit reads the header of c and hands c to Accept, or closes it.
func (l *ProxyListener) admit(c net.Conn) {
	r := bufio.NewReader(c)
	err := c.SetReadDeadline(time.Now().Add(l.timeout))
	var header proxied
	if err == nil {
		header, err = readProxyHeader(r)
	}
	if err == nil {
		err = c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		c.Close()
		return
	}
	select {
	case l.accepted <- newProxyConn(c, r, header):
	case <-l.closed:
		c.Close()
	}
}

// proxyConn is a connection after its header.
type proxyConn struct {
	net.Conn
	reader        *bufio.Reader // what was read along with the header, then Conn
	remote, local net.Addr
}

func newProxyConn(c net.Conn, r *bufio.Reader, header proxied) *proxyConn {
	p := &proxyConn{Conn: c, reader: r, remote: unknownAddr{}, local: unknownAddr{}}
	if header.source.IsValid() {
		p.remote = net.TCPAddrFromAddrPort(header.source)
		p.local = net.TCPAddrFromAddrPort(header.destination)
	}
	return p
}

func (c *proxyConn) Read(b []byte) (int, error) {
	if c.reader == nil {
		return c.Conn.Read(b)
	}
	if c.reader.Buffered() == 0 {
		c.reader = nil
		return c.Conn.Read(b)
	}
	return c.reader.Read(b)
}

// CloseWrite lets net/http end a connection without a reset.
func (c *proxyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *proxyConn) RemoteAddr() net.Addr { return c.remote }
func (c *proxyConn) LocalAddr() net.Addr  { return c.local }

// unknownAddr stands for a client that the proxy did not name.
type unknownAddr struct{}

func (unknownAddr) Network() string { return "proxy" }
func (unknownAddr) String() string  { return "unknown" }
