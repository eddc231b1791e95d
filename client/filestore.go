//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// FileStore is a [TokenStore] in a folder of a local disk, shared by the
// processes of one machine: a file for each record, replaced as a whole, and an
// advisory lock beside it while it is replaced. Make it with [NewFileStore]. It
// exists on systems that have flock.
type FileStore struct{ folder string }

var _ TokenStore = (*FileStore)(nil)

// maxRecord bounds a file, in bytes.
const maxRecord = 256 << 10

// NewFileStore returns a store in a folder, which is made if it is not there. A
// folder that others may write to, or read, is refused.
func NewFileStore(folder string) (*FileStore, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("client: file store: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("client: file store: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("client: file store: the folder is open to others (mode %04o, want 0700)", info.Mode().Perm())
	}
	return &FileStore{folder}, nil
}

// Load implements [TokenStore].
func (s *FileStore) Load(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	return readRecord(path)
}

func readRecord(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoToken
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err == nil && len(data) > maxRecord {
		err = errors.New("client: file store: a record is too large")
	}
	return data, err
}

// Update implements [TokenStore]. What was stored survives a crash of the
// machine.
func (s *FileStore) Update(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	unlock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	current, err := readRecord(path)
	if err != nil && !errors.Is(err, ErrNoToken) {
		return err
	}
	next, err := change(current)
	switch {
	case err != nil:
		return err
	case len(next) > 0:
		return s.replace(path, next)
	case current == nil:
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return s.sync()
}

// replace puts data in place of a file in one step.
func (s *FileStore) replace(path string, data []byte) error {
	f, err := os.CreateTemp(s.folder, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return s.sync()
}

// sync makes the folder's entries durable.
func (s *FileStore) sync() error {
	d, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// path refuses names that are not a store's.
func (s *FileStore) path(name string) (string, error) {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return "", errors.New("client: file store: malformed name")
		}
	}
	if name == "" || len(name) > 128 {
		return "", errors.New("client: file store: malformed name")
	}
	return filepath.Join(s.folder, name), nil
}

// lockFile holds an exclusive lock until unlock, which also removes the file.
// Whoever gets the lock of a file that was removed meanwhile begins anew.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	wait := time.Millisecond
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && stillThere(f, path) {
			return func() { os.Remove(path); f.Close() }, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
			wait = min(2*wait, 50*time.Millisecond)
		}
	}
}

func stillThere(f *os.File, path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(own, now)
}
