package mtls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A ServerCertificate is the server's own certificate and key, kept in two PEM
// files and read again on demand. It is safe for concurrent use; the zero value
// has no certificate and fails every handshake.
type ServerCertificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	reload            sync.Mutex
	read              [2]fileState // of the files when they were last read
}

type fileState struct {
	modified time.Time
	size     int64
}

// LoadServerCertificate reads a certificate (with its intermediates) and its
// private key.
func LoadServerCertificate(certFile, keyFile string) (*ServerCertificate, error) {
	s := &ServerCertificate{certFile: certFile, keyFile: keyFile}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the files again. New handshakes use the new pair; connections
// stay. If the pair is broken, does not belong together or is out of date, the
// one in use stays, and the error says why.
func (s *ServerCertificate) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	if s.certFile == "" || s.keyFile == "" {
		return errors.New("mtls: certFile, keyFile: both are needed")
	}
	state := s.stat()
	pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
	if err != nil {
		return fmt.Errorf("mtls: certFile, keyFile: %w", err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		return fmt.Errorf("mtls: certFile: valid only from %s to %s",
			pair.Leaf.NotBefore.UTC().Format(time.RFC3339), pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	s.current.Store(&pair)
	s.read = state
	return nil
}

// GetCertificate is for tls.Config.
func (s *ServerCertificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair := s.current.Load()
	if pair == nil {
		return nil, errors.New("mtls: no server certificate is loaded")
	}
	return pair, nil
}

// NotAfter is when the certificate in use expires; the zero time if there is
// none.
func (s *ServerCertificate) NotAfter() time.Time {
	pair := s.current.Load()
	if pair == nil {
		return time.Time{}
	}
	return pair.Leaf.NotAfter
}

// Watch looks at the files at each interval, reloads them when they have
// changed, and calls report with the result: nil after a good reload. It returns
// when ctx ends.
func (s *ServerCertificate) Watch(ctx context.Context, interval time.Duration, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.changed() {
			report(s.Reload())
		}
	}
}

// changed tells whether the files are not those that were last looked at. A
// broken pair is reported once, not at every tick.
func (s *ServerCertificate) changed() bool {
	s.reload.Lock()
	defer s.reload.Unlock()
	now := s.stat()
	if now == s.read {
		return false
	}
	s.read = now
	return true
}

func (s *ServerCertificate) stat() (state [2]fileState) {
	for i, name := range []string{s.certFile, s.keyFile} {
		if info, err := os.Stat(name); err == nil {
			state[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	return state
}
