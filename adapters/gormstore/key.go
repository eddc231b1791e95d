package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

type keyRow struct {
	ID        int64 `gorm:"primaryKey;autoIncrement:false"`
	Purpose   string
	State     int64
	RootName  string
	Wrapped   []byte
	PublicJWK []byte `gorm:"column:public_jwk"`
	CreatedAt int64  `gorm:"autoCreateTime:false"`
	StateAt   int64
}

func (keyRow) TableName() string { return "gw_key" }

// PutKey implements [storage.Keys].
func (s *Store) PutKey(ctx context.Context, k storage.Key, e storage.Event) (storage.Change, error) {
	if k.ID == 0 {
		return storage.Change{}, &invalid{"a key needs a positive id"}
	}
	if err := checkID("key", k.Purpose, k.Root); err != nil {
		return storage.Change{}, err
	}
	if err := checkBytes("the key", append(slices.Clone(k.Wrapped), k.Public...), largest); err != nil {
		return storage.Change{}, err
	}
	row := keyRow{
		ID: int64(k.ID), Purpose: k.Purpose, State: int64(k.State), RootName: k.Root,
		Wrapped: bytesOf(k.Wrapped), PublicJWK: bytesOf(k.Public),
		CreatedAt: toMillis(k.CreatedAt), StateAt: toMillis(k.StateAt),
	}
	return s.change(ctx, "put key", func(ctx context.Context, tx *session) (storage.Change, error) {
		if created, err := tx.create(ctx, &row); err != nil || !created {
			return storage.Change{}, orExists(err)
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return storage.Change{}, err
		}
		return tx.putChange(ctx, keyChange(k.ID, k.State))
	})
}

func keyChange(id uint32, state storage.KeyState) storage.Change {
	return storage.Change{Kind: storage.KeyChange, ID: strconv.FormatUint(uint64(id), 10), Version: uint64(state)}
}

// ListKeys implements [storage.Keys].
func (s *Store) ListKeys(ctx context.Context) ([]storage.Key, error) {
	return listed(ctx, s, "list keys", func(r *sql.Rows) (k storage.Key, err error) {
		var created, at int64
		err = r.Scan(&k.ID, &k.Purpose, &k.State, &k.Root, &k.Wrapped, &k.Public, &created, &at)
		k.CreatedAt, k.StateAt = fromMillis(created), fromMillis(at)
		return k, err
	}, func(db *gorm.DB) *gorm.DB {
		return db.Table("gw_key").Select("id, purpose, state, root_name, wrapped, public_jwk, created_at, state_at").Order("id")
	})
}

// lockKey reads the state and root of a key.
func (s *session) lockKey(ctx context.Context, id uint32) (state storage.KeyState, root string, err error) {
	found := false
	err = s.query(ctx, func(r *sql.Rows) error {
		found = true
		return r.Scan(&state, &root)
	}, "SELECT state, root_name FROM gw_key WHERE id = ?"+s.core.dialect.lock(), int64(id))
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	return state, root, err
}

// SetKeyState implements [storage.Keys].
func (s *Store) SetKeyState(ctx context.Context, id uint32, from, to storage.KeyState, at time.Time, e storage.Event) (storage.Change, error) {
	if to <= from || to > storage.Retired {
		return storage.Change{}, &invalid{"a key only moves forward, up to retired"}
	}
	return s.change(ctx, "set key state", func(ctx context.Context, tx *session) (storage.Change, error) {
		state, _, err := tx.lockKey(ctx, id)
		if err == nil && state != from {
			err = storage.ErrConflict
		}
		if err != nil {
			return storage.Change{}, err
		}
		if _, err := tx.exec(ctx, "UPDATE gw_key SET state = ?, state_at = ? WHERE id = ?", int64(to), toMillis(at), int64(id)); err != nil {
			return storage.Change{}, err
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return storage.Change{}, err
		}
		return tx.putChange(ctx, keyChange(id, to))
	})
}

// RewrapKey implements [storage.Keys].
func (s *Store) RewrapKey(ctx context.Context, id uint32, fromRoot, toRoot string, wrapped []byte, e storage.Event) error {
	if err := checkID("root key", toRoot); err != nil {
		return err
	}
	if err := checkBytes("the key", wrapped, largest); err != nil {
		return err
	}
	return s.write(ctx, "rewrap key", func(ctx context.Context, tx *session) error {
		_, root, err := tx.lockKey(ctx, id)
		if err == nil && root != fromRoot {
			err = storage.ErrConflict
		}
		if err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "UPDATE gw_key SET root_name = ?, wrapped = ? WHERE id = ?", toRoot, bytesOf(wrapped), int64(id)); err != nil {
			return err
		}
		return tx.putEvent(ctx, e)
	})
}
