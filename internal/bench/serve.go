package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"time"
)

// serverConfig is what a server's process is told.
type serverConfig struct {
	Server   string `json:"server"`
	Database string `json:"database"`
	// DSN is a file (SQLite) or a URL (PostgreSQL).
	DSN     string  `json:"dsn"`
	Variant variant `json:"variant"`
	Profile string  `json:"profile"`
}

// variant is how a server is set up for a scenario.
type variant string

const (
	plain      variant = ""
	refreshing variant = "refreshing" // client_credentials gives a refresh token
	references variant = "references" // access tokens are rows
)

// offer is what a server tells the load generator.
type offer struct {
	Address  string `json:"address"`
	Client   key    `json:"client"`
	Resource key    `json:"resource"` // may introspect
	// FirstRefresh is the form that gets the first refresh token.
	FirstRefresh string `json:"first_refresh"`
}

type key struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

const (
	permission = "account:read"
	issueForm  = "grant_type=client_credentials&scope=account%3Aread"
	usagePath  = "/bench/usage"
)

// subject is one of the servers compared.
type subject struct {
	handler http.Handler
	offer   offer
	close   func(context.Context) error
}

// serveIfAsked serves and does not return, if this process is a server.
func serveIfAsked() {
	text := os.Getenv(serveVariable)
	if text == "" {
		return
	}
	var cfg serverConfig
	err := json.Unmarshal([]byte(text), &cfg)
	if err == nil {
		err = serve(cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve says on its output that it is ready and serves until its input ends.
func serve(cfg serverConfig) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s, err := open(ctx, cfg, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == usagePath {
			_ = json.NewEncoder(w).Encode(usage{CPU: processorTime(), Memory: peakMemory()})
			return
		}
		s.handler.ServeHTTP(w, r)
	})}
	if cfg.Profile != "" {
		stop, err := profile(cfg.Profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.offer.Address = listener.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(s.offer); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case <-ended:
	case err := <-failed:
		return err
	}
	stopping, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return errors.Join(server.Close(), s.close(stopping))
}

// profile writes what the processor is used for, and at the end what memory was.
func profile(name string) (stop func() error, err error) {
	processor, err := os.Create(name + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(processor); err != nil {
		return nil, errors.Join(err, processor.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		allocations, err := os.Create(name + ".allocs.pprof")
		if err != nil {
			return errors.Join(err, processor.Close())
		}
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocations, 0), allocations.Close(), processor.Close())
	}, nil
}

func open(ctx context.Context, cfg serverConfig, base string) (*subject, error) {
	switch cfg.Server {
	case gatewright:
		return openGatewright(ctx, cfg, base)
	case fositeGORM:
		return openFosite(cfg)
	case goOAuth2:
		return openGoOAuth2(cfg)
	}
	return nil, fmt.Errorf("%q is no server", cfg.Server)
}

// answerAccounts is the guarded route's own work, the same for all servers.
func answerAccounts(w http.ResponseWriter, client string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(accounts{Client: client, Accounts: []string{}})
}

type accounts struct {
	Client   string   `json:"client"`
	Accounts []string `json:"accounts"`
}
