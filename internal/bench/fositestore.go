package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	"gorm.io/gorm"
)

// fositeStore is fosite's storage as its users write it: a table a kind, GORM for
// every statement, a transaction where fosite asks for one.
type fositeStore struct{ db *gorm.DB }

var (
	_ fosite.Storage                                      = (*fositeStore)(nil)
	_ oauth2.CoreStorage                                  = (*fositeStore)(nil)
	_ oauth2.TokenRevocationStorage                       = (*fositeStore)(nil)
	_ oauth2.ClientCredentialsGrantStorage                = (*fositeStore)(nil)
	_ oauth2.ResourceOwnerPasswordCredentialsGrantStorage = (*fositeStore)(nil)
	_ storage.Transactional                               = (*fositeStore)(nil)
)

type fositeClient struct {
	ID         string `gorm:"primaryKey"`
	Secret     []byte
	GrantTypes string
	Scopes     string
}

// fositeToken is a row of an access or a refresh token, by its signature.
type fositeToken struct {
	Signature       string `gorm:"primaryKey"`
	RequestID       string `gorm:"index"`
	AccessSignature string // of the access token beside a refresh token
	ClientID        string
	RequestedAt     time.Time
	Scopes          string
	GrantedScopes   string
	Form            string
	Session         []byte
	Active          bool
}

const (
	accessTable  = "fosite_access_tokens"
	refreshTable = "fosite_refresh_tokens"
	codeTable    = "fosite_codes"
)

func (s *fositeStore) migrate() error {
	err := s.db.AutoMigrate(&fositeClient{})
	for _, table := range []string{accessTable, refreshTable, codeTable} {
		err = errors.Join(err, s.db.Table(table).AutoMigrate(&fositeToken{}))
	}
	return err
}

func (s *fositeStore) createClient(k key) error {
	hash, err := fastHash{}.Hash(context.Background(), []byte(k.Secret))
	if err != nil {
		return err
	}
	return s.db.Create(&fositeClient{ID: k.ID, Secret: hash, GrantTypes: "client_credentials password refresh_token", Scopes: permission + " offline"}).Error
}

// GetClient implements fosite.ClientManager.
func (s *fositeStore) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	var c fositeClient
	if err := s.in(ctx).First(&c, "id = ?", id).Error; err != nil {
		return nil, notFound(err)
	}
	return &fosite.DefaultClient{ID: c.ID, Secret: c.Secret, GrantTypes: strings.Fields(c.GrantTypes), Scopes: strings.Fields(c.Scopes)}, nil
}

func (s *fositeStore) ClientAssertionJWTValid(context.Context, string) error {
	return fosite.ErrJTIKnown
}

func (s *fositeStore) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

// Authenticate implements the password grant, by which the bench gets its first
// refresh token.
func (s *fositeStore) Authenticate(_ context.Context, name, secret string) (string, error) {
	if name != "bench" || secret != "bench" {
		return "", fosite.ErrNotFound
	}
	return name, nil
}

// CreateAuthorizeCodeSession and the next two are asked for by compose; the bench
// redeems no codes.
func (s *fositeStore) CreateAuthorizeCodeSession(ctx context.Context, code string, r fosite.Requester) error {
	return s.create(ctx, codeTable, code, "", r)
}

func (s *fositeStore) GetAuthorizeCodeSession(ctx context.Context, code string, session fosite.Session) (fosite.Requester, error) {
	row, r, err := s.get(ctx, codeTable, code, session)
	if err == nil && !row.Active {
		return r, fosite.ErrInvalidatedAuthorizeCode
	}
	return r, err
}

func (s *fositeStore) InvalidateAuthorizeCodeSession(ctx context.Context, code string) error {
	return s.in(ctx).Table(codeTable).Where("signature = ?", code).Update("active", false).Error
}

func (s *fositeStore) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	return s.create(ctx, accessTable, signature, "", r)
}

func (s *fositeStore) GetAccessTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	_, r, err := s.get(ctx, accessTable, signature, session)
	return r, err
}

func (s *fositeStore) DeleteAccessTokenSession(ctx context.Context, signature string) error {
	return s.in(ctx).Table(accessTable).Delete(&fositeToken{}, "signature = ?", signature).Error
}

