package jose

import (
	"context"
	"crypto"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestNewKeyringRefuses(t *testing.T) {
	t.Parallel()
	sig, enc := bankSigning(), bankDecryption()
	signOnly, err := NewPrivateKey("hsm", struct{ crypto.Signer }{rawKey(enc)})
	if err != nil {
		t.Fatal(err)
	}
	keys := func(k ...*PrivateKey) []*PrivateKey { return k }
	for name, tt := range map[string]struct {
		keys  Keys
		field string // "": accepted
	}{
		"two keys":                    {Keys{Signing: keys(sig), Decryption: keys(enc)}, ""},
		"one key, said so":            {Keys{Signing: keys(sig), Decryption: keys(sig), AllowSharedKey: true}, ""},
		"TLS key, said so":            {Keys{Signing: keys(sig), Decryption: keys(enc), TLS: []crypto.PublicKey{sig.Public().RSA()}, AllowSharedKey: true}, ""},
		"TLS key of its own":          {Keys{Signing: keys(sig), Decryption: keys(enc), TLS: []crypto.PublicKey{nextKey().Public().RSA()}}, ""},
		"signs with a sign-only key":  {Keys{Signing: keys(signOnly), Decryption: keys(sig)}, ""},
		"nothing":                     {Keys{}, "Keys.Signing"},
		"no signing":                  {Keys{Decryption: keys(enc)}, "Keys.Signing"},
		"no decryption":               {Keys{Signing: keys(sig)}, "Keys.Decryption"},
		"nil signing":                 {Keys{Signing: keys(nil), Decryption: keys(enc)}, "Keys.Signing[0]"},
		"nil decryption":              {Keys{Signing: keys(sig), Decryption: keys(enc, nil)}, "Keys.Decryption[1]"},
		"one key, not said so":        {Keys{Signing: keys(sig), Decryption: keys(sig)}, "Keys.AllowSharedKey"},
		"one key in the second place": {Keys{Signing: keys(nextKey(), sig), Decryption: keys(enc, sig)}, "Keys.AllowSharedKey"},
		"TLS key signs":               {Keys{Signing: keys(sig), Decryption: keys(enc), TLS: []crypto.PublicKey{sig.Public().RSA()}}, "Keys.TLS[0]"},
		"TLS key decrypts":            {Keys{Signing: keys(sig), Decryption: keys(enc), TLS: []crypto.PublicKey{enc.Public().RSA()}}, "Keys.TLS[0]"},
		"use enc signs":               {Keys{Signing: keys(sig.WithUse(UseEncryption)), Decryption: keys(enc)}, "Keys.Signing[0]"},
		"use sig decrypts":            {Keys{Signing: keys(sig), Decryption: keys(enc.WithUse(UseSignature))}, "Keys.Decryption[0]"},
		"sign-only key decrypts":      {Keys{Signing: keys(sig), Decryption: keys(signOnly)}, "Keys.Decryption[0]"},
		"kid twice":                   {Keys{Signing: keys(sig, sig), Decryption: keys(enc)}, "Keys.Signing"},
		"too many":                    {Keys{Signing: keys(sig), Decryption: keys(enc, enc, enc, enc, enc)}, "Keys.Decryption"},
	} {
		_, err := NewKeyring(tt.keys)
		if (err == nil) != (tt.field == "") || err != nil && !strings.Contains(err.Error(), tt.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewServerRefuses(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*ServerConfig){
		"ServerConfig.Keys":        func(c *ServerConfig) { c.Keys = nil },
		"ServerConfig.Keys ":       func(c *ServerConfig) { c.Keys = &Keyring{} },
		"ServerConfig.Binding":     func(c *ServerConfig) { c.Binding = 0 },
		"ServerConfig.Binding ":    func(c *ServerConfig) { c.Binding = 9 },
		"ServerConfig.Spend":       func(c *ServerConfig) { c.Spend = nil },
		"ServerConfig.Issuer":      func(c *ServerConfig) { c.Issuer = "" },
		"ServerConfig.Origin":      func(c *ServerConfig) { c.Origin = "" },
		"ServerConfig.Origin ":     func(c *ServerConfig) { c.Origin = "api.bank.example" },
		"ServerConfig.Origin  ":    func(c *ServerConfig) { c.Origin = "https://api.bank.example/v1" },
		"ServerConfig.Origin   ":   func(c *ServerConfig) { c.Origin = "https://api.bank.example?x" },
		"ServerConfig.MsgIDWindow": func(c *ServerConfig) { c.MsgIDWindow = -1 },
		"ServerConfig.MaxRequest":  func(c *ServerConfig) { c.MaxRequest = -1 },
		"ServerConfig.MaxResponse": func(c *ServerConfig) { c.MaxResponse = -1 },
		"ServerConfig.Skew":        func(c *ServerConfig) { c.Skew = -1 },
		"ServerConfig.Lifetime":    func(c *ServerConfig) { c.Lifetime = -1 },
	} {
		cfg := Bank(testKeyring(t))
		cfg.Binding, cfg.Issuer, cfg.Origin = Strict, "bank", "https://API.bank.example:443"
		cfg.Spend = func(context.Context, string, string, time.Time) error { return nil }
		if _, err := NewServer(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := NewServer(cfg); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(field)) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestNewTransportRefuses(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*TransportConfig){
		"TransportConfig.Base":            func(c *TransportConfig) { c.Base = nil },
		"TransportConfig.Key":             func(c *TransportConfig) { c.Key = nil },
		"TransportConfig.Key ":            func(c *TransportConfig) { c.Key = clientKey().WithUse(UseSignature) },
		"TransportConfig.Bank":            func(c *TransportConfig) { c.Bank = nil },
		"TransportConfig.Binding":         func(c *TransportConfig) { c.Binding = 0 },
		"TransportConfig.ClientID":        func(c *TransportConfig) { c.ClientID = "" },
		"TransportConfig.BankID":          func(c *TransportConfig) { c.BankID = "" },
		"TransportConfig.PreviousKeys":    func(c *TransportConfig) { c.PreviousKeys = make([]*PrivateKey, 4) },
		"TransportConfig.PreviousKeys[0]": func(c *TransportConfig) { c.PreviousKeys = []*PrivateKey{nil} },
		"TransportConfig.MaxRequest":      func(c *TransportConfig) { c.MaxRequest = -1 },
		"TransportConfig.MaxResponse":     func(c *TransportConfig) { c.MaxResponse = -1 },
		"TransportConfig.Skew":            func(c *TransportConfig) { c.Skew = -1 },
		"TransportConfig.Lifetime":        func(c *TransportConfig) { c.Lifetime = -1 },
	} {
		cfg := TransportConfig{
			Base: http.DefaultTransport, Key: clientKey(), Bank: testKeyring(t).Public(), Binding: Strict,
			ClientID: "client", BankID: "bank",
		}
		if _, err := NewTransport(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := NewTransport(cfg); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(field)) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestKeyringServes(t *testing.T) {
	t.Parallel()
	ring := testKeyring(t)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		rec := httptest.NewRecorder()
		ring.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, "/jwks", nil))
		if rec.Code != want {
			t.Errorf("%s: %d", method, rec.Code)
		}
		if method == "GET" {
			if _, err := ParseJWKS(rec.Body.Bytes()); err != nil {
				t.Error(err)
			}
			if strings.Contains(rec.Body.String(), `"d"`) {
				t.Error("a private member is published")
			}
		}
	}
	rec := httptest.NewRecorder()
	(&Keyring{}).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/jwks", nil))
	if rec.Code != 503 {
		t.Errorf("an empty ring: %d", rec.Code)
	}
}

func TestNormalURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://A.example":            "https://a.example/",
		"HTTPS://A.example:443/b?c=D":  "https://a.example/b?c=D",
		"http://a.example:80/":         "http://a.example/",
		"https://a.example:8443/%2F/x": "https://a.example:8443/%2F/x",
		"https://a.example?":           "https://a.example/?",
		"https://[::1]:443/":           "https://[::1]/",
		"":                             "",
		"/path":                        "",
		"ftp://a.example/":             "",
		"https://u@a.example/":         "",
		"https://a.example/#":          "",
		"https://a.example/%zz":        "",
		"https:///path":                "",
	} {
		if got := normalURL(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
