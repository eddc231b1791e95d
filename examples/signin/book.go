package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gatewright/gatewright/storage"
)

// book is the bank's own business: whose the accounts are, and what happened on
// them.
type book struct{ db *gorm.DB }

type account struct {
	Number       string `gorm:"primaryKey;size:64"`
	Customer     string `gorm:"index;size:64"` // the uuid
	Name         string `gorm:"size:100"`
	BalanceMinor int64
	Closed       bool
}

func (account) TableName() string { return "signin_accounts" }

type transaction struct {
	ID          string `json:"transaction_id"`
	AmountMinor int64  `json:"amount_minor"`
	Text        string `json:"text"`
}

// openBook makes the table. Two processes may start at once, and then one of
// them may have to try again.
func openBook(db *gorm.DB) (*book, error) {
	var err error
	for range 5 {
		if err = db.AutoMigrate(&account{}); err == nil {
			return &book{db}, nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return nil, fmt.Errorf("the host's table: %w", err)
}

// put writes accounts that are not there yet.
func (b *book) put(ctx context.Context, accounts ...account) error {
	return b.db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(accounts).Error
}

// owns is the bank's word on whether an account is a customer's: asked before
// anything about it is shown, at every refresh and on every call. A closed
// account is nobody's.
func (b *book) owns(ctx context.Context, customer, number string) (bool, error) {
	_, err := b.account(ctx, customer, number)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (b *book) account(ctx context.Context, customer, number string) (*account, error) {
	var found account
	return &found, b.db.WithContext(ctx).Where("number = ? AND customer = ? AND closed = ?", number, customer, false).Take(&found).Error
}

// closeAccount closes an account, or opens it again.
func (b *book) closeAccount(ctx context.Context, number string, closed bool) error {
	return b.db.WithContext(ctx).Model(&account{}).Where("number = ?", number).Update("closed", closed).Error
}

// transactions are made up.
func (a *account) transactions() []transaction {
	return []transaction{{ID: "T-1001", AmountMinor: -4500, Text: "Groceries"}, {ID: "T-1002", AmountMinor: a.BalanceMinor + 4500, Text: "Opening of " + a.Name}}
}

// nobodyMayActFor is for partner institutions, of which this bank has none.
func nobodyMayActFor(context.Context, *storage.Client, string, string) (bool, error) {
	return false, nil
}
