package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/authz"
)

// createTransfer moves money. A MsgId keeps one message from counting twice; it
// does not keep a client from asking twice for one transfer, because a retry has
// a new MsgId. The Idempotency-Key does: it is the host's, and demanded.
func (b *book) createTransfer(w http.ResponseWriter, r *http.Request, a account) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) != 1 || !validKey(keys[0]) {
		problem(w, http.StatusBadRequest, "idempotency_key_required", "Send one Idempotency-Key of 1 to 128 visible characters, a new one for each transfer and the same one for a retry.")
		return
	}
	in, ok := read(w, r)
	if !ok {
		return
	}
	amount, err := parseAmount(in["amount"])
	if err != nil {
		problem(w, http.StatusBadRequest, "amount_invalid", "amount is a number such as 10.00, not negative, with at most two decimals.")
		return
	}
	t := transfer{Account: a.Number, Client: authz.FromContext(r.Context()).Client, Beneficiary: in.text("beneficiary_id", 32), AmountMinor: amount, Reference: in.text("reference", 140)}
	answer, replayed, err := b.send(r.Context(), t, keys[0], fingerprint(a, in), tellTransfer)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

func tellTransfer(t transfer, after account) ([]byte, error) {
	return json.Marshal(map[string]any{"transfer_id": t.ID, "status": "accepted", "account": shown(after), "beneficiary_id": t.Beneficiary,
		"amount": formatAmount(t.AmountMinor), "currency": after.Currency, "balance": formatAmount(after.BalanceMinor), "reference": t.Reference})
}

func validKey(key string) bool {
	return key != "" && len(key) <= 128 && !strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' })
}

// fingerprint tells one transfer from another: the account and every member of
// the body, whatever their order.
func fingerprint(a account, in body) string {
	canonical, _ := json.Marshal(in) // it was JSON a moment ago
	sum := sha256.Sum256(append([]byte(a.Number+"\n"), canonical...))
	return hex.EncodeToString(sum[:])
}

const maxAmount = 1_000_000_000_00

// parseAmount reads a decimal, as a string or as a number, without a floating
// point in between. Absent is nothing.
func parseAmount(raw json.RawMessage) (minor int64, err error) {
	if raw == nil {
		return 0, nil
	}
	text := strings.Trim(string(raw), `"`)
	whole, cents, hasCents := strings.Cut(text, ".")
	if whole == "" || len(whole) > 12 || hasCents && (cents == "" || len(cents) > 2) {
		return 0, errors.New("no amount")
	}
	digits := whole + (cents + "00")[:2]
	if strings.Trim(digits, "0123456789") != "" {
		return 0, errors.New("no amount")
	}
	if minor, err = strconv.ParseInt(digits, 10, 64); err != nil || minor > maxAmount {
		return 0, errors.New("no amount")
	}
	return minor, nil
}

func formatAmount(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }
