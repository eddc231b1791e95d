//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/client/tokenstoretest"
)

func TestFileStore(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tokens")
	tokenstoretest.Run(t, func(t *testing.T) client.TokenStore {
		s, err := client.NewFileStore(folder)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(f.Name(), ".") {
			t.Errorf("%s: %v %v: locks and drafts must be gone, and files private", f.Name(), info.Mode(), err)
		}
	}
}

func TestFileStoreRefusals(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewFileStore(open); err == nil {
		t.Error("a folder that others may read was accepted")
	}
	if _, err := client.NewFileStore(filepath.Join(os.DevNull, "x")); err == nil {
		t.Error("a folder that cannot be was accepted")
	}
	folder := t.TempDir() + "/tokens"
	s, err := client.NewFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "a.lock", "a\x00", strings.Repeat("a", 129)} {
		if _, err := s.Load(t.Context(), name); err == nil || errors.Is(err, client.ErrNoToken) {
			t.Errorf("Load %q: %v", name, err)
		}
		if err := s.Update(t.Context(), name, func([]byte) ([]byte, error) { t.Error("called"); return nil, nil }); err == nil {
			t.Errorf("Update %q was accepted", name)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "large"), bytes.Repeat([]byte{1}, 300<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "large"); err == nil {
		t.Error("a file of 300 KiB was read")
	}
}

const countFolder = "GATEWRIGHT_TEST_COUNT_FOLDER"

// TestFileStoreProcesses counts up in one record from several processes.
func TestFileStoreProcesses(t *testing.T) {
	if folder := os.Getenv(countFolder); folder != "" {
		count(t, folder)
		return
	}
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tokens")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFileStoreProcesses$")
			cmd.Env = append(os.Environ(), countFolder+"="+folder)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	s, err := client.NewFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context(), "count"); err != nil || string(got) != "60" {
		t.Errorf("%q %v, want 60", got, err)
	}
}

func count(t *testing.T, folder string) {
	s, err := client.NewFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		err := s.Update(t.Context(), "count", func(current []byte) ([]byte, error) {
			n, _ := strconv.Atoi(string(current))
			return []byte(strconv.Itoa(n + 1)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Several processes of one machine may share the folder.
func ExampleNewFileStore() {
	store, err := client.NewFileStore(filepath.Join(os.TempDir(), "gatewright-example-tokens"))
	if err != nil {
		log.Fatal(err)
	}
	config := client.SignIn{Store: store, Keys: [][]byte{[]byte("32 random bytes from a KMS, please")[:32]}}
	_, err = config.Store.Load(context.Background(), "nobody")
	fmt.Println(errors.Is(err, client.ErrNoToken))
	// Output: true
}
