package storagetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/gatewright/gatewright/storage"
)

var keys = []test{
	{"Life", keyLife},
	{"PutRefused", keyPutRefused},
	{"StateRefused", keyStateRefused},
	{"Rewrap", keyRewrap},
	{"List", keyList},
}

// newKey returns an announced key that is not stored.
func (k *kit) newKey() storage.Key {
	return storage.Key{
		ID: binary.BigEndian.Uint32(k.key()) | 1<<31, Purpose: "access", State: storage.Announced, Root: "root-1",
		Wrapped: append([]byte{0, 0xff}, k.key()...), Public: []byte(`{"kty":"OKP"}`), CreatedAt: k.now.Add(-day), StateAt: k.now,
	}
}

func (k *kit) putKey() storage.Key {
	k.Helper()
	key := k.newKey()
	_, err := k.store.PutKey(k.ctx, key, k.event("datakey.announced", "key"))
	k.must(err)
	return key
}

// storedKey requires the row of the key.
func (k *kit) storedKey(want storage.Key) {
	k.Helper()
	list, err := k.store.ListKeys(k.ctx)
	k.must(err)
	i := slices.IndexFunc(list, func(key storage.Key) bool { return key.ID == want.ID })
	if i < 0 {
		k.Fatalf("the key is not listed")
	}
	k.equal("key", want, list[i])
}

func keyChange(key storage.Key) storage.Change {
	return storage.Change{
		Kind: storage.KeyChange, ID: strconv.FormatUint(uint64(key.ID), 10), Version: uint64(key.State),
	}
}

func keyLife(k *kit) {
	key := k.newKey()
	e := k.event("datakey.announced", "key")
	change, err := k.store.PutKey(k.ctx, key, e)
	k.must(err)
	k.recorded(e)
	k.changed(keyChange(key), change)
	k.storedKey(key)
	for _, to := range []storage.KeyState{storage.InUse, storage.OpenOnly, storage.Retired} {
		e := k.event("datakey.moved", "key")
		at := k.now.Add(minute * 10)
		change, err := k.store.SetKeyState(k.ctx, key.ID, key.State, to, at, e)
		k.must(err)
		key.State, key.StateAt = to, at
		k.recorded(e)
		k.changed(keyChange(key), change)
		k.storedKey(key)
	}

	skips := k.putKey()
	_, err = k.store.SetKeyState(k.ctx, skips.ID, storage.Announced, storage.Retired, k.now, k.event("datakey.moved", "key"))
	k.must(err)
	bare := storage.Key{ID: k.newKey().ID, State: storage.InUse}
	_, err = k.store.PutKey(k.ctx, bare, k.event("datakey.announced", "key"))
	k.must(err)
	k.storedKey(bare)
}

func keyPutRefused(k *kit) {
	key := k.putKey()
	again := k.newKey()
	again.ID, again.Root = key.ID, "root-2"
	e := k.event("datakey.announced", "key")
	_, err := k.store.PutKey(k.ctx, again, e)
	k.is(err, storage.ErrExists)
	k.notRecorded(e)
	k.storedKey(key)

	again.ID = 0
	_, err = k.store.PutKey(k.ctx, again, e)
	k.refused("a key without an id", err)
	k.notRecorded(e)
}

func keyStateRefused(k *kit) {
	key := k.putKey()
	_, err := k.store.SetKeyState(k.ctx, key.ID, storage.Announced, storage.OpenOnly, k.now, k.event("datakey.moved", "key"))
	k.must(err)
	key.State = storage.OpenOnly
	for _, refusal := range []struct {
		from, to storage.KeyState
		want     error // nil for any
	}{
		{storage.Announced, storage.InUse, storage.ErrConflict},
		{storage.InUse, storage.OpenOnly, storage.ErrConflict},
		{storage.Announced, storage.Retired, storage.ErrConflict},
		{storage.OpenOnly, storage.OpenOnly, nil},
		{storage.OpenOnly, storage.InUse, nil},
		{storage.OpenOnly, storage.Announced, nil},
		{storage.OpenOnly, 0, nil},
	} {
		what := fmt.Sprintf("moving from %d to %d", refusal.from, refusal.to)
		e := k.event("datakey.moved", "key")
		_, err := k.store.SetKeyState(k.ctx, key.ID, refusal.from, refusal.to, k.now.Add(hour), e)
		if refusal.want != nil {
			k.is(err, refusal.want)
		}
		k.refused(what, err)
		k.notRecorded(e)
		k.storedKey(key)
	}
	e := k.event("datakey.moved", "key")
	_, err = k.store.SetKeyState(k.ctx, k.newKey().ID, storage.Announced, storage.InUse, k.now, e)
	k.is(err, storage.ErrNotFound)
	k.notRecorded(e)
}

func keyRewrap(k *kit) {
	key := k.putKey()
	wrapped := k.key()
	e := k.event("datakey.rewrapped", "key")
	k.must(k.store.RewrapKey(k.ctx, key.ID, "root-1", "root-2", wrapped, e))
	key.Root, key.Wrapped = "root-2", slices.Clone(wrapped)
	k.recorded(e)
	k.storedKey(key)
	wrapped[0]++
	k.storedKey(key)

	e = k.event("datakey.rewrapped", "key")
	k.is(k.store.RewrapKey(k.ctx, key.ID, "root-1", "root-3", k.key(), e), storage.ErrConflict)
	k.is(k.store.RewrapKey(k.ctx, k.newKey().ID, "root-1", "root-3", k.key(), e), storage.ErrNotFound)
	k.notRecorded(e)
	k.storedKey(key)
}

func keyList(k *kit) {
	want := make(map[uint32]bool)
	for range 4 {
		want[k.putKey().ID] = true
	}
	low := k.newKey()
	low.ID &^= 1 << 31 // above and below what a signed number holds
	_, err := k.store.PutKey(k.ctx, low, k.event("datakey.announced", "key"))
	k.must(err)
	want[low.ID] = true

	list, err := k.store.ListKeys(k.ctx)
	k.must(err)
	if !slices.IsSortedFunc(list, func(a, b storage.Key) int { return int(int64(a.ID) - int64(b.ID)) }) {
		k.Errorf("the keys are not in the order of their ids")
	}
	for _, key := range list {
		delete(want, key.ID)
		if len(key.Wrapped) > 0 {
			key.Wrapped[0]++
		}
	}
	k.equal("keys that are not listed", 0, len(want))
	k.storedKey(low)
}
