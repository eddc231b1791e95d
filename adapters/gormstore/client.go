package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// clientRow is a client as GORM writes it. What statements look at has a column
// of its own; the rest is one JSON document.
type clientRow struct {
	ID           string `gorm:"primaryKey"`
	Organization string
	Environment  string
	Status       int64
	Epoch        int64
	Version      int64
	ExpiresAt    int64
	Roles        string
	Doc          string
}

func (clientRow) TableName() string { return "gw_client" }

// clientDoc is the rest of a client. Durations are nanoseconds, times
// milliseconds.
type clientDoc struct {
	Name           string            `json:"name,omitempty"`
	Type           string            `json:"type,omitempty"`
	Public         bool              `json:"public,omitempty"`
	ResourceServer bool              `json:"resource_server,omitempty"`
	Secrets        []secretDoc       `json:"secrets,omitempty"`
	Certificates   []certificateDoc  `json:"certificates,omitempty"`
	JWKS           []byte            `json:"jwks,omitempty"`
	Prefixes       []netip.Prefix    `json:"prefixes,omitempty"`
	Boundary       []string          `json:"boundary,omitempty"`
	Subscriptions  []string          `json:"subscriptions,omitempty"`
	GrantTypes     []string          `json:"grant_types,omitempty"`
	Scopes         []string          `json:"scopes,omitempty"`
	Audiences      []string          `json:"audiences,omitempty"`
	RedirectURIs   []string          `json:"redirect_uris,omitempty"`
	Origins        []string          `json:"origins,omitempty"`
	Lifetimes      *lifetimesDoc     `json:"lifetimes,omitempty"`
	TestIDs        map[string]string `json:"test_ids,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	CreatedBy      string            `json:"created_by,omitempty"`
	CreatedAt      int64             `json:"created_at,omitempty"`
	UpdatedAt      int64             `json:"updated_at,omitempty"`
}

type secretDoc struct {
	ID        string `json:"id"`
	Hash      string `json:"hash"`
	CreatedAt int64  `json:"created_at,omitempty"`
	ExpiresAt int64  `json:"expires_at,omitempty"`
}

type certificateDoc struct {
	DER           []byte `json:"der"`
	Thumbprint    []byte `json:"thumbprint"`
	KeyThumbprint []byte `json:"key_thumbprint"`
	KeyID         string `json:"key_id,omitempty"`
	NotBefore     int64  `json:"not_before,omitempty"`
	NotAfter      int64  `json:"not_after,omitempty"`
	RevokedAt     int64  `json:"revoked_at,omitempty"`
}

type lifetimesDoc struct {
	Access                   time.Duration `json:"access,omitempty"`
	Code                     time.Duration `json:"code,omitempty"`
	RefreshAbsolute          time.Duration `json:"refresh_absolute,omitempty"`
	RefreshIdle              time.Duration `json:"refresh_idle,omitempty"`
	RefreshGrace             time.Duration `json:"refresh_grace,omitempty"`
	ClientCredentialsRefresh *bool         `json:"client_credentials_refresh,omitempty"`
}

func toClientRow(c *storage.Client) (clientRow, error) {
	doc := clientDoc{
		Name: c.Name, Type: c.Type, Public: c.Public, ResourceServer: c.ResourceServer,
		JWKS: c.JWKS, Prefixes: c.Prefixes, Boundary: c.Boundary, Subscriptions: c.Subscriptions,
		GrantTypes: c.GrantTypes, Scopes: c.Scopes, Audiences: c.Audiences,
		RedirectURIs: c.RedirectURIs, Origins: c.Origins, TestIDs: c.TestIDs, Labels: c.Labels,
		CreatedBy: c.CreatedBy, CreatedAt: toMillis(c.CreatedAt), UpdatedAt: toMillis(c.UpdatedAt),
	}
	for _, s := range c.Secrets {
		doc.Secrets = append(doc.Secrets, secretDoc{s.ID, s.Hash, toMillis(s.CreatedAt), toMillis(s.ExpiresAt)})
	}
	for _, x := range c.Certificates {
		doc.Certificates = append(doc.Certificates, certificateDoc{
			DER: x.DER, Thumbprint: x.Thumbprint[:], KeyThumbprint: x.KeyThumbprint[:], KeyID: x.KeyID,
			NotBefore: toMillis(x.NotBefore), NotAfter: toMillis(x.NotAfter), RevokedAt: toMillis(x.RevokedAt),
		})
	}
	if c.Lifetimes != (storage.Lifetimes{}) {
		l := lifetimesDoc(c.Lifetimes)
		doc.Lifetimes = &l
	}
	roles, err := encode(c.Roles)
	if err != nil {
		return clientRow{}, err
	}
	text, err := encode(doc)
	return clientRow{
		ID: c.ID, Organization: c.Organization, Environment: c.Environment,
		Status: int64(c.Status), Epoch: int64(c.Epoch), Version: int64(c.Version),
		ExpiresAt: toMillis(c.ExpiresAt), Roles: roles, Doc: text,
	}, err
}

const clientColumns = `c.id, c.organization, c.environment, c.status, c.epoch, c.version, c.expires_at, c.roles, c.doc, u.used_at`

const clientFrom = `gw_client c LEFT JOIN gw_client_use u ON u.id = c.id`

func scanClient(r *sql.Rows) (c storage.Client, err error) {
	var expires int64
	var used sql.Null[int64]
	var roles, text sql.RawBytes
	err = r.Scan(&c.ID, &c.Organization, &c.Environment, &c.Status, &c.Epoch, &c.Version, &expires, &roles, &text, &used)
	if err != nil {
		return c, err
	}
	c.ExpiresAt, c.LastUsedAt = fromMillis(expires), fromMillis(used.V)
	if err := json.Unmarshal(roles, &c.Roles); err != nil {
		return c, err
	}
	var doc clientDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return c, err
	}
	c.Name, c.Type, c.Public, c.ResourceServer = doc.Name, doc.Type, doc.Public, doc.ResourceServer
	c.JWKS, c.Prefixes, c.Boundary, c.Subscriptions = doc.JWKS, doc.Prefixes, doc.Boundary, doc.Subscriptions
	c.GrantTypes, c.Scopes, c.Audiences = doc.GrantTypes, doc.Scopes, doc.Audiences
	c.RedirectURIs, c.Origins, c.TestIDs, c.Labels = doc.RedirectURIs, doc.Origins, doc.TestIDs, doc.Labels
	c.CreatedBy, c.CreatedAt, c.UpdatedAt = doc.CreatedBy, fromMillis(doc.CreatedAt), fromMillis(doc.UpdatedAt)
	for _, s := range doc.Secrets {
		c.Secrets = append(c.Secrets, storage.Secret{ID: s.ID, Hash: s.Hash, CreatedAt: fromMillis(s.CreatedAt), ExpiresAt: fromMillis(s.ExpiresAt)})
	}
	for _, x := range doc.Certificates {
		kept := storage.Certificate{
			DER: x.DER, KeyID: x.KeyID,
			NotBefore: fromMillis(x.NotBefore), NotAfter: fromMillis(x.NotAfter), RevokedAt: fromMillis(x.RevokedAt),
		}
		copy(kept.Thumbprint[:], x.Thumbprint)
		copy(kept.KeyThumbprint[:], x.KeyThumbprint)
		c.Certificates = append(c.Certificates, kept)
	}
	if doc.Lifetimes != nil {
		c.Lifetimes = storage.Lifetimes(*doc.Lifetimes)
	}
	return c, nil
}

// Client implements [storage.Clients].
func (s *Store) Client(ctx context.Context, id string) (storage.Client, error) {
	var c storage.Client
	found := false
	if storable(id) {
		err := s.query(ctx, "read client", func(r *sql.Rows) (err error) {
			found = true
			c, err = scanClient(r)
			return err
		}, "SELECT "+clientColumns+" FROM "+clientFrom+" WHERE c.id = ?", id)
		if err != nil {
			return storage.Client{}, err
		}
	}
	if !found {
		return storage.Client{}, storage.ErrNotFound
	}
	return c, nil
}

// KeyOwner implements [storage.Clients].
func (s *Store) KeyOwner(ctx context.Context, environment string, keyThumbprint [32]byte) (string, error) {
	var owner string
	if storable(environment) {
		err := s.query(ctx, "read key owner", func(r *sql.Rows) error { return r.Scan(&owner) },
			"SELECT client FROM gw_client_key WHERE environment = ? AND thumbprint = ?", environment, keyThumbprint[:])
		if err != nil {
			return "", err
		}
	}
	if owner == "" {
		return "", storage.ErrNotFound
	}
	return owner, nil
}

// CreateClient implements [storage.Clients].
func (s *Store) CreateClient(ctx context.Context, c storage.Client, e storage.Event) error {
	if err := checkID("client", c.ID, c.Organization, c.Environment); err != nil {
		return err
	}
	c.Version = 1
	row, err := toClientRow(&c)
	if err != nil {
		return err
	}
	used := toMillis(c.LastUsedAt)
	return s.write(ctx, "create client", func(ctx context.Context, tx *session) error {
		if there, err := tx.exists(ctx, "SELECT 1 FROM gw_client WHERE id = ?", c.ID); err != nil || there {
			return orExists(err)
		}
		if there, err := tx.exists(ctx, "SELECT 1 FROM gw_organization WHERE id = ?", c.Organization); err != nil || !there {
			return orNotFound(err)
		}
		if created, err := tx.create(ctx, &row); err != nil || !created {
			return orExists(err)
		}
		if err := tx.ownKeys(ctx, &c); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "INSERT INTO gw_client_use (id, used_at) VALUES (?, ?)", c.ID, used); err != nil {
			return err
		}
		return tx.putEvent(ctx, e)
	})
}

// UpdateClient implements [storage.Clients].
func (s *Store) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	if !storable(c.ID) {
		return storage.Change{}, storage.ErrNotFound
	}
	return s.change(ctx, "update client", func(ctx context.Context, tx *session) (storage.Change, error) {
		var none storage.Change
		if err := tx.lockQuorum(ctx, q); err != nil {
			return none, err
		}
		old, err := tx.lockClient(ctx, c.ID)
		if err != nil {
			return none, err
		}
		if err := updatable(old.Status, old.Version, c.Version); err != nil {
			return none, err
		}
		next := c
		next.Organization, next.Environment = old.Organization, old.Environment
		next.CreatedBy, next.CreatedAt = old.CreatedBy, old.CreatedAt
		next.Epoch = max(c.Epoch, old.Epoch)
		next.Version++
		row, err := toClientRow(&next)
		if err != nil {
			return none, err
		}
		if err := tx.gorm(ctx).Select("*").Updates(&row).Error; err != nil {
			return none, err
		}
		if err := tx.ownKeys(ctx, &next); err != nil {
			return none, err
		}
		if err := tx.checkQuorum(ctx, q, false); err != nil {
			return none, err
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return none, err
		}
		return tx.putChange(ctx, storage.Change{
			Kind: storage.ClientChange, ID: next.ID,
			Status: next.Status, Version: next.Version, Epoch: next.Epoch, Until: until,
		})
	})
}

// lockClient reads a client and holds it until the end of the transaction.
func (s *session) lockClient(ctx context.Context, id string) (c storage.Client, err error) {
	found := false
	err = s.query(ctx, func(r *sql.Rows) (err error) {
		found = true
		c, err = scanClient(r)
		return err
	}, "SELECT "+clientColumns+" FROM "+clientFrom+" WHERE c.id = ?"+s.core.dialect.lockOf("c"), id)
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	return c, err
}

// updatable are the rules of all updates of a record.
func updatable(status storage.Status, version, read uint64) error {
	switch {
	case status == storage.Revoked:
		return storage.ErrFinal
	case version != read:
		return storage.ErrConflict
	}
	return nil
}

// ownKeys makes the client's certificates' public keys its own, and lets go of
// others that it had.
func (s *session) ownKeys(ctx context.Context, c *storage.Client) error {
	if _, err := s.exec(ctx, "DELETE FROM gw_client_key WHERE client = ?", c.ID); err != nil {
		return err
	}
	seen := make(map[[32]byte]bool, len(c.Certificates))
	for _, x := range c.Certificates {
		if seen[x.KeyThumbprint] {
			continue
		}
		seen[x.KeyThumbprint] = true
		inserted, err := s.insert(ctx, clientKeyTable, [][]any{{c.Environment, x.KeyThumbprint[:], c.ID}})
		if err != nil || !inserted[0] {
			return orExists(err)
		}
	}
	return nil
}

// ListClients implements [storage.Clients].
func (s *Store) ListClients(ctx context.Context, organization string, p storage.Page) ([]storage.Client, error) {
	if !storable(organization, p.After) {
		return nil, nil
	}
	return listed(ctx, s, "list clients", scanClient, func(db *gorm.DB) *gorm.DB {
		return db.Table(clientFrom).Select(clientColumns).
			Where("c.organization = ? AND c.id > ?", organization, p.After).Order("c.id").Limit(limited(p.Limit))
	})
}

type touch struct {
	task
	uses []storage.LastUse
}
