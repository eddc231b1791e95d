package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// flaky is a store that can be taken away, before a command or after its commit.
type flaky struct {
	storage.Store
	away atomic.Bool
	lost atomic.Bool // the command commits, its answer is lost
}

func (f *flaky) err() error {
	if f.away.Load() {
		return fmt.Errorf("%w: connection refused", storage.ErrUnavailable)
	}
	return nil
}

func (f *flaky) after(err error) error {
	if err == nil && f.lost.Load() {
		return fmt.Errorf("%w: connection reset", storage.ErrUnavailable)
	}
	return err
}

func (f *flaky) Client(ctx context.Context, id string) (storage.Client, error) {
	if err := f.err(); err != nil {
		return storage.Client{}, err
	}
	return f.Store.Client(ctx, id)
}

func (f *flaky) Grant(ctx context.Context, id storage.ID) (storage.Grant, error) {
	if err := f.err(); err != nil {
		return storage.Grant{}, err
	}
	return f.Store.Grant(ctx, id)
}

func (f *flaky) Rotate(ctx context.Context, r storage.Rotation) (storage.Rotated, error) {
	if err := f.err(); err != nil {
		return storage.Rotated{}, err
	}
	out, err := f.Store.Rotate(ctx, r)
	return out, f.after(err)
}

func (f *flaky) EndGrant(ctx context.Context, e storage.End) (storage.Change, error) {
	if err := f.err(); err != nil {
		return storage.Change{}, err
	}
	out, err := f.Store.EndGrant(ctx, e)
	return out, f.after(err)
}

func (f *flaky) PutArtifact(ctx context.Context, a storage.Artifact) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.after(f.Store.PutArtifact(ctx, a))
}

func (f *flaky) Artifact(ctx context.Context, kind storage.ArtifactKind, key []byte) (storage.Artifact, error) {
	if err := f.err(); err != nil {
		return storage.Artifact{}, err
	}
	return f.Store.Artifact(ctx, kind, key)
}

func (f *flaky) Redeem(ctx context.Context, r storage.Redemption) (storage.Redeemed, error) {
	if err := f.err(); err != nil {
		return storage.Redeemed{}, err
	}
	out, err := f.Store.Redeem(ctx, r)
	return out, f.after(err)
}

func newFlakyWorld(t *testing.T, change ...func(*options)) (*world, *flaky) {
	store := &flaky{Store: memory.New()}
	return newWorld(t, append(change, func(o *options) { o.store = store })...), store
}

func (w *world) wantUnavailable(a answer) {
	w.Helper()
	w.want(a, 503, "temporarily_unavailable")
	if a.Header.Get("Retry-After") == "" {
		w.Error("want Retry-After")
	}
}

// Plain fosite answers a revocation that was not stored with 200, and a client
// that could not be read with 401.
func TestStorageFailureIs503(t *testing.T) {
	t.Parallel()
	w, store := newFlakyWorld(t)
	access, refresh := w.issue("viewer")
	code := w.code(mobileRequest())

	store.away.Store(true)
	w.wantUnavailable(w.post("/oauth2/revoke", "viewer", "token", access))
	w.wantUnavailable(w.refresh("viewer", refresh))
	w.wantUnavailable(w.exchange("mobile", code, mobileRedirect, verifier))
	w.wantUnavailable(w.post("/oauth2/token", "rs", "grant_type", "client_credentials")) // not in the cache
	w.wantUnavailable(w.authorize(mobileRequest()))
	// What needs no store still works: the token is sealed, the changes are known.
	w.want(w.call("GET", "/v1/transactions", access), 200, "")
	w.issue("viewer")

	store.away.Store(false)
	w.want(w.refresh("viewer", refresh), 200, "") // nothing was consumed
	w.want(w.exchange("mobile", code, mobileRedirect, verifier), 200, "")
}

// Once the answer of a commit is lost, nobody knows; the caller is told to try
// again, and the retry is decided by what was committed.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	w, store := newFlakyWorld(t)
	access, refresh := w.issue("viewer")
	code := w.code(mobileRequest())
	store.lost.Store(true)
	w.wantUnavailable(w.post("/oauth2/revoke", "viewer", "token", access))
	w.wantUnavailable(w.exchange("mobile", code, mobileRedirect, verifier))
	store.lost.Store(false)
	w.want(w.refresh("viewer", refresh), 400, "invalid_grant") // it was revoked
	w.want(w.exchange("mobile", code, mobileRedirect, verifier), 400, "invalid_grant")
	if live, err := w.server.Consents(t.Context(), "ada"); err != nil || len(live) != 0 {
		t.Errorf("a half-made grant lives on: %v %v", live, err)
	}
}

func TestUnknownErrorsFailClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.store = &surprising{memory.New()} })
	_, refresh := w.issue("viewer")
	w.wantUnavailable(w.refresh("viewer", refresh))
}

type surprising struct{ storage.Store }

func (surprising) Rotate(context.Context, storage.Rotation) (storage.Rotated, error) {
	return storage.Rotated{}, errors.New("constraint violated")
}
