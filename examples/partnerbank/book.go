package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// book is the host's own business, in one environment: the thing that is being
// guarded. Nobody but the host knows who may act for whom.
type book struct {
	db          *gorm.DB
	environment string
}

type account struct {
	Environment  string `gorm:"primaryKey;size:16"`
	Number       string `gorm:"primaryKey;size:34"`
	EmiratesID   string `gorm:"index;size:34"`
	Currency     string `gorm:"size:3"`
	BalanceMinor int64
}

// mandate says that a client may act for the holder of an id. Clients are of one
// environment.
type mandate struct {
	Client string `gorm:"primaryKey;size:100"`
	Kind   string `gorm:"primaryKey;size:20"`
	Holder string `gorm:"primaryKey;size:34"`
}

type beneficiary struct {
	ID          string    `json:"beneficiary_id" gorm:"primaryKey;size:32"`
	Environment string    `json:"-" gorm:"index:idx_partnerbank_beneficiary;size:16"`
	Account     string    `json:"-" gorm:"index:idx_partnerbank_beneficiary;size:34"`
	Name        string    `json:"name" gorm:"size:200"`
	IBAN        string    `json:"iban,omitempty" gorm:"size:34"`
	CreatedAt   time.Time `json:"created_at"`
}

type transfer struct {
	ID          string `gorm:"primaryKey;size:32"`
	Environment string `gorm:"size:16"`
	Account     string `gorm:"index;size:34"`
	Beneficiary string `gorm:"size:32"`
	Client      string `gorm:"size:100"`
	AmountMinor int64
	Reference   string `gorm:"size:140"`
	CreatedAt   time.Time
}

// answered is a transfer that was made under an idempotency key, and what the
// client was told. The key is stored as its hash: databases have their own ideas
// of which texts are equal.
type answered struct {
	Client      string `gorm:"primaryKey;size:100"`
	Key         string `gorm:"primaryKey;column:idempotency_key;size:128"`
	Fingerprint string `gorm:"size:64"`
	Answer      []byte
	CreatedAt   time.Time
}

func (account) TableName() string     { return "partnerbank_accounts" }
func (mandate) TableName() string     { return "partnerbank_mandates" }
func (beneficiary) TableName() string { return "partnerbank_beneficiaries" }
func (transfer) TableName() string    { return "partnerbank_transfers" }
func (answered) TableName() string    { return "partnerbank_answered" }

