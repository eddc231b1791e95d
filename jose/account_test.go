package jose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func newAccountOpener(t testing.TB, binding Binding, spend func(context.Context, string, string, time.Time) error) *AccountOpener {
	t.Helper()
	o, err := NewAccountOpener(AccountConfig{Keys: testKeyring(t), Binding: binding, Spend: spend})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAccount(t *testing.T) {
	t.Parallel()
	o := newAccountOpener(t, Compatible, nil)
	for _, id := range []string{"1234999999567", "7841999999999999567", "AE070331234567890123456", "12345678", strings.Repeat("Z", 64)} {
		parameter, err := SealAccount(id, bankDecryption().Public())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the bare number can be used again
			if got, err := o.Open(t.Context(), parameter, "client", "u-1"); err != nil || got != id {
				t.Errorf("%q, %v", got, err)
			}
		}
	}
}

func TestAccountStrict(t *testing.T) {
	t.Parallel()
	var s spender
	o := newAccountOpener(t, Strict, s.spend)
	a := Account{AccountID: "1234999999567", UUID: "u-1", ClientID: "client", Expiry: time.Now().Add(5 * time.Minute)}
	parameter, err := SealAccountStrict(a, bankDecryption().Public())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.Open(t.Context(), parameter, "client", "u-1"); err != nil || got != a.AccountID {
		t.Fatalf("%q, %v (%s)", got, err, reasonOfAccount(err))
	}
	if _, err := o.Open(t.Context(), parameter, "client", "u-1"); reasonOfAccount(err) != ReasonReplayed || !errors.Is(err, ErrReplayed) {
		t.Errorf("used twice: %v", err)
	}
	// As other implementations write it: without typ, in another order, spaced.
	plain := fmt.Sprintf(`{ "jti": "j2", "exp": %d, "client_id": "client", "uuid": "u-1", "account_id": "1234999999567" }`, a.Expiry.Unix())
	if parameter, err = sealCompact([]byte(plain), bankDecryption().Public(), ""); err != nil {
		t.Fatal(err)
	}
	if got, err := o.Open(t.Context(), parameter, "client", "u-1"); err != nil || got != a.AccountID {
		t.Errorf("without typ: %q, %v (%s)", got, err, reasonOfAccount(err))
	}
}

