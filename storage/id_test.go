package storage_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

func ExampleNewID() {
	made := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	id := storage.NewID(made)
	fmt.Println(id.Time())
	fmt.Println(len(id.String()), id.IsZero())
	// Output:
	// 2026-03-01 12:00:00.123 +0000 UTC
	// 32 false
}

func ExampleParseID() {
	id, err := storage.ParseID("019ca9450a7b00112233445566778899")
	fmt.Println(id.Time(), err)
	_, err = storage.ParseID("019CA9450A7B00112233445566778899")
	fmt.Println(err)
	// Output:
	// 2026-03-01 12:00:00.123 +0000 UTC <nil>
	// storage: an id has 32 lower-case hexadecimal digits
}

// In JSON an id is its text, so that what a host lists can be named again.
func ExampleID_MarshalText() {
	given := map[string]storage.ID{"id": {0x01, 0x9c, 15: 0x99}, "none": {}}
	text, err := json.Marshal(given)
	fmt.Println(string(text), err)
	var read map[string]storage.ID
	err = json.Unmarshal(text, &read)
	fmt.Println(maps.Equal(given, read), err)
	// Output:
	// {"id":"019c0000000000000000000000000099","none":""} <nil>
	// true <nil>
}

func TestIDTextRefuses(t *testing.T) {
	t.Parallel()
	was := storage.NewID(time.Now())
	for _, text := range []string{`"0"`, `"` + strings.Repeat("A", 32) + `"`, `"` + strings.Repeat("0", 33) + `"`, `[1,2]`, `{}`, `7`} {
		id := was
		if err := json.Unmarshal([]byte(text), &id); err == nil || id != was {
			t.Errorf("%s: %v %v, want an error and the id as it was", text, id, err)
		}
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	previous := storage.NewID(at)
	for range 1000 {
		at = at.Add(time.Millisecond)
		id := storage.NewID(at)
		if bytes.Compare(previous[:], id[:]) >= 0 || previous.String() >= id.String() {
			t.Fatalf("the id of %v does not sort after the one before", at)
		}
		if !id.Time().Equal(at) || id.Time().Location() != time.UTC {
			t.Fatalf("got the time %v, want %v", id.Time(), at)
		}
		previous = id
	}
}

func TestNewIDIsUnique(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := make(map[storage.ID]bool)
	var done sync.WaitGroup
	at := time.Now()
	for range 8 {
		done.Go(func() {
			for range 1000 {
				id := storage.NewID(at)
				mu.Lock()
				if seen[id] {
					t.Error("an id was made twice")
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	done.Wait()
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "0", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("0", 64),
		strings.Repeat("0", 31) + "g", strings.Repeat("0", 31) + " ", strings.Repeat("A", 32), "0X" + strings.Repeat("0", 30),
		strings.Repeat("０", 32), strings.Repeat("0", 30) + "\x00\x00", "{" + strings.Repeat("0", 30) + "}",
		"00000000-0000-0000-0000-000000000000",
	} {
		if id, err := storage.ParseID(text); err == nil || !id.IsZero() {
			t.Errorf("ParseID(%q) = %v, %v, want an error", text, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(storage.NewID(time.Now()).String())
	f.Add("")
	f.Add(strings.Repeat("F", 32))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := storage.ParseID(text)
		if err == nil && id.String() != text {
			t.Fatalf("%q was read as %v", text, id)
		}
		if err != nil && !id.IsZero() {
			t.Fatal("an error comes with an id")
		}
	})
}

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	now := time.Now()
	for b.Loop() {
		storage.NewID(now)
	}
}
