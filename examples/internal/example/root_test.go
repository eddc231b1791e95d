package example

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestRootOfProcessesThatBeginAtOnce(t *testing.T) {
	for name, dsn := range map[string]string{"one folder": "", "one database, folders of their own": "postgres://me@127.0.0.1:5432/name"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			folders := make([]string, 16)
			for i := range folders {
				folders[i] = t.TempDir()
				if dsn == "" {
					folders[i] = folders[0]
				}
			}
			ids := make(chan string, len(folders))
			var wait sync.WaitGroup
			for _, folder := range folders {
				wait.Go(func() {
					root, err := (&Flags{Data: folder, DSN: dsn}).Root()
					if err != nil {
						t.Error(err)
					}
					ids <- root.Text()
				})
			}
			wait.Wait()
			first := <-ids
			for range len(folders) - 1 {
				if <-ids != first {
					t.Fatal("two processes have root secrets of their own")
				}
			}
			for _, folder := range folders { // and keep it
				again, err := (&Flags{Data: folder, DSN: dsn}).Root()
				if err != nil || again.Text() != first {
					t.Fatalf("started again: another root secret, %v", err)
				}
			}
		})
	}
}

func TestRootWithoutFolders(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", blocked) // nothing can be written below a file
	const dsn = "mysql://me@127.0.0.1:3306/name"
	data := t.TempDir()
	first, err := (&Flags{Data: data, DSN: dsn}).Root()
	if err != nil {
		t.Fatalf("a data folder must do: %v", err)
	}
	if again, err := (&Flags{Data: data, DSN: dsn}).Root(); err != nil || again.Text() != first.Text() {
		t.Errorf("started again: another root secret, %v", err)
	}
	if _, err := (&Flags{Data: t.TempDir(), DSN: dsn, temporary: true}).Root(); err == nil {
		t.Error("a root secret that is lost with its temporary folder")
	}
}

func TestRootWithoutHome(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	place, err := (&Flags{DSN: "postgres://me@127.0.0.1:5432/name"}).sharedPlace()
	if err != nil || place != "" && !filepath.IsAbs(place) {
		t.Errorf("%q, %v", place, err)
	}
}

func TestRootThatIsBroken(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "root.key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Flags{Data: data}).Root(); err == nil {
		t.Error("accepted")
	}
}

func TestDatabaseNameIsOnePerDatabase(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"postgres://me@127.0.0.1:5432/name", "postgres://you:secret@localhost:5432/name", "postgresql://me@127.0.0.1/name"},
		{"mysql://me@127.0.0.1:3306/name", "mysql://me@localhost/name", "me@tcp(127.0.0.1:3306)/name", "me:secret@tcp(localhost:3306)/name?parseTime=true"},
	} {
		want, err := databaseName(same[0])
		for _, dsn := range same {
			got, err2 := databaseName(dsn)
			if err := errors.Join(err, err2); err != nil || got != want {
				t.Errorf("%s: %q, want %q, %v", dsn, got, want, err)
			}
		}
	}
	if other, _ := databaseName("postgres://me@localhosts:5432/name"); other == "postgres 127.0.0.1s 5432 name" {
		t.Error("another host")
	}
}

func TestCredentialsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, file := range []string{folder, os.DevNull, filepath.Join(folder, "none", "c.json")} {
		if err := WriteCredentials(file, "x"); err == nil {
			t.Errorf("%s: written", file)
		}
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Error("something is left behind")
	}
}

func TestListenNeedsAnAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "nonsense", "127.0.0.1:99999"} {
		if s, err := Listen(addr); err == nil {
			t.Errorf("%s: %s", addr, s.URL)
		}
	}
}
