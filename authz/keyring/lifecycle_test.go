package keyring_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"crypto"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

const lease = keyring.DefaultLease

func want(t testing.TB, f *fixed, p keyring.Purpose, states ...storage.KeyState) {
	t.Helper()
	if got := f.states(t, p); !slices.Equal(got, states) {
		t.Fatalf("%s keys are in states %v, want %v", p, got, states)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	f := newFixed()
	a, b := f.open(t), f.open(t)
	old := a.Seal(keyring.AccessToken, nil, []byte("old"), nil)
	first := a.CurrentKey(keyring.AccessToken)

	ok(t, a.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	want(t, f, keyring.Tokens, storage.InUse, storage.Announced)
	if a.CurrentKey(keyring.AccessToken) != first {
		t.Fatal("a key that is only announced seals")
	}
	ok(t, a.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	want(t, f, keyring.Tokens, storage.InUse, storage.Announced) // the same rotation

	f.clock.advance(2*lease - time.Millisecond)
	ok(t, a.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.InUse, storage.Announced)

	f.clock.advance(time.Millisecond)
	ok(t, b.Reload(t.Context())) // within its two leases, every instance reads
	ok(t, a.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.OpenOnly, storage.InUse)
	if a.CurrentKey(keyring.AccessToken) == first {
		t.Fatal("the new key is in use and does not seal")
	}
	// b has not heard that it is in use, and opens what a seals with it.
	sealed := a.Seal(keyring.AccessToken, nil, []byte("new"), nil)
	for _, s := range [][]byte{old, sealed} {
		if _, err := b.Open(keyring.AccessToken, nil, s, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Open(keyring.AccessToken, nil, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, b.Reload(t.Context()))
	if b.CurrentKey(keyring.AccessToken) != a.CurrentKey(keyring.AccessToken) {
		t.Fatal("b does not use the new key")
	}

	f.clock.advance(time.Hour + 5*time.Minute - time.Millisecond)
	ok(t, b.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.OpenOnly, storage.InUse)
	f.clock.advance(time.Millisecond)
	ok(t, b.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.Retired, storage.InUse)
	if _, err := b.Open(keyring.AccessToken, nil, old, nil); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("a retired key opens: %v", err)
	}
}

func TestRotateRefusals(t *testing.T) {
	t.Parallel()
	f := newFixed()
	r := f.open(t)
	if err := r.Rotate(t.Context(), "tokenz", "user:ops"); err == nil {
		t.Error("an unknown purpose is rotated")
	}
	if err := r.Rotate(t.Context(), keyring.Tokens, ""); err == nil {
		t.Error("nobody rotates")
	}
	if err := r.Retire(t.Context(), 1, ""); err == nil {
		t.Error("nobody retires")
	}
	if err := r.Retire(t.Context(), 99, "user:ops"); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("an unknown key is retired: %v", err)
	}
	for id := range uint32(3) {
		if err := r.Retire(t.Context(), id+1, "user:ops"); !errors.Is(err, keyring.ErrInUse) {
			t.Errorf("a key in use is retired: %v", err)
		}
	}
}

// outdated is a store as it was while the second key of Records was announced.
type outdated struct{ storage.Keys }

func (o *outdated) ListKeys(ctx context.Context) ([]storage.Key, error) {
	list, err := o.Keys.ListKeys(ctx)
	first := true
	for i := range list {
		if list[i].Purpose != string(keyring.Records) {
			continue
		}
		if list[i].State = storage.Announced; first {
			list[i].State = storage.InUse
		}
		first = false
	}
	return list, err
}

// An instance whose clock is ahead must not bring a key into use that the others
// have had no time to read.
func TestFastClockDoesNotCutAnnouncementShort(t *testing.T) {
	t.Parallel()
	f := newFixed()
	a := f.open(t)
	ahead := &clock{now: f.clock.Now().Add(time.Hour)}
	c := f.config()
	c.Now = ahead.Now
	b := openWith(t, c)
	ok(t, a.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	ok(t, b.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.InUse, storage.Announced)
	ahead.advance(2 * lease)
	ok(t, b.Tick(t.Context()))
	want(t, f, keyring.Tokens, storage.OpenOnly, storage.InUse)
}

func TestRecordKeysAreRetiredOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	f := newFixed()
	r := f.open(t)
	old := r.Seal(keyring.Record, nil, []byte("row"), nil)
	hash := r.HashSecret("secret")
	lookup := r.LookupKeys([]byte("account"))
	first := r.CurrentKey(keyring.Record)
	ok(t, r.Rotate(t.Context(), keyring.Records, "user:ops"))

	// Announced: another instance may write under it a moment before we hear that
	// it is in use, so its lookup key is searched for, but not the first.
	if got := r.LookupKeys([]byte("account")); len(got) != 2 || string(got[0]) != string(lookup[0]) {
		t.Errorf("while announced: %d lookup keys, the current one first: %v", len(got), string(got[0]) == string(lookup[0]))
	}
	f.clock.advance(2 * lease)
	ok(t, r.Tick(t.Context()))
	f.clock.advance(10 * 365 * 24 * time.Hour)
	ok(t, r.Tick(t.Context()))
	want(t, f, keyring.Records, storage.OpenOnly, storage.InUse)
	if _, err := r.Open(keyring.Record, nil, old, nil); err != nil {
		t.Error(err)
	}
	if got := r.LookupKeys([]byte("account")); len(got) != 2 || string(got[1]) != string(lookup[0]) || string(got[0]) == string(lookup[0]) {
		t.Error("the lookup keys are not the new one, then the old one")
	}
	if good, rehash := r.VerifySecret("secret", hash); !good || !rehash {
		t.Errorf("under the old key: %v, %v, want true, rehash", good, rehash)
	}
	// An instance that has not heard that the new key is in use does not go back.
	c := f.config()
	c.Store = &outdated{Keys: f.store}
	behind := openWith(t, c)
	if good, rehash := behind.VerifySecret("secret", r.HashSecret("secret")); !good || rehash {
		t.Errorf("under a key ahead: %v, %v, want true, no rehash", good, rehash)
	}
	if good, rehash := r.VerifySecret("wrong", hash); good || rehash {
		t.Error("a wrong secret asks for a new hash")
	}
	ok(t, r.Retire(t.Context(), first, "user:ops"))
	ok(t, r.Retire(t.Context(), first, "user:ops"))
	want(t, f, keyring.Records, storage.Retired, storage.InUse)
	if _, err := r.Open(keyring.Record, nil, old, nil); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("a retired key opens: %v", err)
	}
	if good, _ := r.VerifySecret("secret", hash); good {
		t.Error("a secret under a retired key verifies")
	}
	if got := r.LookupKeys([]byte("account")); len(got) != 1 {
		t.Errorf("%d lookup keys", len(got))
	}
}

func TestRewrap(t *testing.T) {
	t.Parallel()
	f := newFixed()
	sealed := f.open(t).Seal(keyring.Record, nil, []byte("kept"), nil)
	before := f.roots[0]
	after := keyring.NewRoot()
	f.roots = []keyring.Root{after, before}
	both := f.open(t)
	f.roots = []keyring.Root{after}
	if _, err := keyring.Open(t.Context(), f.config()); !errors.Is(err, keyring.ErrUnknownRoot) {
		t.Fatalf("before Rewrap the new root opens the old keys: %v", err)
	}
	ok(t, both.Rewrap(t.Context()))
	ok(t, both.Rewrap(t.Context()))
	alone := f.open(t)
	if got, err := alone.Open(keyring.Record, nil, sealed, nil); err != nil || string(got) != "kept" {
		t.Errorf("after Rewrap: %q, %v", got, err)
	}
	f.roots = []keyring.Root{before}
	if _, err := keyring.Open(t.Context(), f.config()); !errors.Is(err, keyring.ErrUnknownRoot) {
		t.Errorf("after Rewrap the old root still opens: %v", err)
	}
}

// A key that this instance cannot unwrap (its root is not configured here yet)
// does not stop it from hearing of the others.
func TestReloadGoesOnWithoutARoot(t *testing.T) {
	t.Parallel()
	f := newFixed()
	behind := f.open(t)
	f.roots = append([]keyring.Root{keyring.NewRoot()}, f.roots...)
	ahead := f.open(t)
	ok(t, ahead.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	if err := behind.Reload(t.Context()); !errors.Is(err, keyring.ErrUnknownRoot) {
		t.Errorf("Reload = %v, want ErrUnknownRoot", err)
	}
	if _, err := ahead.Open(keyring.Cookie, nil, behind.Seal(keyring.Cookie, nil, []byte("x"), nil), nil); err != nil {
		t.Error(err)
	}
	// It does not bring into use what it could not seal with itself.
	f.clock.advance(time.Hour)
	if err := behind.Tick(t.Context()); !errors.Is(err, keyring.ErrUnknownRoot) {
		t.Errorf("Tick = %v, want ErrUnknownRoot", err)
	}
	want(t, f, keyring.Tokens, storage.InUse, storage.Announced)
}

func TestReloadKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	f := newFixed()
	store := &keys{Keys: f.store}
	f.store = store
	r := f.open(t)
	sealed := r.Seal(keyring.AccessToken, nil, []byte("x"), nil)
	store.set(storage.ErrUnavailable)
	if err := r.Reload(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Reload = %v", err)
	}
	if _, err := r.Open(keyring.AccessToken, nil, sealed, nil); err != nil {
		t.Error(err)
	}
}

// A failover that loses the last writes may give an id to another key.
func TestReloadAfterFailover(t *testing.T) {
	t.Parallel()
	f := newFixed()
	switchable := &keys{Keys: f.store}
	f.store = switchable
	r := f.open(t)
	kept, err := switchable.Keys.ListKeys(t.Context())
	ok(t, err)
	ok(t, r.Rotate(t.Context(), keyring.Tokens, "user:ops"))

	second := memory.New() // the standby that had not heard of the rotation
	for _, k := range kept {
		_, err := second.PutKey(t.Context(), k, storage.Event{})
		ok(t, err)
	}
	c := f.config()
	c.Store = second
	other := openWith(t, c)
	ok(t, other.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	f.clock.advance(2 * lease)
	ok(t, other.Tick(t.Context()))
	sealed := other.Seal(keyring.AccessToken, nil, []byte("x"), nil)

	switchable.mu.Lock()
	switchable.Keys = second
	switchable.mu.Unlock()
	ok(t, r.Reload(t.Context()))
	if _, err := r.Open(keyring.AccessToken, nil, sealed, nil); err != nil {
		t.Errorf("the key of the lost history is still there under this id: %v", err)
	}
}

func TestLearn(t *testing.T) {
	t.Parallel()
	f := newFixed()
	a := f.open(t)
	store := &keys{Keys: f.store}
	c := f.config()
	c.Store = store
	b := openWith(t, c)
	ok(t, a.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	f.clock.advance(2 * lease)
	ok(t, a.Tick(t.Context()))
	id := a.CurrentKey(keyring.AccessToken)

	// b was away for two leases: one read, then it knows.
	before := store.count()
	if known, err := b.Learn(t.Context(), id); !known || err != nil {
		t.Fatalf("Learn = %v, %v", known, err)
	}
	for range 100 {
		if known, err := b.Learn(t.Context(), id); !known || err != nil {
			t.Fatalf("Learn = %v, %v", known, err)
		}
		if known, err := b.Learn(t.Context(), 4711); known || err != nil {
			t.Fatalf("Learn of a forged id = %v, %v", known, err)
		}
	}
	if n := store.count() - before; n != 1 {
		t.Errorf("a flood of forged key ids cost %d reads, want 1", n)
	}

	// The store is away: nobody knows, which is not "no".
	f.clock.advance(2 * lease)
	store.set(storage.ErrUnavailable)
	before = store.count()
	for range 100 {
		if known, err := b.Learn(t.Context(), 4711); known || !errors.Is(err, storage.ErrUnavailable) {
			t.Fatalf("Learn without a store = %v, %v", known, err)
		}
	}
	if n := store.count() - before; n != 1 {
		t.Errorf("a flood against a dead store cost %d reads, want 1", n)
	}
	store.set(nil)
	f.clock.advance(lease)
	if known, err := b.Learn(t.Context(), 4711); known || err != nil {
		t.Errorf("Learn after the store is back = %v, %v", known, err)
	}
}

func TestSigner(t *testing.T) {
	t.Parallel()
	f := newFixed()
	r := f.open(t)
	kid, key := r.Signer()
	digest := sha256.Sum256([]byte("header.payload"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	ok(t, err)

	set := func() *gojose.JSONWebKeySet {
		var set gojose.JSONWebKeySet
		ok(t, json.Unmarshal(r.JWKS(), &set))
		return &set
	}
	if n := len(set().Keys); n != 1 {
		t.Fatalf("%d keys in the set", n)
	}
	jwk := set().Keys[0]
	public, isKey := jwk.Key.(*ecdsa.PublicKey)
	if !isKey || !ecdsa.VerifyASN1(public, digest[:], signature) {
		t.Error("the published key does not verify the signature")
	}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	ok(t, err)
	if kid != jwk.KeyID || kid != base64.RawURLEncoding.EncodeToString(thumbprint) {
		t.Errorf("kid %s is not the thumbprint", kid)
	}
	if jwk.Algorithm != "ES256" || jwk.Use != "sig" || !jwk.IsPublic() || !jwk.Valid() {
		t.Errorf("published as alg %q, use %q", jwk.Algorithm, jwk.Use)
	}
	if again, _ := f.open(t).Signer(); again != kid {
		t.Error("another key after a restart")
	}

	ok(t, r.Rotate(t.Context(), keyring.Signing, "user:ops"))
	if got, _ := r.Signer(); got != kid || len(set().Keys) != 2 {
		t.Errorf("announced: signs with %s, %d published", got, len(set().Keys))
	}
	f.clock.advance(time.Minute - time.Millisecond) // far beyond two leases: caches of verifiers
	ok(t, r.Tick(t.Context()))
	if got, _ := r.Signer(); got != kid {
		t.Error("a key signs before verifiers had time to fetch it")
	}
	f.clock.advance(time.Millisecond)
	ok(t, r.Tick(t.Context()))
	next, _ := r.Signer()
	if next == kid || len(set().Keys) != 2 || len(set().Key(kid)) != 1 {
		t.Error("the old key is not published beside the new one")
	}
	f.clock.advance(time.Hour + 5*time.Minute)
	ok(t, r.Tick(t.Context()))
	if len(set().Keys) != 1 || len(set().Key(next)) != 1 {
		t.Errorf("%d keys are published in the end", len(set().Keys))
	}
}

func TestAuditEvents(t *testing.T) {
	t.Parallel()
	store := memory.New()
	f := newFixed()
	f.store = store
	r := f.open(t)
	ok(t, r.Rotate(t.Context(), keyring.Tokens, "user:ops"))
	f.clock.advance(2 * lease)
	ok(t, r.Tick(t.Context()))
	events, err := store.Events(t.Context(), storage.EventFilter{Limit: 100})
	ok(t, err)
	type line struct{ kind, actor string }
	count := map[line]int{}
	for _, e := range events {
		count[line{e.Type, e.Actor}]++
		if e.Outcome != "ok" || e.Target == "" || !json.Valid(e.After) {
			t.Errorf("event %+v", e)
		}
	}
	for l, n := range map[line]int{
		{"datakey.in_use", "host"}: 4, {"datakey.announced", "user:ops"}: 1, {"datakey.open_only", "host"}: 1,
	} {
		if count[l] != n {
			t.Errorf("%d events %v, want %d", count[l], l, n)
		}
	}
}
