package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Tick reads the keys and moves those that are due to their next state: from
// announced to in use after two leases (signing keys: after SigningLead), from
// in use to open-only when a newer one is in use, and to retired when nothing
// that a key of Tokens or Signing made can still live. Call it about once a
// lease while a rotation is under way, and at least once a minute. Any number of
// instances may call it; each step is made once.
func (r *Ring) Tick(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	loadErr := r.reload(ctx) // a key that does not open does not stop the others
	s := r.now.Load()
	now := r.cfg.Now()
	moved := false
	for _, k := range s.stored {
		to := r.due(s, k, now)
		if to == 0 {
			continue
		}
		at := now.UTC().Truncate(time.Millisecond)
		e := r.event(at, r.cfg.Actor, k.ID, Purpose(k.Purpose), k.State, to)
		_, err := r.cfg.Store.SetKeyState(ctx, k.ID, k.State, to, at, e)
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			return errors.Join(loadErr, fmt.Errorf("keyring: move key %d: %w", k.ID, err))
		}
		moved = true
	}
	if !moved {
		return loadErr
	}
	// A key that just came into use makes its predecessor due at once.
	if err := r.reload(ctx); err != nil {
		return err
	}
	return r.demote(ctx, now)
}

// demote moves keys that a newer one has replaced to open-only.
func (r *Ring) demote(ctx context.Context, now time.Time) error {
	s := r.now.Load()
	moved := false
	for _, k := range s.stored {
		if k.State != storage.InUse || r.due(s, k, now) != storage.OpenOnly {
			continue
		}
		at := now.UTC().Truncate(time.Millisecond)
		e := r.event(at, r.cfg.Actor, k.ID, Purpose(k.Purpose), k.State, storage.OpenOnly)
		_, err := r.cfg.Store.SetKeyState(ctx, k.ID, k.State, storage.OpenOnly, at, e)
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("keyring: move key %d: %w", k.ID, err)
		}
		moved = true
	}
	if !moved {
		return nil
	}
	return r.reload(ctx)
}

// due returns the state to which a key is to move now, 0 if it stays. The wait
// after an announcement is measured from when this instance saw the key first,
// which is never before it was announced, and by its own clock: another's, in
// the store, may be behind and would cut it short.
func (r *Ring) due(s *snapshot, k storage.Key, now time.Time) storage.KeyState {
	p := Purpose(k.Purpose)
	switch k.State {
	case storage.Announced:
		lead := 2 * r.cfg.Lease
		if p == Signing {
			lead = r.cfg.SigningLead
		}
		d := s.keys[k.ID]
		if d != nil && now.Sub(d.seen) >= lead {
			return storage.InUse
		}
	case storage.InUse:
		if s.keys[k.ID] != nil && slices.ContainsFunc(s.stored, func(o storage.Key) bool {
			return o.Purpose == k.Purpose && o.ID > k.ID && o.State == storage.InUse
		}) {
			return storage.OpenOnly
		}
	case storage.OpenOnly:
		if p != Records && now.Sub(k.StateAt) >= r.cfg.MaxTokenLifetime+skew {
			return storage.Retired
		}
	}
	return 0
}

// Rotate announces a new key for a purpose, in the name of actor; [Ring.Tick]
// brings it into use. If one is announced already, that one is the rotation and
// nothing more is done.
func (r *Ring) Rotate(ctx context.Context, purpose Purpose, actor string) error {
	if !slices.Contains(purposes[:], purpose) {
		return fmt.Errorf("keyring: %q is not a purpose of keys", string(purpose))
	}
	if actor == "" {
		return errors.New("keyring: rotating needs an actor")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for range attempts {
		stored, err := r.cfg.Store.ListKeys(ctx)
		if err != nil {
			return fmt.Errorf("keyring: list keys: %w", err)
		}
		if slices.ContainsFunc(stored, func(k storage.Key) bool {
			return k.Purpose == string(purpose) && k.State == storage.Announced
		}) {
			return r.reload(ctx)
		}
		err = r.put(ctx, nextID(stored), purpose, storage.Announced, actor)
		if err == nil {
			return r.reload(ctx)
		}
		if !errors.Is(err, storage.ErrExists) {
			return err
		}
	}
	return errors.New("keyring: could not announce a key: other instances were always first")
}

// Retire ends a key that is open-only, in the name of actor: nothing that it
// sealed opens from now on, here at once and elsewhere when they hear of it. For
// record keys it is the only way, after everything was sealed anew.
func (r *Ring) Retire(ctx context.Context, keyID uint32, actor string) error {
	if actor == "" {
		return errors.New("keyring: retiring needs an actor")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	stored, err := r.cfg.Store.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("keyring: list keys: %w", err)
	}
	i := slices.IndexFunc(stored, func(k storage.Key) bool { return k.ID == keyID })
	if i < 0 {
		return ErrUnknownKey
	}
	k := stored[i]
	switch k.State {
	case storage.Retired:
		return r.reload(ctx)
	case storage.OpenOnly:
	default:
		return ErrInUse
	}
	at := r.cfg.Now().UTC().Truncate(time.Millisecond)
	e := r.event(at, actor, k.ID, Purpose(k.Purpose), k.State, storage.Retired)
	if _, err := r.cfg.Store.SetKeyState(ctx, k.ID, k.State, storage.Retired, at, e); err != nil {
		return fmt.Errorf("keyring: retire key %d: %w", k.ID, err)
	}
	return r.reload(ctx)
}

// Rewrap wraps every key that is not retired with the first root, after which
// the other roots can be taken out of the configuration. What was sealed stays
// as it is. Any number of instances may do it at once.
func (r *Ring) Rewrap(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored, err := r.cfg.Store.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("keyring: list keys: %w", err)
	}
	for _, k := range stored {
		if k.Root == r.first || k.State >= storage.Retired {
			continue
		}
		data, err := r.unwrap(k)
		if err != nil {
			return err
		}
		at := r.cfg.Now().UTC().Truncate(time.Millisecond)
		e := storage.Event{
			ID: storage.NewID(at), At: at, Type: "datakey.rewrapped", Outcome: "ok",
			Actor: r.cfg.Actor, Target: "datakey:" + strconv.FormatUint(uint64(k.ID), 10),
			Before: rootJSON(k.Root), After: rootJSON(r.first),
		}
		err = r.cfg.Store.RewrapKey(ctx, k.ID, k.Root, r.first, r.wrappers[r.first].wrap(k.ID, k.Purpose, data), e)
		if err != nil && !errors.Is(err, storage.ErrConflict) { // another instance was first
			return fmt.Errorf("keyring: rewrap key %d: %w", k.ID, err)
		}
	}
	return r.reload(ctx)
}
