package example

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDrainFailsNobody: clients that send one request after the other on one
// connection are told that it closes, instead of finding it closed under their
// next request.
func TestDrainFailsNobody(t *testing.T) {
	t.Parallel()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") }))
	var clients sync.WaitGroup
	first := make(chan struct{}, 16)
	for range cap(first) {
		clients.Go(func() {
			for begun := false; ; begun = true {
				c, err := net.Dial("tcp", s.Addr())
				if err != nil {
					return // nobody listens any more
				}
				if err := converse(c, func() {
					if !begun {
						first <- struct{}{}
					}
					begun = true
				}); err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
			}
		})
	}
	for range cap(first) {
		<-first
	}
	if err := s.Drain(); err != nil {
		t.Error(err)
	}
	clients.Wait()
	select {
	case err := <-s.failed:
		t.Errorf("serving failed: %v", err)
	default:
	}
}

// converse sends one request after the other until an answer says that the
// connection closes.
func converse(c net.Conn, answered func()) error {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	for {
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != 200 || !strings.Contains(string(body), "done") {
			return errors.New(resp.Status)
		}
		answered()
		if resp.Close {
			return nil
		}
	}
}

// TestDrainWithIdleConnections: they hold nothing up for long.
func TestDrainWithIdleConnections(t *testing.T) {
	t.Parallel()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Start(http.NotFoundHandler())
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.Drain(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
