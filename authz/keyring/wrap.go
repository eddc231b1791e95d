package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/gatewright/gatewright/storage"
)

// wrapper wraps data keys with one root: nonce, then ciphertext, with the id and
// the purpose of the key as associated data, so that a row cannot be moved.
type wrapper struct {
	root string
	aead cipher.AEAD
}

func newWrapper(r Root) *wrapper {
	aead, err := chacha20poly1305.NewX(derive(r.Secret, chacha20poly1305.KeySize, "wrap"))
	if err != nil {
		panic("keyring: " + err.Error()) // only for a wrong length
	}
	return &wrapper{root: r.ID, aead: aead}
}

func (w *wrapper) wrap(id uint32, purpose string, data []byte) []byte {
	out := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(data)+chacha20poly1305.Overhead)
	_, _ = rand.Read(out)
	return w.aead.Seal(out, out, data, wrapContext(id, purpose))
}

func (w *wrapper) unwrap(id uint32, purpose string, wrapped []byte) ([]byte, error) {
	if len(wrapped) != chacha20poly1305.NonceSizeX+dataKeySize+chacha20poly1305.Overhead {
		return nil, ErrTampered
	}
	nonce, sealed := wrapped[:chacha20poly1305.NonceSizeX], wrapped[chacha20poly1305.NonceSizeX:]
	data, err := w.aead.Open(nil, nonce, sealed, wrapContext(id, purpose))
	if err != nil {
		return nil, ErrTampered
	}
	return data, nil
}

func wrapContext(id uint32, purpose string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, id), purpose...)
}

// unwrap finds the root of a stored key and opens it.
func (r *Ring) unwrap(k storage.Key) ([]byte, error) {
	w := r.wrappers[k.Root]
	if w == nil {
		return nil, fmt.Errorf("keyring: data key %d is wrapped with root %q: %w", k.ID, k.Root, ErrUnknownRoot)
	}
	data, err := w.unwrap(k.ID, k.Purpose, k.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("keyring: data key %d does not open with root %q: %w", k.ID, k.Root, err)
	}
	return data, nil
}
