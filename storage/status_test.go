package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

func ExampleStatus() {
	text, err := json.Marshal(map[string]storage.Status{"status": storage.Suspended})
	fmt.Println(string(text), err)

	var read struct{ Status storage.Status }
	fmt.Println(json.Unmarshal([]byte(`{"Status":"dormant"}`), &read))
	fmt.Println(read.Status, read.Status == storage.Active)
	// Output:
	// {"status":"suspended"} <nil>
	// storage: status "dormant" is none of active, suspended, revoked
	// invalid false
}

func ExampleClient_ActiveAt() {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	client := storage.Client{Status: storage.Active, ExpiresAt: now.Add(time.Hour)}
	fmt.Println(client.ActiveAt(now), client.ActiveAt(now.Add(time.Hour)))
	// Output: true false
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	for status, name := range map[storage.Status]string{
		storage.Active: "active", storage.Suspended: "suspended", storage.Revoked: "revoked",
	} {
		text, err := status.MarshalText()
		if err != nil || string(text) != name || status.String() != name {
			t.Errorf("status %d is written as %q (%v), want %q", status, text, err, name)
		}
		var read storage.Status
		if err := read.UnmarshalText(text); err != nil || read != status {
			t.Errorf("%q is read as %v (%v)", text, read, err)
		}
	}
	for _, status := range []storage.Status{0, 4, 255} {
		if text, err := status.MarshalText(); err == nil {
			t.Errorf("status %d is written as %q", status, text)
		}
	}
	for _, text := range []string{"", "Active", "ACTIVE", "active ", " active", "invalid", "1", "activ", "active\x00"} {
		read := storage.Revoked
		if err := read.UnmarshalText([]byte(text)); err == nil || read != storage.Revoked {
			t.Errorf("%q is read as %v", text, read)
		}
	}
}

func TestClientActiveAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		client storage.Client
		want   bool
	}{
		"nothing set":        {storage.Client{}, false},
		"suspended":          {storage.Client{Status: storage.Suspended}, false},
		"revoked":            {storage.Client{Status: storage.Revoked}, false},
		"no such status":     {storage.Client{Status: 4}, false},
		"expired":            {storage.Client{Status: storage.Active, ExpiresAt: now.Add(-time.Hour)}, false},
		"expires right now":  {storage.Client{Status: storage.Active, ExpiresAt: now}, false},
		"suspended, not yet": {storage.Client{Status: storage.Suspended, ExpiresAt: now.Add(time.Hour)}, false},
		"not yet expired":    {storage.Client{Status: storage.Active, ExpiresAt: now.Add(time.Millisecond)}, true},
		"never expires":      {storage.Client{Status: storage.Active}, true},
	} {
		if got := test.client.ActiveAt(now); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestOutcomeZeroIssuesNothing(t *testing.T) {
	t.Parallel()
	var zero storage.Outcome
	if zero == storage.Done || zero == storage.Graced || zero.String() != "invalid" {
		t.Errorf("the zero outcome is %v", zero)
	}
	names := make(map[string]bool)
	for o := storage.Done; o <= storage.Unknown; o++ {
		names[o.String()] = true
	}
	if len(names) != 5 || names["invalid"] {
		t.Errorf("the outcomes are called %v", names)
	}
}

func TestErrBusyIsUnavailable(t *testing.T) {
	t.Parallel()
	if !errors.Is(fmt.Errorf("redeeming: %w", storage.ErrBusy), storage.ErrUnavailable) {
		t.Error("a full queue is not taken for a store that is away")
	}
	if errors.Is(storage.ErrUnavailable, storage.ErrBusy) {
		t.Error("a store that is away is taken for a full queue")
	}
}

func TestMemberKeysDoNotMeet(t *testing.T) {
	t.Parallel()
	if storage.MemberKey("a", "b-c") == storage.MemberKey("a-b", "c") || storage.MemberKey("ab", "") == storage.MemberKey("a", "b") {
		t.Error("two memberships have one key")
	}
}