func (s *fositeStore) RevokeAccessToken(ctx context.Context, requestID string) error {
	return s.in(ctx).Table(accessTable).Delete(&fositeToken{}, "request_id = ?", requestID).Error
}

func (s *fositeStore) CreateRefreshTokenSession(ctx context.Context, signature, accessSignature string, r fosite.Requester) error {
	return s.create(ctx, refreshTable, signature, accessSignature, r)
}

func (s *fositeStore) GetRefreshTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	row, r, err := s.get(ctx, refreshTable, signature, session)
	if err == nil && !row.Active {
		return r, fosite.ErrInactiveToken
	}
	return r, err
}

func (s *fositeStore) DeleteRefreshTokenSession(ctx context.Context, signature string) error {
	return s.in(ctx).Table(refreshTable).Delete(&fositeToken{}, "signature = ?", signature).Error
}

func (s *fositeStore) RevokeRefreshToken(ctx context.Context, requestID string) error {
	return s.in(ctx).Table(refreshTable).Where("request_id = ?", requestID).Update("active", false).Error
}

// RotateRefreshToken goes by the signature and not, as fosite's own example does,
// by the request: that would touch each token the family ever had.
func (s *fositeStore) RotateRefreshToken(ctx context.Context, _ string, signature string) error {
	var row fositeToken
	if err := s.in(ctx).Table(refreshTable).First(&row, "signature = ?", signature).Error; err != nil {
		return notFound(err)
	}
	done := s.in(ctx).Table(refreshTable).Where("signature = ? AND active = ?", signature, true).Update("active", false)
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected == 0 {
		return fosite.ErrInactiveToken
	}
	return s.DeleteAccessTokenSession(ctx, row.AccessSignature)
}

func (s *fositeStore) create(ctx context.Context, table, signature, accessSignature string, r fosite.Requester) error {
	session, err := json.Marshal(r.GetSession())
	if err != nil {
		return err
	}
	return s.in(ctx).Table(table).Create(&fositeToken{Signature: signature, RequestID: r.GetID(), AccessSignature: accessSignature,
		ClientID: r.GetClient().GetID(), RequestedAt: r.GetRequestedAt(), Scopes: strings.Join(r.GetRequestedScopes(), " "),
		GrantedScopes: strings.Join(r.GetGrantedScopes(), " "), Form: r.GetRequestForm().Encode(), Session: session, Active: true}).Error
}

func (s *fositeStore) get(ctx context.Context, table, signature string, session fosite.Session) (row fositeToken, _ fosite.Requester, err error) {
	if err := s.in(ctx).Table(table).First(&row, "signature = ?", signature).Error; err != nil {
		return row, nil, notFound(err)
	}
	client, err := s.GetClient(ctx, row.ClientID)
	if err != nil {
		return row, nil, err
	}
	form, err := url.ParseQuery(row.Form)
	if err != nil {
		return row, nil, err
	}
	if session == nil { // fosite's revocation gives none
		session = new(fosite.DefaultSession)
	}
	if err := json.Unmarshal(row.Session, session); err != nil {
		return row, nil, err
	}
	return row, &fosite.Request{ID: row.RequestID, RequestedAt: row.RequestedAt, Client: client, Form: form, Session: session,
		RequestedScope: strings.Fields(row.Scopes), GrantedScope: strings.Fields(row.GrantedScopes)}, nil
}

func notFound(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fosite.ErrNotFound
	}
	return err
}

type transactionKey struct{}

// in returns the transaction of the context, or the database.
func (s *fositeStore) in(ctx context.Context) *gorm.DB {
	if tx, ok := ctx.Value(transactionKey{}).(*gorm.DB); ok {
		return tx
	}
	return s.db.WithContext(ctx)
}

// BeginTX implements storage.Transactional.
func (s *fositeStore) BeginTX(ctx context.Context) (context.Context, error) {
	tx := s.db.WithContext(ctx).Begin()
	return context.WithValue(ctx, transactionKey{}, tx), tx.Error
}

// Commit implements storage.Transactional.
func (s *fositeStore) Commit(ctx context.Context) error { return s.in(ctx).Commit().Error }

// Rollback implements storage.Transactional.
func (s *fositeStore) Rollback(ctx context.Context) error { return s.in(ctx).Rollback().Error }
