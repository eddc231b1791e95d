package example

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
)

// Root returns the root secret of the demo. It lies in the data folder; for a
// server database, which outlives a temporary folder and which several processes
// share, there is a copy in the user's configuration folder. In production a
// root secret comes from a secret manager.
func (f *Flags) Root() (keyring.Root, error) {
	own := filepath.Join(f.Data, "root.key")
	shared, err := f.sharedPlace()
	if err != nil {
		return keyring.Root{}, err
	}
	root, err := readRoot(own)
	if errors.Is(err, fs.ErrNotExist) && shared != "" {
		// Of processes that begin at once, the shared place says whose it is.
		root, err = rootOf(shared)
		if err != nil && !f.temporary && errors.Is(err, errFolder) {
			slog.Warn("the root secret of this database is in the data folder only: other processes must be given the same -data", "cause", err)
			err = fs.ErrNotExist
		}
		if err == nil {
			return root, keepRoot(own, root)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return rootOf(own)
	}
	if err != nil || shared == "" {
		return root, err
	}
	if err := keepRoot(shared, root); err != nil {
		slog.Warn("the root secret of this database is in the data folder only: other processes must be given the same -data", "cause", err)
	}
	return root, nil
}

// sharedPlace is the file of a database's root secret in the user's
// configuration folder; none for SQLite, and for a user who has no folder.
func (f *Flags) sharedPlace() (string, error) {
	if f.DSN == "" {
		return "", nil
	}
	name, err := databaseName(f.DSN)
	if err != nil {
		return "", err
	}
	folder, err := os.UserConfigDir()
	if err != nil { // $HOME is not set
		me, err := user.Current()
		if err != nil || me.HomeDir == "" {
			return "", nil
		}
		folder = filepath.Join(me.HomeDir, ".config")
	}
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(folder, "gatewright-examples", hex.EncodeToString(sum[:8])+".key"), nil
}

// rootOf reads the root secret of a place, or makes the first.
func rootOf(place string) (keyring.Root, error) {
	root, err := readRoot(place)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	if err := keepRoot(place, keyring.NewRoot()); err != nil {
		return keyring.Root{}, err
	}
	return readRoot(place) // another process may have been first
}

func readRoot(place string) (keyring.Root, error) {
	text, err := os.ReadFile(place)
	if errors.Is(err, fs.ErrNotExist) {
		return keyring.Root{}, err
	}
	if err != nil {
		return keyring.Root{}, folderError(err)
	}
	root, err := keyring.ParseRoot(strings.TrimSpace(string(text)))
	if err != nil {
		return keyring.Root{}, fmt.Errorf("%s: %w", place, err)
	}
	return root, nil
}

// keepRoot puts the root secret where there is none yet, whole or not at all, so
// that nobody reads half of it.
func keepRoot(place string, root keyring.Root) error {
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return folderError(err)
	}
	file, err := os.CreateTemp(filepath.Dir(place), ".root-*") // 0600
	if err != nil {
		return folderError(err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(root.Text() + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), place); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// errFolder is a place that cannot be used, whatever the reason.
var errFolder = errors.New("the root secret cannot be kept")

func folderError(err error) error { return fmt.Errorf("%w: %v", errFolder, err) }

// Secret derives a client secret of the demo from the root secret, so that a
// server started again hands out the same one. Real secrets are random.
func Secret(root keyring.Root, name string) string {
	return token.SecretPrefix + string(checksummed(token.SecretPrefix, derive(root, "secret "+name)))
}

// Password derives the password of a demo user.
func Password(root keyring.Root, name string) string {
	return base64.RawURLEncoding.EncodeToString(derive(root, "password "+name)[:15])
}

// ID derives an identifier that is public.
func ID(root keyring.Root, name string) string {
	return hex.EncodeToString(derive(root, "id "+name)[:8])
}

func derive(root keyring.Root, what string) []byte {
	key, err := hkdf.Key(sha256.New, root.Secret, nil, "gatewright example "+what, 32)
	if err != nil { // 32 bytes are always to be had
		panic(err)
	}
	return key
}

func checksummed(prefix string, secret []byte) []byte {
	text := keyring.AppendChecksum([]byte(prefix + base64.RawURLEncoding.EncodeToString(secret)))
	return text[len(prefix):]
}
