package storagetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var claims = []test{
	{"Once", func(k *kit) {
		key := k.key()
		k.must(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)))
		for _, until := range []time.Time{k.now.Add(hour), k.now.Add(2 * hour), k.now.Add(-hour), {}} {
			k.is(k.store.Claim(k.ctx, k.tag, key, until), storage.ErrSeen)
		}
	}},
	{"KeysDoNotMeet", func(k *kit) {
		namespaces := []string{"jti", "JTI", "jti ", "jt", "msgid:a", "msgid", "é", "e"}
		keys := [][]byte{
			{1}, {1, 0}, {0, 1}, {0}, {0xff}, {0xff, 0xfe}, []byte("a"), []byte("A"), []byte("a "), []byte("a\x00"), []byte("a'"),
			[]byte("%"), []byte("_"), []byte("é"), []byte("e"), bytes.Repeat([]byte("x"), 64), bytes.Repeat([]byte("x"), 63),
		}
		for range 2 {
			for _, namespace := range namespaces {
				for _, key := range keys {
					k.claimed(k.tag+namespace, key)
				}
			}
			// Moving the boundary between the two makes another key.
			k.claimed(k.tag+"jtia", []byte("b"))
			k.claimed(k.tag+"jti", []byte("ab"))
		}
	}},
	{"Again", func(k *kit) {
		for life := 300 * time.Millisecond; ; life *= 4 {
			key := k.key()
			k.must(k.store.Claim(k.ctx, k.tag, key, time.Now().Add(-time.Second))) // over at once
			until := time.Now().Add(life)
			k.must(k.store.Claim(k.ctx, k.tag, key, until))
			err := k.store.Claim(k.ctx, k.tag, key, time.Now().Add(hour))
			if time.Now().After(until) && life < minute {
				continue // the machine is too slow for this
			}
			k.is(err, storage.ErrSeen)
			time.Sleep(time.Until(until) + 50*time.Millisecond)
			k.must(k.store.Claim(k.ctx, k.tag, key, time.Now().Add(hour)))
			k.is(k.store.Claim(k.ctx, k.tag, key, time.Now().Add(hour)), storage.ErrSeen)
			return
		}
	}},
	{"Copies", func(k *kit) {
		key := k.key()
		k.must(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)))
		key[0]++
		k.must(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)))
		key[0]--
		k.is(k.store.Claim(k.ctx, k.tag, key, k.now.Add(hour)), storage.ErrSeen)
	}},
}

// claimed claims a key, whose first claim succeeds and whose later ones do not.
func (k *kit) claimed(namespace string, key []byte) {
	k.Helper()
	if k.spent == nil {
		k.spent = make(map[string]bool)
	}
	name := fmt.Sprintf("%q %x", namespace, key)
	err := k.store.Claim(k.ctx, namespace, key, k.now.Add(hour))
	if k.spent[name] {
		k.is(err, storage.ErrSeen)
		return
	}
	k.spent[name] = true
	if err != nil {
		k.Errorf("%s has never been claimed, but: %v", name, err)
	}
}