func reasonOfAccount(err error) Reason {
	var e *AccountError
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func TestAccountRefuses(t *testing.T) {
	t.Parallel()
	to := bankDecryption().Public()
	now := time.Now()
	text := func(payload, more string) string {
		s, err := sealCompact([]byte(payload), to, more)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	typ := `,"typ":"` + typeAccount + `"`
	strict := func(change func(*Account)) string {
		a := Account{AccountID: "1234999999567", UUID: "u-1", ClientID: "client", Expiry: now.Add(5 * time.Minute), ID: "j1"}
		change(&a)
		return text(string(a.marshal()), typ)
	}
	goodStrict := strict(func(*Account) {})
	good := text("1234999999567", "")
	toOther, err := SealAccount("1234999999567", strangerKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(good, ".")
	header := func(h string) string { return strings.Join(append([]string{b64(h)}, part[1:]...), ".") }
	tests := []struct {
		name      string
		binding   Binding
		parameter string
		want      Reason
	}{
		{"nothing", Compatible, "", ReasonNotEncrypted},
		{"the bare number", Compatible, "1234999999567", ReasonNotEncrypted},
		{"a mask", Compatible, text("1234xxxxxx567", ""), ReasonPayload},
		{"too short", Compatible, text("1234567", ""), ReasonPayload},
		{"too long", Compatible, text(strings.Repeat("1", 65), ""), ReasonPayload},
		{"small letters", Compatible, text("abcdefgh", ""), ReasonPayload},
		{"a space", Compatible, text("1234 999999567", ""), ReasonPayload},
		{"a newline after it", Compatible, text("1234999999567\n", ""), ReasonPayload},
		{"full-width digits", Compatible, text("１２３４５６７８", ""), ReasonPayload},
		{"to another bank", Compatible, toOther, ReasonKey},
		{"the strict form", Compatible, goodStrict, ReasonType},
		{"a message", Compatible, text("1234999999567", `,"cty":"JOSE+JSON"`), ReasonType},
		{"zip", Compatible, text("1234999999567", `,"zip":"DEF"`), ReasonHeader},
		{"crit", Compatible, text("1234999999567", `,"crit":["exp"]`), ReasonHeader},
		{"jku", Compatible, text("1234999999567", `,"jku":"https://keys.example"`), ReasonHeader},
		{"RSA1_5", Compatible, header(`{"alg":"RSA1_5","enc":"A256CBC-HS512"}`), ReasonAlgorithm},
		{"dir", Compatible, header(`{"alg":"dir","enc":"A256CBC-HS512"}`), ReasonAlgorithm},
		{"header rewritten", Compatible, header(goodJWE + ` }`), ReasonDecryption},
		{"four parts", Compatible, strings.Join(part[:4], "."), ReasonNotEncrypted},
		{"six parts", Compatible, good + ".", ReasonNotEncrypted},
		{"padding", Compatible, good + "=", ReasonEncoding},
		{"a newline", Compatible, good + "\n", ReasonEncoding},
		{"trailing bits", Compatible, trailingBits(good), ReasonEncoding},
		{"tag changed", Compatible, good[:len(good)-43] + flip(part[4]), ReasonDecryption},
		{"too large", Compatible, good + strings.Repeat("A", maxCompact), ReasonTooLarge},
		{"general JSON", Compatible, honest().sealed(), ReasonNotEncrypted},

		{"the bare form", Strict, good, ReasonSyntax},
		{"another typ", Strict, text(string((&Account{AccountID: "1234999999567", UUID: "u-1", ClientID: "client", Expiry: now.Add(time.Minute), ID: "j"}).marshal()), `,"typ":"JOSE+JSON"`), ReasonType},
		{"no JSON", Strict, text("1234999999567", typ), ReasonSyntax},
		{"another client", Strict, strict(func(a *Account) { a.ClientID = "stranger" }), ReasonBinding},
		{"another customer", Strict, strict(func(a *Account) { a.UUID = "u-2" }), ReasonBinding},
		{"no client", Strict, strict(func(a *Account) { a.ClientID = "" }), ReasonBinding},
		{"expired", Strict, strict(func(a *Account) { a.Expiry = now.Add(-2 * time.Minute) }), ReasonTime},
		{"good for too long", Strict, strict(func(a *Account) { a.Expiry = now.Add(time.Hour) }), ReasonTime},
		{"no jti", Strict, strict(func(a *Account) { a.ID = "" }), ReasonMessageID},
		{"jti with a space", Strict, strict(func(a *Account) { a.ID = "a b" }), ReasonMessageID},
		{"a mask, strict", Strict, strict(func(a *Account) { a.AccountID = "1234xxxxxx567" }), ReasonPayload},
		{"a member less", Strict, text(`{"account_id":"1234999999567","uuid":"u-1","client_id":"client","exp":1}`, typ), ReasonMissingMember},
		{"a member more", Strict, text(`{"account_id":"1234999999567","uuid":"u-1","client_id":"client","exp":1,"jti":"j","x":1}`, typ), ReasonUnknownMember},
		{"a member twice", Strict, text(`{"account_id":"1234999999567","account_id":"1234999999568","uuid":"u-1","client_id":"client","exp":1,"jti":"j"}`, typ), ReasonDuplicateMember},
		{"exp a string", Strict, text(`{"account_id":"1234999999567","uuid":"u-1","client_id":"client","exp":"1","jti":"j"}`, typ), ReasonSyntax},
		{"exp a fraction", Strict, text(`{"account_id":"1234999999567","uuid":"u-1","client_id":"client","exp":1.5,"jti":"j"}`, typ), ReasonSyntax},
		{"trailing data", Strict, text(string((&Account{}).marshal())+"{}", typ), ReasonSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s spender
			o := newAccountOpener(t, tt.binding, s.spend)
			got, err := o.Open(t.Context(), tt.parameter, "client", "u-1")
			if got != "" || err == nil {
				t.Fatalf("opened %q", got)
			}
			var refused *AccountError
			if !errors.As(err, &refused) || refused.Reason != tt.want {
				t.Errorf("%T %s (%v), want %s", err, reasonOfAccount(err), errors.Unwrap(err), tt.want)
			}
			if status, code := refused.Refusal(); status != 403 || code != "access_denied" || err.Error() != "jose: account refused" {
				t.Errorf("%d %s %v tells more than that", status, code, err)
			}
			if s.count() != 0 {
				t.Error("a refused parameter spent an id")
			}
		})
	}
}

func TestAccountStoreDown(t *testing.T) {
	t.Parallel()
	s := spender{down: errors.New("connection refused")}
	o := newAccountOpener(t, Strict, s.spend)
	parameter, err := SealAccountStrict(Account{AccountID: "1234999999567", UUID: "u", ClientID: "c", Expiry: time.Now().Add(time.Minute)}, bankDecryption().Public())
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Open(t.Context(), parameter, "c", "u")
	var refused *AccountError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if status, _ := refused.Refusal(); status != 503 {
		t.Errorf("%d", status)
	}
}

func TestNewAccountOpenerRefuses(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*AccountConfig){
		"AccountConfig.Keys":     func(c *AccountConfig) { c.Keys = nil },
		"AccountConfig.Binding":  func(c *AccountConfig) { c.Binding = 0 },
		"AccountConfig.Spend":    func(c *AccountConfig) { c.Binding = Strict },
		"AccountConfig.Lifetime": func(c *AccountConfig) { c.Lifetime = -1 },
		"AccountConfig.Skew":     func(c *AccountConfig) { c.Skew = -1 },
	} {
		cfg := AccountConfig{Keys: testKeyring(t), Binding: Compatible}
		change(&cfg)
		if _, err := NewAccountOpener(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, id := range []string{"", "1234567", "abcdefgh", strings.Repeat("1", 65)} {
		if _, err := SealAccount(id, bankDecryption().Public()); err == nil {
			t.Errorf("sealed %q", id)
		}
	}
	if _, err := SealAccountStrict(Account{AccountID: "12345678"}, bankDecryption().Public()); err == nil {
		t.Error("sealed an incomplete account")
	}
	if _, err := SealCompact(nil, nil); err == nil {
		t.Error("sealed to nobody")
	}
	if _, err := SealCompact(make([]byte, maxCompact), bankDecryption().Public()); err == nil {
		t.Error("sealed too much")
	}
	if _, err := OpenCompact("x"); ReasonOf(err) != ReasonNotEncrypted {
		t.Errorf("%v", err)
	}
}
