package example

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Second is another process of the same example over the same database.
type Second struct {
	URL string
	cmd *exec.Cmd
}

// StartSecond runs this program once more, on a free port, with the same data
// folder and the given database, and waits until it is ready.
func StartSecond(ctx context.Context, f *Flags, dsn string) (*Second, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-addr", "127.0.0.1:0", "-data", f.Data}
	if dsn != "" {
		args = append(args, "-dsn", dsn)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "GATEWRIGHT_EXAMPLE_MAIN=1") // a test binary runs main then
	said := new(bytes.Buffer)                                   // told only if it does not start
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Second{cmd: cmd}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		close(ready)
	}()
	select {
	case url, ok := <-ready:
		if !ok {
			return nil, errors.Join(errors.New("the second process ended before it was ready"), cmd.Wait(), errors.New(said.String()))
		}
		s.URL = url
		return s, nil
	case <-time.After(30 * time.Second):
		s.Stop()
		return nil, fmt.Errorf("the second process was not ready within 30 seconds")
	}
}

// Stop ends the process.
func (s *Second) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
		<-done
	}
}
