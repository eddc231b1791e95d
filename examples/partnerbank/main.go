// Command partnerbank is a bank that opens its APIs to partner institutions and
// to an app of its own that runs elsewhere. In production, which is the default,
// all six controls stand in front of its routes: address lists, mutual TLS,
// signed and encrypted messages, API keys and OAuth.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/gatewright/gatewright/examples/internal/example"
)

func main() { example.Main("partnerbank", run) }

func run(ctx context.Context) (err error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	settings := newSettings()
	flags, cleanUp, err := example.Parse()
	if err != nil {
		return err
	}
	defer cleanUp()
	if err := settings.check(); err != nil {
		return err
	}
	house, err := openHouse(ctx, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	web, err := example.Listen(flags.Addr)
	if err != nil {
		return err
	}
	bank, err := house.open(ctx, settings, web)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bank.close()) }()

	if err := example.WriteCredentials(flags.Credentials, bank.credentials); err != nil {
		return err
	}
	if flags.Tour {
		return tour(ctx, bank)
	}
	fmt.Println("ready", web.URL)
	hints(bank.credentials)
	return web.Wait(ctx)
}

// hints are commands to copy and paste.
func hints(c credentials) {
	partner := c.Clients["partner"]
	if c.BankJWKSFile == "" {
		fmt.Printf(`
Get a token and use it, the test ids standing in for the account:
  TOKEN=$(curl -s -u %[2]s:%[3]s -d 'grant_type=client_credentials&scope=beneficiary_management' %[1]s/rb/api/v1/partner_auth/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i -H "X-IBM-Client-Id: %[2]s" -H "Authorization: Bearer $TOKEN" %[1]s/rb/api/v1/customers/1234xxxxxx567/beneficiaries
`, c.BaseURL, partner.ClientID, partner.ClientSecret)
		return
	}
	fmt.Printf(`
The client id alone, with the partner's certificate; the answer is sealed to its key:
  curl -i --cacert %[2]s --cert %[3]s --key %[4]s -H "X-IBM-Client-Id: %[5]s" %[1]s/rb/api/v1/branches
Without the certificate, and with somebody else's:
  curl -i --cacert %[2]s -H "X-IBM-Client-Id: %[5]s" %[1]s/rb/api/v1/branches
  curl -i --cacert %[2]s --cert %[6]s --key %[7]s -H "X-IBM-Client-Id: %[5]s" %[1]s/rb/api/v1/branches
Everything else, every refusal included:
  go run ./examples/partnerbank -tour
`, c.BaseURL, c.CAFile, partner.CertificateFile, partner.KeyFile, partner.ClientID, c.Clients["stranger"].CertificateFile, c.Clients["stranger"].KeyFile)
}
