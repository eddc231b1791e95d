package certcmd

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/database"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// expiry is one line of the list.
type expiry struct {
	Client     string    `json:"client"`
	CommonName string    `json:"common_name"`
	Thumbprint string    `json:"x5t#S256"`
	NotAfter   time.Time `json:"not_after"`
	Expired    bool      `json:"expired"`
	// Sole tells that the client has no other certificate that lasts longer.
	Sole bool `json:"sole"`
}

func runExpiring(c *command.Call) error {
	within := command.Duration(30 * 24 * time.Hour)
	c.Flags.Var(&within, "within", "how far to look, as `days` (30d) or hours (12h)")
	organization := c.Flags.String("organization", "", "look at this `organization` alone")
	var flags database.Flags
	flags.Register(c.Flags)
	places, err := c.Parse()
	if err != nil {
		return err
	}
	if flags.Given() && len(places) > 0 {
		return command.Usage("name files and folders, or a database, not both")
	}
	clients := map[string][]*x509.Certificate{}
	if len(places) == 0 {
		err = registered(c, &flags, *organization, clients)
	} else {
		err = inFiles(c, places, clients)
	}
	if err != nil {
		return err
	}
	list := []expiry{}
	for _, e := range mtls.ExpiryReport(clients, time.Now(), time.Duration(within)) {
		list = append(list, expiry{e.Client, e.CommonName, e.Thumbprint.String(), e.NotAfter, e.Expired(), e.Sole})
	}
	if err := c.Print(list, func(w io.Writer) { write(w, list) }); err != nil {
		return err
	}
	if len(list) > 0 {
		return command.Findings("%d certificates have expired or will within %s", len(list), days(time.Duration(within)))
	}
	return nil
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

func write(w io.Writer, list []expiry) {
	for _, e := range list {
		state := "expires"
		if e.Expired {
			state = "expired"
		}
		if e.Sole {
			state += ", and there is no other"
		}
		fmt.Fprintf(w, "%s  %s  %s  %s: %s\n", e.NotAfter.Format(time.RFC3339), e.Client, e.Thumbprint, e.CommonName, state)
	}
}

// inFiles reads certificates from files and folders, by common name.
func inFiles(c *command.Call, places []string, clients map[string][]*x509.Certificate) error {
	for _, place := range places {
		names, err := expand(place)
		if err != nil {
			return err
		}
		for _, name := range names {
			data, err := c.Read(name)
			if err != nil {
				return err
			}
			cert, err := mtls.ParseCertificate(data)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			client := cmp.Or(cert.Subject.CommonName, cert.Subject.String())
			clients[client] = append(clients[client], cert)
		}
	}
	return nil
}

func expand(place string) ([]string, error) {
	if place == "-" {
		return []string{place}, nil
	}
	info, err := os.Stat(place)
	if err != nil || !info.IsDir() {
		return []string{place}, err
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if slices.Contains([]string{".cer", ".crt", ".pem"}, strings.ToLower(filepath.Ext(e.Name()))) && !e.IsDir() {
			names = append(names, filepath.Join(place, e.Name()))
		}
	}
	return names, nil
}

// registered reads the certificates of clients that may still act.
func registered(c *command.Call, flags *database.Flags, organization string, clients map[string][]*x509.Certificate) (err error) {
	dsn, err := flags.Read(c)
	if err != nil {
		return err
	}
	store, err := dsn.Store(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(c.Context))) }()
	organizations := []string{organization}
	if organization == "" {
		if organizations, err = allOrganizations(c, store); err != nil {
			return err
		}
	} else if _, err := store.Organization(c, organization); err != nil {
		return fmt.Errorf("organization %s: %w", organization, err)
	}
	for _, o := range organizations {
		if err := clientsOf(c, store, o, clients); err != nil {
			return err
		}
	}
	return nil
}

func allOrganizations(ctx context.Context, store storage.Directory) ([]string, error) {
	var ids []string
	for after := ""; ; {
		page, err := store.ListOrganizations(ctx, storage.Page{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, o := range page {
			if o.Status != storage.Revoked {
				ids = append(ids, o.ID)
			}
			after = o.ID
		}
		if len(page) < 1000 {
			return ids, nil
		}
	}
}

func clientsOf(ctx context.Context, store storage.Clients, organization string, clients map[string][]*x509.Certificate) error {
	for after := ""; ; {
		page, err := store.ListClients(ctx, organization, storage.Page{After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, client := range page {
			after = client.ID
			if client.Status == storage.Revoked {
				continue
			}
			for _, registered := range client.Certificates {
				if !registered.RevokedAt.IsZero() {
					continue
				}
				cert, err := x509.ParseCertificate(registered.DER)
				if err != nil {
					return fmt.Errorf("client %s: a registered certificate: %w", client.ID, err)
				}
				clients[client.ID] = append(clients[client.ID], cert)
			}
		}
		if len(page) < 1000 {
			return nil
		}
	}
}
