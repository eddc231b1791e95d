package client

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// record is what is kept of a customer, once it is decrypted. Times are Unix
// seconds.
type record struct {
	AccessToken    string `json:"access_token"`
	AccessExpires  int64  `json:"access_expires"`
	Lifetime       int64  `json:"lifetime"`
	RefreshToken   string `json:"refresh_token"`
	RefreshExpires int64  `json:"refresh_expires,omitempty"`
	ConsentedOn    int64  `json:"consented_on,omitempty"`
	Scope          string `json:"scope"`
}

// recordVersion begins every sealed record.
const recordVersion = 1

var errRecord = errors.New("the record was not made under any of SignIn.Keys for this customer, or was changed since")

// recordSealer encrypts records and names them. A name tells nothing about
// customer and account to whoever lacks the key.
type recordSealer struct {
	keys  [][]byte
	index []byte
	// realm keeps environments and clients apart that share a store.
	realm string
}

func newRecordSealer(keys [][]byte, environment Environment, clientID string) (*recordSealer, error) {
	index, err := hkdf.Key(sha256.New, keys[len(keys)-1], nil, "gatewright client: names of records", 32)
	if err != nil {
		return nil, &ConfigError{Field: "SignIn.Keys", Reason: "cannot be used", Err: err}
	}
	return &recordSealer{keys: keys, index: index, realm: string(environment) + "\x00" + clientID}, nil
}

// name is the same for the same customer, account, client and environment.
func (s *recordSealer) name(who Customer) string {
	mac := hmac.New(sha256.New, s.index)
	for _, part := range []string{s.realm, who.UUID, who.AccountID} { // none holds a zero byte but realm, which goes first
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// aead derives a key for one record (RFC 5869), so that the number of random
// nonces under one key stays small however many records there are. Then it is
// AES-256-GCM with random nonces (NIST SP 800-38D section 8.2.2).
func aead(key []byte, name string) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, nil, "gatewright client: record "+name, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *recordSealer) seal(name string, r *record) ([]byte, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	a, err := aead(s.keys[0], name)
	if err != nil {
		return nil, err
	}
	return a.Seal([]byte{recordVersion}, nil, plain, []byte{recordVersion}), nil
}

func (s *recordSealer) open(name string, sealed []byte) (*record, error) {
	if len(sealed) == 0 || sealed[0] != recordVersion {
		return nil, errRecord
	}
	for _, key := range s.keys {
		a, err := aead(key, name)
		if err != nil {
			return nil, err
		}
		plain, err := a.Open(nil, nil, sealed[1:], sealed[:1])
		if err != nil {
			continue
		}
		defer clear(plain)
		var r record
		if err := json.Unmarshal(plain, &r); err != nil {
			return nil, errRecord
		}
		return &r, nil
	}
	return nil, errRecord
}

// load returns the record under name, nil if there is none.
func (c *Client) load(ctx context.Context, name string) (*record, error) {
	sealed, err := c.cfg.SignIn.Store.Load(ctx, name)
	switch {
	case errors.Is(err, ErrNoToken), err == nil && len(sealed) == 0:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTokenStore, err)
	}
	r, err := c.records.open(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenStore, err)
	}
	return r, nil
}

// update replaces the record under name by what change makes of it: nil deletes
// it. An error of change is returned after what it returned is stored.
func (c *Client) update(ctx context.Context, name string, change func(*record) (*record, error)) error {
	var changeErr error
	err := c.cfg.SignIn.Store.Update(ctx, name, func(sealed []byte) ([]byte, error) {
		var current *record
		if len(sealed) > 0 {
			var err error
			if current, err = c.records.open(name, sealed); err != nil && !errors.Is(err, errRecord) {
				return nil, err
			} else if err != nil {
				// What does not open is of no use, but only a new sign-in may overwrite it.
				current = nil
			}
		}
		var next *record
		next, changeErr = change(current)
		switch {
		case next == nil && current == nil && changeErr != nil:
			return sealed, nil
		case next == nil:
			return nil, nil
		case next == current:
			return sealed, nil
		}
		return c.records.seal(name, next)
	})
	if err != nil {
		return errors.Join(changeErr, fmt.Errorf("%w: %w", ErrTokenStore, err))
	}
	return changeErr
}
