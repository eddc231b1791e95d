// Command quickstart is a merchant platform in one process: API keys with roles,
// routes that obey them, OAuth endpoints, key management, and sign-in for a
// mobile client, on embedded SQLite.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gatewright/gatewright/examples/internal/example"
)

func main() { example.Main("quickstart", run) }

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
	platform, err := newPlatform(ctx, flags, web.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, platform.close()) }()
	web.Start(platform.handler)
	defer func() { err = errors.Join(err, web.Drain()) }()

	if err := example.WriteCredentials(flags.Credentials, platform.credentials); err != nil {
		return err
	}
	if flags.Tour {
		return tour(ctx, flags, web.URL, platform.credentials)
	}
	fmt.Println("ready", web.URL)
	hints(web.URL, platform.credentials)
	return web.Wait(ctx)
}

// hints are commands to copy and paste.
func hints(base string, c credentials) {
	viewer := c.Keys["viewer"]
	fmt.Printf(`
Get a token with the viewer key:
  TOKEN=$(curl -s -u %s:%s -d grant_type=client_credentials %s/oauth2/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
Use it, within its role and beyond:
  curl -i -H "Authorization: Bearer $TOKEN" %s/v1/transactions
  curl -i -X POST -H "Authorization: Bearer $TOKEN" %s/v1/transfers
Revoke it, and use it once more:
  curl -i -u %s:%s -d token=$TOKEN %s/oauth2/revoke
Sign in as a person: user %s, password %s
`, viewer.ClientID, viewer.ClientSecret, base, base, base, viewer.ClientID, viewer.ClientSecret, base, c.User.Email, c.User.Password)
}

// platform is the merchant's app with Gatewright mounted in it.
type platform struct {
	handler     http.Handler
	credentials credentials
	closers     []func(context.Context) error
}

// close undoes in the opposite order.
func (p *platform) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i](ctx))
	}
	return errors.Join(errs...)
}
