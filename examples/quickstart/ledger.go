package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/storage"
)

// ledger is the host's own business: the thing that is being guarded. Every
// query names the organization of the caller, so that nobody sees another's.
type ledger struct{ db *gorm.DB }

type account struct {
	ID           string    `json:"id" gorm:"primaryKey;size:32"`
	Organization string    `json:"-" gorm:"index;size:64"`
	Name         string    `json:"name" gorm:"size:200"`
	Currency     string    `json:"currency" gorm:"size:3"`
	BalanceMinor int64     `json:"balance_minor"`
	CreatedAt    time.Time `json:"created_at"`
}

type transaction struct {
	ID           string    `json:"id" gorm:"primaryKey;size:32"`
	Organization string    `json:"-" gorm:"index;size:64"`
	From         string    `json:"from,omitempty" gorm:"column:from_account;size:32"`
	To           string    `json:"to,omitempty" gorm:"column:to_account;size:32"`
	AmountMinor  int64     `json:"amount_minor"`
	Status       string    `json:"status" gorm:"size:16"`
	InitiatedBy  string    `json:"initiated_by" gorm:"size:100"`
	CreatedAt    time.Time `json:"created_at"`
}

type terminal struct {
	ID           string    `json:"id" gorm:"primaryKey;size:64"`
	Organization string    `json:"-" gorm:"primaryKey;size:64"`
	Account      string    `json:"account,omitempty" gorm:"size:32"`
	AssignedBy   string    `json:"assigned_by" gorm:"size:100"`
	AssignedAt   time.Time `json:"assigned_at"`
}

func (account) TableName() string     { return "quickstart_accounts" }
func (transaction) TableName() string { return "quickstart_transactions" }
func (terminal) TableName() string    { return "quickstart_terminals" }

// openLedger makes the tables. Two processes may start at once, and then one of
// them may have to try again.
func openLedger(db *gorm.DB) (*ledger, error) {
	var err error
	for range 5 {
		if err = db.AutoMigrate(&account{}, &transaction{}, &terminal{}); err == nil {
			return &ledger{db}, nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return nil, fmt.Errorf("the host's tables: %w", err)
}

// pageSize is how much a list shows at once.
const pageSize = 10_000

// page lists what an organization has after an id, the oldest first, and says
// after which id the following page begins; nil if there is none.
func page[R any](ctx context.Context, l *ledger, organization, after string, id func(R) string) (found []R, next *string, err error) {
	err = l.db.WithContext(ctx).Where("organization = ? AND id > ?", organization, after).Order("id").Limit(pageSize + 1).Find(&found).Error
	if len(found) > pageSize {
		found = found[:pageSize]
		last := id(found[pageSize-1])
		next = &last
	}
	return found, next, err
}

func (l *ledger) accounts(ctx context.Context, organization, after string) ([]account, *string, error) {
	return page(ctx, l, organization, after, func(a account) string { return a.ID })
}

func (l *ledger) open(ctx context.Context, a account) (account, error) {
	a.ID, a.CreatedAt = storage.NewID(time.Now()).String(), time.Now().UTC()
	return a, l.db.WithContext(ctx).Create(&a).Error
}

func (l *ledger) transactions(ctx context.Context, organization, after string) ([]transaction, *string, error) {
	return page(ctx, l, organization, after, func(t transaction) string { return t.ID })
}

var errNoAccount = errors.New("no such account in this organization")

// initiate records a transfer; naming an account means moving the money.
func (l *ledger) initiate(ctx context.Context, t transaction) (transaction, error) {
	t.ID, t.CreatedAt, t.Status = storage.NewID(time.Now()).String(), time.Now().UTC(), "initiated"
	return t, l.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		moves := []struct {
			account string
			delta   int64
		}{{t.From, -t.AmountMinor}, {t.To, t.AmountMinor}}
		if t.To < t.From { // one order for all, so that two transfers do not wait for each other
			slices.Reverse(moves)
		}
		for _, move := range moves {
			if move.account == "" {
				continue
			}
			moved := tx.Model(&account{}).Where("id = ? AND organization = ?", move.account, t.Organization).
				Update("balance_minor", gorm.Expr("balance_minor + ?", move.delta))
			if moved.Error != nil {
				return moved.Error
			}
			if moved.RowsAffected == 0 {
				return errNoAccount
			}
		}
		return tx.Create(&t).Error
	})
}

func (l *ledger) assign(ctx context.Context, t terminal) (terminal, error) {
	t.AssignedAt = time.Now().UTC()
	return t, l.db.WithContext(ctx).Save(&t).Error
}
