package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	f := fixtures()
	b := newBank(t, jose.Compatible)
	signIn := func(change func(*SignIn)) func(*Config) {
		return func(c *Config) {
			c.SignIn = &SignIn{Store: new(MemoryStore), Keys: [][]byte{testKey(1)}}
			change(c.SignIn)
		}
	}
	for name, tt := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"empty":                        {func(c *Config) { *c = Config{} }, "Environment"},
		"unknown environment":          {func(c *Config) { c.Environment = "prod" }, "Environment"},
		"no URL":                       {func(c *Config) { c.BaseURL = "" }, "BaseURL"},
		"http":                         {func(c *Config) { c.BaseURL = "http://127.0.0.1:1/" }, "BaseURL"},
		"http in the sandbox":          {func(c *Config) { c.Environment, c.BaseURL = Sandbox, "http://bank.example/" }, "BaseURL"},
		"a URL with a query":           {func(c *Config) { c.BaseURL += "?a=b" }, "BaseURL"},
		"a URL with a user":            {func(c *Config) { c.BaseURL = "https://a:b@bank.example" }, "BaseURL"},
		"a relative URL":               {func(c *Config) { c.BaseURL = "/rb/api" }, "BaseURL"},
		"no client id":                 {func(c *Config) { c.ClientID = "" }, "ClientID"},
		"a client id with a line end":  {func(c *Config) { c.ClientID = "a\r\nb" }, "ClientID"},
		"no secret":                    {func(c *Config) { c.ClientSecret = "" }, "ClientSecret"},
		"a secret with a space":        {func(c *Config) { c.ClientSecret = "a b" }, "ClientSecret"},
		"no certificate":               {func(c *Config) { c.Certificate = tls.Certificate{} }, "Certificate"},
		"no certificate in UAT":        {func(c *Config) { c.Environment, c.Certificate = UAT, tls.Certificate{} }, "Certificate"},
		"no private key":               {func(c *Config) { c.Certificate.PrivateKey = nil }, "Certificate"},
		"another's private key":        {func(c *Config) { c.Certificate.PrivateKey = f.stranger.Key }, "Certificate"},
		"a broken certificate":         {func(c *Config) { c.Certificate.Certificate = [][]byte{{1}} }, "Certificate"},
		"RSA-1024":                     {func(c *Config) { c.Certificate = f.weak.TLS() }, "Certificate"},
		"ECDSA":                        {func(c *Config) { c.Certificate = f.ecdsa.TLS() }, "Certificate"},
		"expired":                      {func(c *Config) { c.Certificate = f.expired.TLS() }, "Certificate"},
		"a server's certificate":       {func(c *Config) { c.Certificate = f.server.TLS() }, "Certificate"},
		"no bank keys":                 {func(c *Config) { c.BankKeys = nil }, "BankKeys"},
		"no binding":                   {func(c *Config) { c.Binding = 0 }, "Binding"},
		"strict without the bank's id": {func(c *Config) { c.Binding, c.BankID = jose.Strict, "" }, "BankID"},
		"negative sizes":               {func(c *Config) { c.MaxRequest = -1 }, "PreviousKeys, MaxRequest or MaxResponse"},
		"negative timeout":             {func(c *Config) { c.Timeout = -1 }, "Timeout"},
		"negative margin":              {func(c *Config) { c.ExpiryMargin = -1 }, "ExpiryMargin"},
		"negative count":               {func(c *Config) { c.MaxTokens = -1 }, "MaxTokens"},
		"an https proxy":               {func(c *Config) { c.Proxy = &url.URL{Scheme: "https", Host: "proxy.example"} }, "Proxy"},
		"a proxy without a host":       {func(c *Config) { c.Proxy = &url.URL{Scheme: "http"} }, "Proxy"},
		"two headers of one name":      {func(c *Config) { c.ClientSecretHeader = "x-ibm-client-ID" }, "ClientSecretHeader"},
		"a header of HTTP's own":       {func(c *Config) { c.MsgIDHeader = "content-type" }, "MsgIDHeader"},
		"a header that is none":        {func(c *Config) { c.ClientIDHeader = "Client Id" }, "ClientIDHeader"},
		"a token endpoint elsewhere":   {func(c *Config) { c.TokenPath = "https://evil.example/token" }, "TokenPath"},
		"a token endpoint above":       {func(c *Config) { c.TokenPath = "../../token" }, "TokenPath"},
		"no store":                     {signIn(func(s *SignIn) { s.Store = nil }), "SignIn.Store"},
		"no keys":                      {signIn(func(s *SignIn) { s.Keys = nil }), "SignIn.Keys"},
		"a short key":                  {signIn(func(s *SignIn) { s.Keys = [][]byte{testKey(1)[:16]} }), "SignIn.Keys"},
		"a key of zeros":               {signIn(func(s *SignIn) { s.Keys = [][]byte{make([]byte, 32)} }), "SignIn.Keys"},
		"nine keys":                    {signIn(func(s *SignIn) { s.Keys = make([][]byte, 9) }), "SignIn.Keys"},
		"a plain authorize URL":        {signIn(func(s *SignIn) { s.AuthorizeURL = "http://bank.example/authorize" }), "SignIn.AuthorizeURL"},
		"a sign-in endpoint elsewhere": {signIn(func(s *SignIn) { s.TokenPath = "//evil.example/token" }), "SignIn.TokenPath"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := b.config()
			tt.change(&cfg)
			_, err := New(cfg)
			var wrong *ConfigError
			if !errors.As(err, &wrong) || wrong.Field != tt.field {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(err.Error(), "Config."+tt.field) || strings.Contains(err.Error(), testSecret) {
				t.Errorf("%v", err)
			}
		})
	}
}

func testKey(n byte) []byte {
	k := make([]byte, 32)
	for i := range k {
		k[i] = n + byte(i)
	}
	return k
}

func TestIdentityRefusals(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	without := b.client(t, nil)
	with := b.client(t, func(c *Config) { c.SignIn = &SignIn{Store: new(MemoryStore), Keys: [][]byte{testKey(1)}} })
	for name, tt := range map[string]struct {
		client *Client
		who    Identity
	}{
		"nobody":                    {with, Identity{}},
		"no scope":                  {with, Application(Metadata{})},
		"an empty scope":            {with, Application(Metadata{}, "a", "")},
		"a malformed scope":         {with, Application(Metadata{}, `a"b`)},
		"both kinds of metadata":    {with, Application(Metadata{testAccount, testAccount}, "a")},
		"an account that is short":  {with, Application(Metadata{AccountID: "1234567"}, "a")},
		"a masked account":          {with, Application(Metadata{AccountID: "1234xxxxxx567"}, "a")},
		"a customer without config": {without, OnBehalfOf(Customer{testUUID, testAccount})},
		"a customer without a uuid": {with, OnBehalfOf(Customer{"", testAccount})},
		"a customer with a space":   {with, OnBehalfOf(Customer{"a b", testAccount})},
		"a customer's bad account":  {with, OnBehalfOf(Customer{testUUID, "12 34"})},
		"a customer, no account":    {with, OnBehalfOf(Customer{testUUID, ""})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := tt.client.HTTPClient(tt.who)
			if err == nil || h != nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), testAccount) {
				t.Error(err)
			}
		})
	}
}

// TestNothingPrints: no value of the package gives its secrets away.
func TestNothingPrints(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	cfg := b.config()
	cfg.SignIn = &SignIn{Store: new(MemoryStore), Keys: [][]byte{testKey('A')}}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := as(t, c, Application(Metadata{AccountID: testAccount}, "s"))
	who := Customer{testUUID, testAccount}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg, "client", c, "who", OnBehalfOf(who))
	all := log.String()
	for _, v := range []any{cfg, &cfg, *cfg.SignIn, c, h.Transport, OnBehalfOf(who), who, Metadata{AccountID: testAccount}, Application(Metadata{AccountID: testAccount}, "s"), AuthorizeRequest{Customer: who, Verifier: "the-verifier"}, ExchangeRequest{Customer: who, Code: "the-code"}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
			all += fmt.Sprintf(verb, v) + "\n"
		}
	}
	for _, secret := range []string{testSecret, testAccount, testUUID, string(testKey('A')), fmt.Sprint(testKey('A')), "the-code", "the-verifier"} {
		if strings.Contains(all, secret) {
			t.Errorf("printed: %q", secret)
		}
	}
	if !strings.Contains(all, "1234xxxxxx567") {
		t.Error("no mask was printed")
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"https://bank.example/rb/api/v1", "https://bank.example/rb/api/v1/"} {
		c, err := New(Config{Environment: Sandbox, BaseURL: base, ClientID: "a", ClientSecret: "b"})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			segments []string
			want     string
		}{
			{nil, "https://bank.example/rb/api/v1/"},
			{[]string{"accounts", "1234xxxxxx567", "transactions"}, "https://bank.example/rb/api/v1/accounts/1234xxxxxx567/transactions"},
			{[]string{"..", "a/b", "c?d#e", "a..b"}, "https://bank.example/rb/api/v1/%2E%2E/a%2Fb/c%3Fd%23e/a..b"},
		} {
			if got := c.URL(tt.segments...); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		}
		if c.endpoints.token != "https://bank.example/rb/api/v1/partner_auth/token" {
			t.Error(c.endpoints.token)
		}
		if !c.CertificateExpiry().IsZero() {
			t.Error("the sandbox has a certificate")
		}
	}
}

func TestCacheBound(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newTokenCache(3, time.Second, func() time.Time { return now })
	fetched := 0
	fetch := func(context.Context, string) (accessToken, error) {
		fetched++
		return accessToken{fmt.Sprint("t", fetched), now.Add(time.Minute)}, nil
	}
	for _, key := range []string{"a", "b", "c", "a", "d", "e", "a", "b"} {
		if _, err := c.get(t.Context(), key, "", fetch); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.entries) != 3 || c.recent.Len() != 3 || fetched != 6 {
		t.Errorf("%d entries, %d fetched", len(c.entries), fetched)
	}
}

func TestWaitersGoAway(t *testing.T) {
	t.Parallel()
	c := newTokenCache(3, time.Second, time.Now)
	release := make(chan struct{})
	fetch := func(ctx context.Context, _ string) (accessToken, error) {
		<-release
		return accessToken{"t", time.Now().Add(time.Minute)}, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := c.get(ctx, "a", "", fetch); first <- err }()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	second := make(chan string)
	go func() { token, _ := c.get(t.Context(), "a", "", fetch); second <- token }()
	close(release)
	if got := <-second; got != "t" {
		t.Errorf("%q: the first caller's going away ended the fetch", got)
	}
}
