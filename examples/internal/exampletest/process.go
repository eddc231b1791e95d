// Package exampletest runs example servers as processes, in their tests.
package exampletest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Main is called by TestMain with the example's main: the test binary serves as
// the program when a test, or the program itself, starts it with the variable set.
func Main(m *testing.M, run func()) {
	if os.Getenv("GATEWRIGHT_EXAMPLE_MAIN") != "" {
		run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Process is a running example.
type Process struct {
	// URL is what it printed as ready.
	URL string
	// Credentials is the file it wrote.
	Credentials string

	cmd    *exec.Cmd
	output *output
	done   chan error
}

// output collects what the process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "GATEWRIGHT_EXAMPLE_MAIN=1")
	return cmd
}

// Start runs the example on a free port and waits until it is ready.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{Credentials: filepath.Join(t.TempDir(), "credentials.json"), output: new(output), done: make(chan error, 1)}
	p.cmd = command(context.Background(), append([]string{"-addr", "127.0.0.1:0", "-credentials", p.Credentials}, args...)...)
	p.cmd.Stderr = p.output
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(io.TeeReader(out, p.output))
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	select {
	case p.URL = <-ready:
	case err := <-p.done:
		t.Fatalf("ended before it was ready: %v\n%s", err, p.output)
	case <-time.After(60 * time.Second):
		t.Fatalf("not ready within a minute:\n%s", p.output)
	}
	return p
}

// Read decodes the credentials file.
func (p *Process) Read(t testing.TB, into any) {
	t.Helper()
	body, err := os.ReadFile(p.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

// Terminate sends SIGTERM and wants an exit with 0.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		if err != nil {
			t.Errorf("SIGTERM: %v\n%s", err, p.output)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("still running 30 seconds after SIGTERM:\n%s", p.output)
	}
}

// Kill ends the process as a crash would.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// Tour runs the example with -tour and returns what it printed.
func Tour(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), append([]string{"-addr", "127.0.0.1:0", "-tour"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("the tour failed: %v", err)
	}
	t.Logf("%s", out)
	return string(out)
}