// openBooks makes the tables. Two processes may start at once, and then one of
// them may have to try again.
func openBooks(db *gorm.DB) error {
	var err error
	for range 5 {
		if err = db.AutoMigrate(&account{}, &mandate{}, &beneficiary{}, &transfer{}, &answered{}); err == nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("the host's tables: %w", err)
}

// here asks for records of this environment.
func (b *book) here(tx *gorm.DB) *gorm.DB { return tx.Where("environment = ?", b.environment) }

// openingBalance is what every demo account begins with: a million.
const openingBalance = 1_000_000_00

// openAccounts opens accounts unless they are there.
func (b *book) openAccounts(ctx context.Context) error {
	for _, r := range demoClients {
		if err := b.open(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *book) open(ctx context.Context, r registration) error {
	for i, number := range r.accounts {
		a := account{Environment: b.environment, Number: number, Currency: "AED", BalanceMinor: openingBalance}
		if i == 0 {
			a.EmiratesID = r.emirates
		}
		if err := b.keep(ctx, &a); err != nil {
			return err
		}
	}
	return nil
}

// mandate lets a client act for the accounts and the person it is registered
// with.
func (b *book) mandate(ctx context.Context, client string, r registration) error {
	for _, number := range r.accounts {
		if err := b.keep(ctx, &mandate{client, "account_id", number}); err != nil {
			return err
		}
	}
	if r.emirates == "" {
		return nil
	}
	return b.keep(ctx, &mandate{client, "emirates_id", r.emirates})
}

// keep inserts a record unless it is there.
func (b *book) keep(ctx context.Context, record any) error {
	return b.db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(record).Error
}

// mayActFor is asked before a token is issued, and on every call.
func (b *book) mayActFor(ctx context.Context, client *storage.Client, kind, id string) (bool, error) {
	var n int64
	err := b.db.WithContext(ctx).Model(&mandate{}).Where("client = ? AND kind = ? AND holder = ?", client.ID, kind, id).Count(&n).Error
	return n == 1, err
}

var errNoAccount = errors.New("the token is bound to no account of this bank")

// accountOf finds the account by the full id that the token is bound to, never
// by anything in the request: the mask there stands for many accounts.
func (b *book) accountOf(ctx context.Context, who *authz.Principal) (a account, err error) {
	query := b.here(b.db.WithContext(ctx))
	if number, ok := who.Bound("account_id"); ok {
		query = query.Where("number = ?", number)
	} else if person, ok := who.Bound("emirates_id"); ok {
		query = query.Where("emirates_id = ?", person)
	} else {
		return a, errNoAccount
	}
	err = query.Order("number").Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = errNoAccount
	}
	return a, err
}

func (b *book) beneficiaries(ctx context.Context, of account) ([]beneficiary, error) {
	found := []beneficiary{}
	return found, b.here(b.db.WithContext(ctx)).Where("account = ?", of.Number).Order("id").Limit(1000).Find(&found).Error
}

func (b *book) addBeneficiary(ctx context.Context, n beneficiary) (beneficiary, error) {
	n.ID, n.CreatedAt, n.Environment = storage.NewID(time.Now()).String(), time.Now().UTC(), b.environment
	return n, b.db.WithContext(ctx).Create(&n).Error
}

// The refusals of a transfer.
var (
	errKeyReused     = errors.New("the idempotency key stands for another transfer")
	errNoBeneficiary = errors.New("no such beneficiary of this account")
	errFunds         = errors.New("not enough money in the account")
)

// send makes a transfer once for each idempotency key of a client: key, money
// and answer are one transaction. replayed is true if it had been made before,
// and the answer is that of then.
func (b *book) send(ctx context.Context, t transfer, key, fingerprint string, tell func(transfer, account) ([]byte, error)) (answer []byte, replayed bool, err error) {
	t.ID, t.CreatedAt, t.Environment = storage.NewID(time.Now()).String(), time.Now().UTC(), b.environment
	sum := sha256.Sum256([]byte(key))
	key = hex.EncodeToString(sum[:])
	err = b.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		record := answered{Client: t.Client, Key: key, Fingerprint: fingerprint, CreatedAt: t.CreatedAt}
		claimed := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&record)
		if claimed.Error != nil {
			return claimed.Error
		}
		if claimed.RowsAffected == 0 {
			if err := tx.Where("client = ? AND idempotency_key = ?", t.Client, key).Take(&record).Error; err != nil {
				return err
			}
			if record.Fingerprint != fingerprint {
				return errKeyReused
			}
			answer, replayed = record.Answer, true
			return nil
		}
		after, err := b.move(tx, t)
		if err != nil {
			return err
		}
		if answer, err = tell(t, after); err != nil {
			return err
		}
		return tx.Model(&answered{}).Where("client = ? AND idempotency_key = ?", t.Client, key).Update("answer", answer).Error
	})
	return answer, replayed, err
}

// move takes the money from the account, and returns what the account is then.
func (b *book) move(tx *gorm.DB, t transfer) (after account, err error) {
	if t.Beneficiary != "" {
		var known beneficiary
		err := b.here(tx).Where("id = ? AND account = ?", t.Beneficiary, t.Account).Take(&known).Error
		if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && known.ID != t.Beneficiary {
			return after, errNoBeneficiary
		}
		if err != nil {
			return after, err
		}
	}
	taken := b.here(tx.Model(&account{})).Where("number = ? AND balance_minor >= ?", t.Account, t.AmountMinor).
		Update("balance_minor", gorm.Expr("balance_minor - ?", t.AmountMinor))
	switch {
	case taken.Error != nil:
		return after, taken.Error
	case taken.RowsAffected == 0 && t.AmountMinor > 0:
		return after, errFunds
	}
	if err := tx.Create(&t).Error; err != nil {
		return after, err
	}
	return after, b.here(tx).Where("number = ?", t.Account).Take(&after).Error
}

// endMandate withdraws what mandate gave, for one id.
func (b *book) endMandate(ctx context.Context, client, holder string) error {
	return b.db.WithContext(ctx).Where("client = ? AND holder = ?", client, holder).Delete(&mandate{}).Error
}
