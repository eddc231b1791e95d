package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// serveVariable holds, in a server's process, what it is to serve.
const serveVariable = "GATEWRIGHT_BENCH_SERVE"

// process is a server under test.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	offer   offer
}

// start runs this program again as a server and waits until it is ready.
func start(ctx context.Context, cfg serverConfig) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, program)}
	p.command.Env = append(os.Environ(), serveVariable+"="+string(text))
	p.command.Stderr = os.Stderr
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.offer)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not become ready: %w", err), p.stop())
	}
	return p, nil
}

// stop ends the server, which drains: its input is closed.
func (p *process) stop() error {
	_ = p.stdin.Close()
	late := time.AfterFunc(20*time.Second, func() { _ = p.command.Process.Kill() })
	defer late.Stop()
	return p.command.Wait()
}

// usage is what a server has used up so far.
type usage struct {
	CPU    time.Duration `json:"cpu"`
	Memory int64         `json:"memory"` // peak, in bytes
	// DatabaseCPU is PostgreSQL's, which the server does not know.
	DatabaseCPU time.Duration `json:"-"`
}

func (p *process) usage() (u usage, err error) {
	c, err := dial(p.offer.Address)
	if err != nil {
		return u, err
	}
	defer c.close()
	status, body, err := c.roundTrip([]byte("GET " + usagePath + " HTTP/1.1\r\nHost: bench\r\n\r\n"))
	if err != nil || status != 200 {
		return u, fmt.Errorf("asking for the usage: status %d, %w", status, err)
	}
	return u, json.Unmarshal(body, &u)
}
