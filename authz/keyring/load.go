package keyring

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// attempts bounds how often a command that lost a race is tried anew.
const attempts = 16

// failurePause is how long a failed load answers for those that follow it.
const failurePause = 100 * time.Millisecond

// Reload reads the keys again. Call it when a [storage.KeyChange] is heard of. A
// key that does not unwrap is an error, and the others are in force; if the
// store cannot be read, or a purpose is left without a key in use, everything
// stays as it was.
func (r *Ring) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reload(ctx)
}

// Learn reports whether a key can be opened with, after reading the keys again
// if this instance may have missed its announcement. When [ErrUnknownKey] comes
// back from opening a credential, ask Learn: true says try again, false that the
// credential is not ours, and an error that nobody knows now (503, never a wrong
// "invalid"). Forged key ids cost at most one read in two leases.
func (r *Ring) Learn(ctx context.Context, keyID uint32) (bool, error) {
	if r.now.Load().keys[keyID] != nil {
		return true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	switch age := now.Sub(r.loadedAt); {
	case r.now.Load().keys[keyID] != nil:
		return true, nil
	case r.failed != nil && now.Sub(r.failedAt) < failurePause && !now.Before(r.failedAt):
		return false, r.failed
	case r.failed == nil && age >= 0 && age < 2*r.cfg.Lease:
		return false, nil
	}
	if err := r.reload(ctx); err != nil {
		return false, err
	}
	return r.now.Load().keys[keyID] != nil, nil
}

// reload is Reload with r.mu held.
func (r *Ring) reload(ctx context.Context) error {
	start := r.cfg.Now()
	stored, err := r.cfg.Store.ListKeys(ctx)
	if err != nil {
		err = fmt.Errorf("keyring: list keys: %w", err)
	} else {
		err = r.install(stored, start)
	}
	if r.failed = err; err != nil {
		r.failedAt = r.cfg.Now()
		return err
	}
	r.loadedAt = start
	return nil
}

// bootstrap loads the keys and makes those of purposes that have none. A key
// made from an outdated list has an id that is taken, so racing instances never
// make two.
func (r *Ring) bootstrap(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range attempts {
		stored, err := r.cfg.Store.ListKeys(ctx)
		if err != nil {
			return fmt.Errorf("keyring: list keys: %w", err)
		}
		missing, ok := firstMissing(stored)
		if !ok {
			return r.reload(ctx)
		}
		err = r.put(ctx, nextID(stored), missing, storage.InUse, r.cfg.Actor)
		if err != nil && !errors.Is(err, storage.ErrExists) {
			return err
		}
	}
	return errors.New("keyring: could not make the first keys: other instances were always first")
}

func firstMissing(stored []storage.Key) (Purpose, bool) {
	for _, p := range purposes {
		if !slices.ContainsFunc(stored, func(k storage.Key) bool {
			return k.Purpose == string(p) && k.State != storage.Retired
		}) {
			return p, true
		}
	}
	return "", false
}

func nextID(stored []storage.Key) uint32 {
	var top uint32
	for _, k := range stored {
		top = max(top, k.ID)
	}
	return top + 1
}

// put makes a random data key and stores it wrapped with the first root.
func (r *Ring) put(ctx context.Context, id uint32, p Purpose, state storage.KeyState, actor string) error {
	data := make([]byte, dataKeySize)
	_, _ = rand.Read(data)
	at := r.cfg.Now().UTC().Truncate(time.Millisecond)
	k := storage.Key{
		ID:        id,
		Purpose:   string(p),
		State:     state,
		Root:      r.first,
		Wrapped:   r.wrappers[r.first].wrap(id, string(p), data),
		CreatedAt: at,
		StateAt:   at,
	}
	if p == Signing {
		k.Public = deriveSigner(data, r.cfg.Issuer, r.cfg.Environment).jwk
	}
	if _, err := r.cfg.Store.PutKey(ctx, k, r.event(at, actor, k.ID, p, 0, state)); err != nil {
		return fmt.Errorf("keyring: put a key for %s: %w", p, err)
	}
	return nil
}

// install makes a snapshot of the stored keys and publishes it.
func (r *Ring) install(stored []storage.Key, at time.Time) error {
	stored = slices.Clone(stored)
	slices.SortFunc(stored, func(a, b storage.Key) int { return cmp.Compare(a.ID, b.ID) })
	s := &snapshot{stored: stored, keys: make(map[uint32]*dataKey, len(stored))}
	previous := r.now.Load()
	var errs []error
	for _, k := range stored {
		if k.State < storage.Announced || k.State >= storage.Retired {
			continue
		}
		if previous != nil {
			// The same bytes, not just the same id: a store that went back in time
			// may have given the id to another key.
			if d := previous.keys[k.ID]; d != nil && bytes.Equal(d.wrapped, k.Wrapped) {
				s.keys[k.ID] = d
				continue
			}
		}
		data, err := r.unwrap(k)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.keys[k.ID] = r.expand(k, data, at)
	}
	s.choose()
	for _, p := range purposes {
		if !s.serves(p) {
			return errors.Join(append(errs, fmt.Errorf("keyring: no usable key is in use for %s", p))...)
		}
	}
	r.now.Store(s)
	return errors.Join(errs...)
}

// expand derives everything that a data key is good for.
func (r *Ring) expand(k storage.Key, data []byte, at time.Time) *dataKey {
	d := &dataKey{wrapped: bytes.Clone(k.Wrapped), seen: at}
	if Purpose(k.Purpose) == Signing {
		d.signer = deriveSigner(data, r.cfg.Issuer, r.cfg.Environment)
		return d
	}
	for use := Use(1); int(use) < uses; use++ {
		if use.Purpose() == Purpose(k.Purpose) {
			d.subkeys[use] = newSubkey(k.ID, data, use, r.cfg.Issuer, r.cfg.Environment)
		}
	}
	return d
}

// choose fills in what follows from the states: of several keys in use, the
// newest seals.
func (s *snapshot) choose() {
	var signers []*signer
	for _, k := range slices.Backward(s.stored) {
		d := s.keys[k.ID]
		if d == nil {
			continue
		}
		if d.signer != nil {
			signers = append(signers, d.signer)
			if k.State == storage.InUse && s.signer == nil {
				s.signer = d.signer
			}
			continue
		}
		for use, sub := range d.subkeys {
			if sub != nil && k.State == storage.InUse && s.current[use] == nil {
				s.current[use] = sub
			}
		}
		if l := d.subkeys[Lookup]; l != nil {
			s.lookups = append(s.lookups, l)
		}
	}
	if i := slices.Index(s.lookups, s.current[Lookup]); i > 0 {
		l := s.lookups[i]
		copy(s.lookups[1:], s.lookups[:i])
		s.lookups[0] = l
	}
	s.jwks = marshalJWKS(signers)
}

func (s *snapshot) serves(p Purpose) bool {
	if p == Signing {
		return s.signer != nil
	}
	for use := Use(1); int(use) < uses; use++ {
		if use.Purpose() == p && s.current[use] == nil {
			return false
		}
	}
	return true
}

// event describes a change of a key for the audit trail.
func (r *Ring) event(at time.Time, actor string, id uint32, p Purpose, from, to storage.KeyState) storage.Event {
	e := storage.Event{
		ID:      storage.NewID(at),
		At:      at,
		Type:    "datakey." + stateName(to),
		Outcome: "ok",
		Actor:   actor,
		Target:  "datakey:" + strconv.FormatUint(uint64(id), 10),
		After:   stateJSON(p, to),
	}
	if from != 0 {
		e.Before = stateJSON(p, from)
	}
	return e
}

func stateJSON(p Purpose, s storage.KeyState) []byte {
	b, _ := json.Marshal(map[string]string{"purpose": string(p), "state": stateName(s)})
	return b
}

func stateName(s storage.KeyState) string {
	switch s {
	case storage.Announced:
		return "announced"
	case storage.InUse:
		return "in_use"
	case storage.OpenOnly:
		return "open_only"
	case storage.Retired:
		return "retired"
	default:
		return "invalid"
	}
}
