package example

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
)

// Main runs an example until it is done or the process is asked to stop, which
// ends the context.
func Main(name string, run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		if errors.Is(err, keyring.ErrUnknownRoot) {
			fmt.Fprintln(os.Stderr, "The database was begun with another root secret. Start with the -data folder it was begun with, or with an empty database.")
		}
		os.Exit(1)
	}
}

// Server is an example on its listener.
type Server struct {
	// URL is where it is reached.
	URL string

	listener net.Listener
	http     *http.Server
	failed   chan error
	// leaving is set once no more connections are taken, open counts those that
	// there still are.
	leaving atomic.Bool
	open    atomic.Int64
}

// Listen takes the address, so that the URL is known before there is a handler.
func Listen(addr string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	if at := l.Addr().(*net.TCPAddr); at.IP.IsUnspecified() {
		_ = l.Close()
		return nil, fmt.Errorf("-addr %q: name one address, such as 127.0.0.1:%d; the server's own URL begins with it", addr, at.Port)
	}
	return &Server{URL: "http://" + l.Addr().String(), listener: l, failed: make(chan error, 1)}, nil
}

// Secure puts around the listener what ends TLS, so that the URL is https. Call
// it before Start.
func (s *Server) Secure(around func(net.Listener) net.Listener) {
	s.listener = around(s.listener)
	s.URL = "https://" + s.listener.Addr().String()
}

// Addr is the address listened on, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Start serves the handler.
func (s *Server) Start(handler http.Handler) {
	s.http = &http.Server{Handler: s.sayingGoodbye(handler), ConnState: s.count, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(withoutHandshakes{os.Stderr}, "", log.LstdFlags)}
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.failed <- err
		}
	}()
}

// sayingGoodbye tells clients with their last answer that the connection closes.
func (s *Server) sayingGoodbye(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// withoutHandshakes leaves out of the server's log that somebody was turned away
// in a TLS handshake, which is nothing to worry about.
type withoutHandshakes struct{ to io.Writer }

func (w withoutHandshakes) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("TLS handshake error")) {
		return len(line), nil
	}
	return w.to.Write(line)
}

// Wait returns when the context ends, or when serving failed.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Drain takes no more connections and lets requests under way finish, within ten
// seconds; who takes longer, for instance to send a body, is cut off. Connections
// that are in use are closed by their next answer, which says so: closed between
// two requests, they would fail the one that is being sent. Idle ones wait for it
// only a moment.
func (s *Server) Drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = s.listener.Close() // first: who is told to leave must not come back
	s.leaving.Store(true)
	for began := time.Now(); s.open.Load() > 0 && time.Since(began) < 300*time.Millisecond; {
		time.Sleep(10 * time.Millisecond)
	}
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("requests still under way after ten seconds were cut off")
		err = s.http.Close()
	}
	if errors.Is(err, net.ErrClosed) { // the listener, which is closed already
		return nil
	}
	return err
}

// WriteCredentials writes the demo credentials, whole or not at all, readable by
// the owner only. Without a file it does nothing.
func WriteCredentials(file string, credentials any) error {
	if file == "" {
		return nil
	}
	body, err := json.MarshalIndent(credentials, "", "  ")
	if err != nil {
		return err
	}
	if there, err := os.Stat(file); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("-credentials: %s is there and no file", file)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".credentials-*")
	if err != nil {
		return fmt.Errorf("-credentials: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(append(body, '\n'))
	if err = errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("-credentials: %w", err)
	}
	if err := os.Rename(temporary.Name(), file); err != nil {
		return fmt.Errorf("-credentials: %w", err)
	}
	return nil
}
