package policy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// editRules changes the text of a rules file and leaves comments, order and the
// ends of lines as they are.
func editRules(text string, c Change) string {
	gone := map[string]bool{}
	for _, r := range c.Remove {
		gone[rowKey(r)] = true
	}
	var b strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		if r, err := parseRow(strings.TrimRight(line, "\r\n")); err == nil && r.fields != nil && gone[rowKey(r.fields)] {
			continue
		}
		b.WriteString(line)
	}
	end := "\n"
	if strings.Contains(text, "\r\n") {
		end = "\r\n"
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteString(end)
	}
	for _, r := range c.Add {
		var line strings.Builder
		writeRow(&line, r, nil)
		b.WriteString(strings.TrimSuffix(line.String(), "\n") + end)
	}
	return b.String()
}

// writeFile replaces a file whole or not at all.
func writeFile(name, text string) error {
	// What a link leads to is replaced, not the link; and who may read the file
	// stays as it was.
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
		if info, err := os.Stat(name); err == nil {
			mode = info.Mode().Perm()
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// staleLock is when a lock is taken for one that a process left behind.
const staleLock = 10 * time.Second

// lock takes the lock file.
func (s *DirStore) lock(ctx context.Context) (unlock func(), err error) {
	name := filepath.Join(s.dir, lockFile)
	for {
		f, err := s.createLock(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { os.Remove(name) }, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > staleLock {
			os.Remove(name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
