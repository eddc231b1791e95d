package keyscmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
)

// key is what is told of a key, named as in the HTTP API.
type key struct {
	ClientID     string   `json:"client_id"`
	Organization string   `json:"organization"`
	Name         string   `json:"name"`
	Status       string   `json:"status"`
	Roles        []string `json:"roles"`
	Boundary     []string `json:"boundary"`
	Scopes       []string `json:"scopes"`
	GrantTypes   []string `json:"grant_types"`
	// Those of an app that was registered.
	Type          string   `json:"type,omitempty"`
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	Subscriptions []string `json:"subscriptions,omitempty"`
	Addresses     []string `json:"addresses,omitempty"`

	Secrets    []secret   `json:"secrets"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  *time.Time `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Version    uint64     `json:"version"`
	// Secret is told once, by create, register and rotate.
	Secret string `json:"client_secret,omitempty"`
}

type secret struct {
	ID        string     `json:"id"`
	CreatedAt *time.Time `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func keyOf(k admin.Key) key {
	out := key{ClientID: k.ClientID, Organization: k.Organization, Name: k.Name, Status: fmt.Sprint(k.Status),
		Roles: list0(k.Roles), Boundary: list0(k.Boundary), Scopes: list0(k.Scopes), GrantTypes: list0(k.GrantTypes), Secrets: []secret{},
		Type: k.Type, RedirectURIs: k.RedirectURIs, Subscriptions: k.Subscriptions,
		CreatedBy: k.CreatedBy, CreatedAt: moment(k.CreatedAt), ExpiresAt: moment(k.ExpiresAt), LastUsedAt: moment(k.LastUsedAt), Version: k.Version}
	for _, p := range k.Addresses {
		out.Addresses = append(out.Addresses, p.String())
	}
	for _, s := range k.Secrets {
		out.Secrets = append(out.Secrets, secret{s.ID, moment(s.CreatedAt), moment(s.ExpiresAt)})
	}
	return out
}

// list0 is never null in JSON.
func list0(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// moment is null in JSON for never and not yet.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (k key) text(w io.Writer) {
	at := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.Format(time.RFC3339)
	}
	for _, line := range [][2]string{
		{"client id", k.ClientID}, {"organization", k.Organization}, {"name", k.Name}, {"status", k.Status},
		{"roles", strings.Join(k.Roles, ", ")}, {"boundary", strings.Join(k.Boundary, ", ")}, {"scopes", strings.Join(k.Scopes, " ")},
		{"grants", strings.Join(k.GrantTypes, " ")}, {"created", at(k.CreatedAt) + " by " + k.CreatedBy}, {"expires", at(k.ExpiresAt)}, {"last used", at(k.LastUsedAt)},
	} {
		fmt.Fprintf(w, "%-13s %s\n", line[0], line[1])
	}
	if k.Type != "" {
		for _, line := range [][2]string{
			{"type", k.Type}, {"redirect to", strings.Join(k.RedirectURIs, " ")}, {"products", strings.Join(k.Subscriptions, ", ")}, {"addresses", strings.Join(k.Addresses, ", ")},
		} {
			fmt.Fprintf(w, "%-13s %s\n", line[0], line[1])
		}
	}
	for _, s := range k.Secrets {
		fmt.Fprintf(w, "%-13s %s, made %s, ends %s\n", "secret", s.ID, at(s.CreatedAt), at(s.ExpiresAt))
	}
}

// secretFile is a file that was made before the secret was, so that a secret is
// never made and then lost.
type secretFile struct{ name string }

// reserve makes the file; nil if none was asked for.
func reserve(name string) (*secretFile, error) {
	if name == "" {
		return nil, nil
	}
	return &secretFile{name}, command.WriteSecret(name, nil)
}

// drop removes the file, if there is one.
func (f *secretFile) drop() error {
	if f == nil {
		return nil
	}
	return os.Remove(f.name)
}

func (f *secretFile) write(value string) error {
	w, err := os.OpenFile(f.name, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, value+"\n")
	return errors.Join(err, w.Close())
}

// tell tells a secret once, or writes it into the file.
func tell(c *command.Call, k admin.Key, value string, file *secretFile) error {
	out := keyOf(k)
	if file != nil {
		if err := file.write(value); err != nil {
			return fmt.Errorf("the key %s has a new secret that could not be written; rotate it again: %w", k.ClientID, err)
		}
		return c.Print(out, func(w io.Writer) { fmt.Fprintf(w, "client id      %s\nclient secret  in %s\n", k.ClientID, file.name) })
	}
	out.Secret = value
	return c.Print(out, func(w io.Writer) {
		fmt.Fprintf(w, "client id      %s\nclient secret  %s\n", k.ClientID, value)
		fmt.Fprintln(c.IO.Err, "The secret is told this once and kept nowhere.")
	})
}
