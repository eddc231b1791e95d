package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what one cell came to in one round.
type result struct {
	cell
	Round     int           `json:"round"`
	Requests  int           `json:"requests"`
	PerSecond float64       `json:"per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	// CPU is the server process's processor time for one request, DatabaseCPU
	// that of PostgreSQL's processes.
	CPU         time.Duration `json:"cpu_ns"`
	DatabaseCPU time.Duration `json:"database_cpu_ns"`
	// Memory is the server process's peak, in bytes.
	Memory int64 `json:"memory"`
}

// run measures a cell: fresh database, fresh server, warm-up, measurement.
func (c cell) run(ctx context.Context, o options) (_ result, err error) {
	s, err := scenarioNamed(c.Scenario)
	if err != nil {
		return result{}, err
	}
	dsn, remove, err := makeDatabase(ctx, c.Database, o.postgres)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cfg := serverConfig{Server: c.Server, Database: c.Database, DSN: dsn, Variant: s.variant}
	if o.profiles != "" {
		cfg.Profile = filepath.Join(o.profiles, strings.NewReplacer(" ", "_", "=", "").Replace(c.String()))
	}
	p, err := start(ctx, cfg)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return c.measure(ctx, p, s, dsn, o.duration)
}

func (c cell) measure(ctx context.Context, p *process, s scenario, dsn string, d time.Duration) (result, error) {
	l := &load{offer: p.offer, duration: d}
	for range c.Concurrency {
		conn, err := dial(p.offer.Address)
		if err != nil {
			return result{}, err
		}
		defer conn.close()
		l.connections = append(l.connections, conn)
	}
	operations, err := s.prepare(l)
	if err != nil {
		return result{}, err
	}
	if _, _, err := l.drive(operations, d/4); err != nil {
		return result{}, err
	}
	before, err := c.usage(ctx, p, dsn)
	if err != nil {
		return result{}, err
	}
	latencies, took, err := l.drive(operations, d)
	if err != nil {
		return result{}, err
	}
	after, err := c.usage(ctx, p, dsn)
	if err != nil {
		return result{}, err
	}
	if l.after != nil {
		if err := l.after(); err != nil {
			return result{}, err
		}
	}
	n := len(latencies)
	if n == 0 {
		return result{}, errors.New("no request was made")
	}
	slices.Sort(latencies)
	return result{cell: c, Requests: n, PerSecond: float64(n) / took.Seconds(),
		P50: quantile(latencies, 0.50), P99: quantile(latencies, 0.99),
		CPU: (after.CPU - before.CPU) / time.Duration(n), DatabaseCPU: (after.DatabaseCPU - before.DatabaseCPU) / time.Duration(n), Memory: after.Memory}, nil
}

func (c cell) usage(ctx context.Context, p *process, dsn string) (usage, error) {
	u, err := p.usage()
	if err != nil {
		return u, err
	}
	u.DatabaseCPU, err = databaseTime(ctx, c.Database, dsn)
	return u, err
}

// drive has every worker send one request after the other until the time is
// over, and returns how long each took.
func (l *load) drive(operations []operation, d time.Duration) (latencies []time.Duration, took time.Duration, err error) {
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
	)
	began := time.Now()
	for i, op := range operations {
		wait.Go(func() {
			own := make([]time.Duration, 0, 1024)
			var failed error
			for at := time.Now(); at.Sub(began) < d; {
				if failed = op(l.connections[i]); failed != nil {
					break
				}
				now := time.Now()
				own = append(own, now.Sub(at))
				at = now
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
			if failed != nil && !errors.Is(failed, errExhausted) {
				err = errors.Join(err, fmt.Errorf("worker %d: %w", i, failed))
			}
		})
	}
	wait.Wait()
	return latencies, time.Since(began), err
}

// quantile of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
