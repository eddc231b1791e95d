// Command sandbox is a bank's sandbox in one process: API keys and OAuth alone,
// over plain HTTP, for developers who are about to write a client. Partners get
// tokens for themselves, fintechs have customers sign in; test ids stand in for
// accounts.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/gatewright/gatewright/examples/internal/example"
)

func main() { example.Main("sandbox", run) }

func run(ctx context.Context) (err error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	flags, cleanUp, err := example.Parse()
	if err != nil {
		return err
	}
	defer cleanUp()
	web, err := example.Listen(flags.Addr)
	if err != nil {
		return err
	}
	bank, err := newBank(ctx, flags, web.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bank.close()) }()
	web.Start(bank.handler)
	defer func() { err = errors.Join(err, web.Drain()) }()

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
	partner, fintech := c.Clients.Partner, c.Clients.Fintech
	fmt.Printf(`
A partner gets a token for itself:
  TOKEN=$(curl -s -u %[2]s:%[3]s -d grant_type=client_credentials -d scope=beneficiary_management %[1]s/rb/api/v1/partner_auth/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
and uses it, with its client id, and with the mask of its test id:
  curl -i -H "X-IBM-Client-Id: %[2]s" -H "Authorization: Bearer $TOKEN" %[1]s/rb/api/v1/customers
  curl -i -H "X-IBM-Client-Id: %[2]s" -H "Authorization: Bearer $TOKEN" %[1]s/rb/api/v1/customers/%[4]s/beneficiaries
A fintech sends a customer's browser to (user %[5]s, password %[6]s)
  %[1]s/rb/api/v1/oauth/authorize?response_type=code&client_id=%[7]s&scope=account_balances%%20account_transactions&state=any
and exchanges the code that comes back to %[9]s, within 30 seconds:
  curl -i -u %[7]s:%[8]s -d grant_type=authorization_code -d code=CODE %[1]s/rb/api/v1/oauth/token
`, c.BaseURL, partner.ClientID, partner.ClientSecret, maskedTestAccount, c.Customer.Username, c.Customer.Password,
		fintech.ClientID, fintech.ClientSecret, fintech.RedirectURI)
}
