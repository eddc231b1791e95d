// Package keyscmd is `gatewright keys`: the API keys of an organization, managed
// by the host itself over the installation's database.
package keyscmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
)

const installation = `
The installation is named by -dsn or -dsn-file, -root-key, -environment, and -issuer or -realm, as its server has them.
A server that runs notices within one second. What is done is in the audit trail, with the actor "host".`

// Command is the command.
func Command() command.Command {
	const at = "-organization ORG -dsn DATABASE -root-key FILE ..."
	return command.Command{Name: "keys", About: "manage the API keys of an organization", Sub: []command.Command{
		{Name: "list", Args: at, About: "list the keys", Run: list, Help: installation},
		{Name: "show", Args: at + " CLIENT_ID", About: "tell everything about a key but its secret", Run: show, Help: installation},
		{Name: "create", Args: at + " [-name NAME] [-role ROLE]...", About: "make a key, and tell its secret this once", Run: create, Help: "Without -role the key is an admin of the organization." + installation},
		{Name: "register", Args: at + " -type TYPE [-redirect-uri URI]... [-product PRODUCT]... [-scope SCOPE]... [-address RANGE]...", About: "register an app of a bank's, and tell its secret this once", Run: register,
			Help: "An app holds no roles: it may do what its API products and scopes permit. Register its certificate with cert import." + installation},
		{Name: "rotate", Args: at + " [-overlap 24h] CLIENT_ID", About: "give a key a new secret, and tell it this once", Run: rotate, Help: installation},
		{Name: "suspend", Args: at + " CLIENT_ID", About: "stop a key and its tokens until it is resumed", Run: status((*admin.Service).SuspendKey), Help: installation},
		{Name: "resume", Args: at + " CLIENT_ID", About: "let a suspended key act again", Run: status((*admin.Service).ResumeKey), Help: installation},
		{Name: "revoke", Args: at + " CLIENT_ID", About: "end a key and its tokens for good", Run: status((*admin.Service).RevokeKey), Help: installation},
		{Name: "root", Args: "FILE", About: "make a root secret and write it into a new file", Run: root,
			Help: "Only the owner may read the file. It belongs into a secret manager: whoever has it and the database can make\ntokens, and without it nothing in the database opens."},
	}}
}

// with opens the management of keys for do.
func with(c *command.Call, f *Flags, do func(*admin.Service) error) (err error) {
	service, closeAll, err := f.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	return plain(do(service))
}

// plain says of a refusal what to do.
func plain(err error) error {
	var refused *admin.Refused
	if errors.As(err, &refused) && refused.Detail != "" {
		return fmt.Errorf("%s: %s", refused.Code, refused.Detail)
	}
	return err
}

func list(c *command.Call) error {
	var f Flags
	f.Register(c.Flags)
	if err := c.None(); err != nil {
		return err
	}
	return with(c, &f, func(s *admin.Service) error {
		all := []key{}
		for after := ""; ; {
			page, next, err := s.ListKeys(c, f.Actor(), admin.Page{After: after, Limit: 500})
			if err != nil {
				return err
			}
			for _, k := range page {
				all = append(all, keyOf(k))
			}
			if after = next; next == "" {
				break
			}
		}
		return c.Print(all, func(w io.Writer) {
			for _, k := range all {
				fmt.Fprintf(w, "%s  %-9s  %-24s  %s\n", k.ClientID, k.Status, strings.Join(k.Roles, ","), k.Name)
			}
		})
	})
}

func show(c *command.Call) error {
	var f Flags
	f.Register(c.Flags)
	id, err := c.One("client id")
	if err != nil {
		return err
	}
	return with(c, &f, func(s *admin.Service) error {
		k, err := s.Key(c, f.Actor(), id)
		if err != nil {
			return err
		}
		return c.Print(keyOf(k), keyOf(k).text)
	})
}

func create(c *command.Call) error {
	var f Flags
	f.Register(c.Flags)
	var roles, boundary command.List
	var expires command.Duration
	name := c.Flags.String("name", "", "what people call the key")
	c.Flags.Var(&roles, "role", "a `role` that the key holds; may be given several times")
	c.Flags.Var(&boundary, "boundary", "a `permission` (object:action) beyond which the key may do nothing; may be given several times")
	c.Flags.Var(&f.scopes, "scope", "a `scope` that the key may request; may be given several times")
	c.Flags.Var(&expires, "expires", "end the key after `days` (90d) or hours (12h)")
	file := c.Flags.String("secret-file", "", "write the secret into this new `file` instead of telling it")
	if err := c.None(); err != nil {
		return err
	}
	return with(c, &f, func(s *admin.Service) error {
		n := admin.NewKey{Name: *name, Roles: roles, Boundary: boundary, Scopes: f.scopes}
		if expires > 0 {
			n.ExpiresAt = time.Now().Add(time.Duration(expires))
		}
		keep, err := reserve(*file)
		if err != nil {
			return err
		}
		k, secret, err := s.CreateKey(c, f.Actor(), n)
		if err != nil {
			return errors.Join(plain(err), keep.drop())
		}
		return tell(c, k, secret, keep)
	})
}

func rotate(c *command.Call) error {
	var f Flags
	f.Register(c.Flags)
	var overlap command.Duration
	c.Flags.Var(&overlap, "overlap", "how long the secrets before it live on, as `days` (1d) or hours (12h); by default not at all")
	end := c.Flags.Bool("end-tokens", false, "also end every token issued so far")
	file := c.Flags.String("secret-file", "", "write the secret into this new `file` instead of telling it")
	id, err := c.One("client id")
	if err != nil {
		return err
	}
	return with(c, &f, func(s *admin.Service) error {
		keep, err := reserve(*file)
		if err != nil {
			return err
		}
		k, secret, err := s.RotateKey(c, f.Actor(), id, admin.Rotation{Overlap: time.Duration(overlap), EndTokens: *end})
		if err != nil {
			return errors.Join(plain(err), keep.drop())
		}
		return tell(c, k, secret, keep)
	})
}

// status makes a command of a change of status.
func status(change func(*admin.Service, context.Context, admin.Actor, string, admin.Options) (admin.Key, error)) func(*command.Call) error {
	return func(c *command.Call) error {
		var f Flags
		f.Register(c.Flags)
		end := c.Flags.Bool("end-tokens", false, "also end every token issued so far, for good")
		id, err := c.One("client id")
		if err != nil {
			return err
		}
		return with(c, &f, func(s *admin.Service) error {
			k, err := change(s, c, f.Actor(), id, admin.Options{EndTokens: *end})
			if err != nil {
				return err
			}
			return c.Print(keyOf(k), func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", k.ClientID, k.Status) })
		})
	}
}

func root(c *command.Call) error {
	file, err := c.One("file")
	if err != nil {
		return err
	}
	made := keyring.NewRoot()
	if err := command.WriteSecret(file, []byte(made.Text()+"\n")); err != nil {
		return err
	}
	out := struct {
		File string `json:"file"`
		ID   string `json:"id"`
	}{file, made.ID}
	return c.Print(out, func(w io.Writer) { fmt.Fprintf(w, "wrote root secret %s to %s\n", made.ID, file) })
}
