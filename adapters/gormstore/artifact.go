package gormstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var artifactColumns = names(artifactTable.columns, "")

func artifactRow(a *storage.Artifact) []any {
	return []any{
		int64(a.Kind), a.Key, a.Client, a.Organization, a.Subject,
		int64(a.Epochs.Client), int64(a.Epochs.Organization), int64(a.Epochs.Member),
		bytesOf(a.Sealed), toMillis(a.ExpiresAt), toMillis(a.RedeemedAt), idOf(a.Grant), bytesOf(a.Account),
	}
}

// idOf leaves the zero id out of the database.
func idOf(id storage.ID) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func scanArtifact(r *sql.Rows) (a storage.Artifact, err error) {
	var grant sql.RawBytes
	var expires, redeemed int64
	err = r.Scan(
		&a.Kind, &a.Key, &a.Client, &a.Organization, &a.Subject,
		&a.Epochs.Client, &a.Epochs.Organization, &a.Epochs.Member,
		&a.Sealed, &expires, &redeemed, &grant, &a.Account,
	)
	copy(a.Grant[:], grant)
	a.ExpiresAt, a.RedeemedAt = fromMillis(expires), fromMillis(redeemed)
	return a, err
}

type putArtifact struct {
	task
	artifact storage.Artifact
	// follows marks one that comes of a redemption and must be new.
	follows bool
}

// PutArtifact implements [storage.Artifacts].
func (s *Store) PutArtifact(ctx context.Context, a storage.Artifact) error {
	if err := checkArtifact(&a); err != nil {
		return err
	}
	return s.submit(ctx, "put artifact", &putArtifact{artifact: keepArtifact(a)})
}

// checkArtifact refuses what the database could not keep.
func checkArtifact(a *storage.Artifact) error {
	if len(a.Key) == 0 {
		return &invalid{"an artifact needs a key"}
	}
	return cmp.Or(
		checkBytes("the artifact's key", a.Key, 64),
		checkBytes("the artifact's account", a.Account, 64),
		checkBytes("the artifact's content", a.Sealed, largest),
		checkID("artifact", a.Client, a.Organization, a.Subject),
	)
}

// keepArtifact copies an artifact: the caller may go before it is written.
func keepArtifact(a storage.Artifact) storage.Artifact {
	a.Key, a.Account, a.Sealed = bytes.Clone(a.Key), bytes.Clone(a.Account), bytes.Clone(a.Sealed)
	return a
}

// Artifact implements [storage.Artifacts].
func (s *Store) Artifact(ctx context.Context, kind storage.ArtifactKind, key []byte) (storage.Artifact, error) {
	var a storage.Artifact
	found := false
	err := s.query(ctx, "read artifact", func(r *sql.Rows) (err error) {
		found = true
		a, err = scanArtifact(r)
		return err
	}, "SELECT "+artifactColumns+" FROM gw_artifact WHERE kind = ? AND akey = ?", int64(kind), key)
	switch {
	case err != nil:
		return storage.Artifact{}, err
	case !found:
		return storage.Artifact{}, storage.ErrNotFound
	}
	return a, nil
}

type redeem struct {
	task
	redemption storage.Redemption
	answer     storage.Redeemed
	state      *grantState // of a grant that a second use ends
}

// Redeem implements [storage.Artifacts].
func (s *Store) Redeem(ctx context.Context, r storage.Redemption) (storage.Redeemed, error) {
	if r.Grant != nil {
		if err := checkGrant(r.Grant); err != nil {
			return storage.Redeemed{}, err
		}
		g := keepGrant(*r.Grant)
		r.Grant = &g
	}
	if r.Next != nil {
		if err := checkArtifact(r.Next); err != nil {
			return storage.Redeemed{}, err
		}
		a := keepArtifact(*r.Next)
		r.Next = &a
	}
	r.Key, r.At = bytes.Clone(r.Key), milli(r.At)
	c := &redeem{redemption: r}
	if err := s.submit(ctx, "redeem", c); err != nil {
		return storage.Redeemed{}, err
	}
	return c.answer, nil
}

// DropPending implements [storage.Artifacts].
func (s *Store) DropPending(ctx context.Context, p storage.Pending) (int, error) {
	if p.Subject == "" && len(p.Account) == 0 {
		return 0, &invalid{"name the subject or the account whose artifacts are to be dropped"}
	}
	if !storable(p.Subject) {
		return 0, nil
	}
	// The kind is that of reference tokens, as the indexes have it.
	query, args := "SELECT kind, akey FROM gw_artifact WHERE kind <> 5 AND redeemed_at = 0", []any(nil)
	if p.Subject != "" {
		query, args = query+" AND subject = ?", append(args, p.Subject)
	}
	if len(p.Account) > 0 {
		query, args = query+" AND account = ?", append(args, p.Account)
	}
	// In the order of batches, and not before a redemption under way is through.
	query += " ORDER BY kind, akey"
	gone := 0
	err := s.write(ctx, "drop pending", func(ctx context.Context, tx *session) error {
		var rows [][]any
		read, dest := receivers(artifactTable.columns[:artifactTable.keys])
		err := tx.query(ctx, func(r *sql.Rows) error {
			err := r.Scan(dest...)
			rows = append(rows, slices.Clone(read()))
			return err
		}, query+tx.core.dialect.lock(), args...)
		if err != nil || len(rows) == 0 {
			gone = 0
			return err
		}
		n, err := tx.remove(ctx, artifactTable, rows)
		gone = int(n)
		return err
	})
	return gone, err
}

type claim struct {
	task
	namespace string
	key       []byte
	until     int64
}

// Claim implements [storage.Once]. Its clock is that of the process.
func (s *Store) Claim(ctx context.Context, namespace string, key []byte, until time.Time) error {
	if err := checkID("namespace", namespace); err != nil {
		return err
	}
	return s.submit(ctx, "claim", &claim{namespace: namespace, key: claimKey(key), until: toUntil(until)})
}

// claimKey is a key as it is kept: longer ones by their hash, which the first
// byte keeps apart from short ones.
func claimKey(key []byte) []byte {
	if len(key) < 64 {
		return append([]byte{0}, key...)
	}
	sum := sha256.Sum256(key)
	return append([]byte{1}, sum[:]...)
}
