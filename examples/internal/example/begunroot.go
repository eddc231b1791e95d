package example

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
)

// RootOf is [Flags.Root] for an open store. One database has many addresses: a
// tunnel, a pooler, another name of its host. Where the store was begun with
// another root secret than this address is known by, and this user has that one,
// it is the one.
func (f *Flags) RootOf(ctx context.Context, store storage.Keys) (keyring.Root, error) {
	root, err := f.Root()
	if err != nil || f.DSN == "" {
		return root, err
	}
	begun, err := store.ListKeys(ctx)
	if err != nil {
		return root, fmt.Errorf("the data keys of the database: %w", err)
	}
	for _, key := range begun {
		if key.Root == root.ID {
			begun = nil
			break
		}
	}
	for _, key := range begun {
		place, err := f.placeOf(key.Root)
		if err != nil || place == "" {
			return root, err
		}
		if other, err := readRoot(place); err == nil && other.ID == key.Root {
			return other, nil
		}
	}
	place, err := f.placeOf(root.ID)
	if err != nil || place == "" {
		return root, err
	}
	if err := keepRoot(place, root); err != nil && !errors.Is(err, errFolder) && !errors.Is(err, fs.ErrPermission) {
		return root, err
	}
	return root, nil
}

// placeOf is the file of a root secret by its id, beside those by address; none
// for a user who has no folder.
func (f *Flags) placeOf(id string) (string, error) {
	shared, err := f.sharedPlace()
	if err != nil || shared == "" {
		return "", err
	}
	return filepath.Join(filepath.Dir(shared), "root-"+filepath.Base(id)+".key"), nil
}
