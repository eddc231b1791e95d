// Package tokenstoretest checks implementations of [client.TokenStore].
package tokenstoretest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/client"
)

const (
	one   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1"
	two   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2"
	never = "-_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
)

// Run tests a store. open returns handles on one and the same empty store, as
// several processes have them: the same handle over and over if the store is one
// process's own.
func Run(t *testing.T, open func(t *testing.T) client.TokenStore) {
	t.Helper()
	s := open(t)
	t.Run("records", func(t *testing.T) { records(t, s, open(t)) })
	t.Run("errors change nothing", func(t *testing.T) { failures(t, s) })
	t.Run("one change at a time", func(t *testing.T) { exclusive(t, open) })
	t.Run("names do not wait for each other", func(t *testing.T) { independent(t, s, open(t)) })
	t.Run("who waits may go away", func(t *testing.T) { patience(t, s, open(t)) })
}

func keep(data []byte) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return data, nil }
}

func expect(t *testing.T, s client.TokenStore, name string, want []byte) {
	t.Helper()
	got, err := s.Load(t.Context(), name)
	if want == nil {
		if !errors.Is(err, client.ErrNoToken) {
			t.Errorf("Load of nothing: %v", err)
		}
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Load: %d bytes (%v), want %d", len(got), err, len(want))
	}
}

func records(t *testing.T, s, other client.TokenStore) {
	expect(t, s, one, nil)
	large := bytes.Repeat([]byte{0, 255, '\n', 'x'}, 4<<10)
	for i, data := range [][]byte{[]byte("a"), large, {0}} {
		var before []byte
		err := s.Update(t.Context(), one, func(current []byte) ([]byte, error) {
			before = bytes.Clone(current)
			return data, nil
		})
		if err != nil || (i == 0) != (before == nil) {
			t.Fatalf("Update %d: %v; it was given %d bytes", i, err, len(before))
		}
		expect(t, s, one, data)
		expect(t, other, one, data)
	}
	if err := s.Update(t.Context(), two, keep([]byte("b"))); err != nil {
		t.Fatal(err)
	}
	for range 2 { // to delete what is not there is nothing
		if err := s.Update(t.Context(), one, keep(nil)); err != nil {
			t.Fatal(err)
		}
		expect(t, other, one, nil)
	}
	expect(t, s, two, []byte("b"))
	expect(t, s, never, nil)
}

func failures(t *testing.T, s client.TokenStore) {
	if err := s.Update(t.Context(), one, keep([]byte("kept"))); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("no")
	for _, name := range []string{one, never} {
		err := s.Update(t.Context(), name, func([]byte) ([]byte, error) { return []byte("lost"), wrong })
		if !errors.Is(err, wrong) {
			t.Errorf("Update: %v", err)
		}
	}
	expect(t, s, one, []byte("kept"))
	expect(t, s, never, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(gone, one, keep([]byte("late"))); err == nil {
		expect(t, s, one, []byte("late"))
	} else {
		expect(t, s, one, []byte("kept"))
	}
}

// exclusive counts up in one record from many handles; a lost update shows.
func exclusive(t *testing.T, open func(t *testing.T) client.TokenStore) {
	const handles, each = 4, 25
	if err := open(t).Update(t.Context(), one, keep(nil)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range handles {
		s := open(t)
		wg.Go(func() {
			for range each {
				err := s.Update(t.Context(), one, func(current []byte) ([]byte, error) {
					n := uint64(0)
					if len(current) == 8 {
						n = binary.BigEndian.Uint64(current)
					}
					time.Sleep(100 * time.Microsecond)
					return binary.BigEndian.AppendUint64(nil, n+1), nil
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	expect(t, open(t), one, binary.BigEndian.AppendUint64(nil, handles*each))
}

func independent(t *testing.T, s, other client.TokenStore) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.Update(ctx, one, func(current []byte) ([]byte, error) {
		if err := other.Update(ctx, two, keep([]byte("meanwhile"))); err != nil {
			return nil, fmt.Errorf("another name: %w", err)
		}
		if _, err := other.Load(ctx, one); err != nil && !errors.Is(err, client.ErrNoToken) {
			return nil, fmt.Errorf("reading the same name: %w", err)
		}
		return current, nil
	})
	if err != nil {
		t.Error(err)
	}
	expect(t, s, two, []byte("meanwhile"))
}

func patience(t *testing.T, s, other client.TokenStore) {
	err := s.Update(t.Context(), one, func(current []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		called := false
		err := other.Update(ctx, one, func(b []byte) ([]byte, error) { called = true; return b, nil })
		if err == nil || called {
			t.Errorf("two changes of one name at a time (%v)", err)
		}
		return current, nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := other.Update(t.Context(), one, keep([]byte("after"))); err != nil {
		t.Error(err)
	}
	expect(t, s, one, []byte("after"))
}
