// Command signin is a bank at which customers of fintechs sign in. A fintech
// names an account, encrypted to the bank; the customer signs in at the bank and
// consents; and the fintech's tokens are good for that customer and that account
// alone. All controls of production are on.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/gatewright/gatewright/examples/internal/example"
)

func main() { example.Main("signin", run) }

func run(ctx context.Context) (err error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	settings := newSettings()
	flags, cleanUp, err := example.Parse()
	if err != nil {
		return err
	}
	defer cleanUp()
	bank, err := open(ctx, flags, settings)
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
	fmt.Println("ready", bank.credentials.BaseURL)
	if err := hints(bank); err != nil {
		return err
	}
	return bank.wait(ctx)
}

// hints are commands to copy and paste.
func hints(b *bank) error {
	c := b.credentials
	fintech, err := newFintech(c)
	if err != nil {
		return err
	}
	link, err := fintech.link(c.Customer.UUID, c.Customer.Accounts[0])
	if err != nil {
		return err
	}
	fmt.Printf(`
A customer's browser goes here (user %s, password %s); it asks for no certificate:
  %s
The code that comes back to %s is exchanged, within 30 seconds, with the fintech's certificate:
  curl -i --cacert %s --cert %s --key %s -u %s:%s -d grant_type=authorization_code -d code=CODE %s%s/oauth/token
Everything else, every refusal included:
  go run ./examples/signin -tour
`, c.Customer.Username, c.Customer.Password, link, c.Client.RedirectURI, c.CAFile, c.Client.CertificateFile, c.Client.KeyFile,
		c.Client.ClientID, c.Client.ClientSecret, c.BaseURL, base)
	return nil
}
