// Package certcmd is `gatewright cert`: the certificates that clients register.
package certcmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/mtls"
)

// Command is the command.
func Command() command.Command {
	return command.Command{Name: "cert", About: "inspect, name and import client certificates, and tell which expire", Sub: []command.Command{
		{Name: "inspect", Args: "FILE...", About: "tell what is in a certificate, and whether it may be registered", Run: runInspect,
			Help: "Reads PEM or DER; - is standard input. Exits with 3 if a certificate may not be registered, or its file\nname follows the convention {CN}_PublicKey_{ExpiryDDMMYY}.cer and does not tell the truth."},
		{Name: "name", Args: "[-check|-rename] FILE", About: "tell what the file of a certificate is to be named", Run: runName,
			Help: "The name is {CN}_PublicKey_{ExpiryDDMMYY}.cer. -check exits with 3 if the file has another, -rename gives\nit that name, never over another file."},
		{Name: "import", Args: "[-to FOLDER] [-client ID -organization ORG ...] FILE", About: "check a certificate that a client sent, and keep or register it", Run: runImport,
			Help: "The file's name must be that of the convention and true, unless -any-name. -to writes the certificate\ninto a folder, as PEM under its name; -client registers it in a database, in the name of the host.\nExits with 3, and changes nothing, if the certificate is refused."},
		{Name: "expiring", Args: "[-within 30d] [-dsn DATABASE | FILE|FOLDER...]", About: "list certificates that have expired or soon will", Run: runExpiring,
			Help: "Looks at files, at the *.cer, *.crt and *.pem in folders, or at what is registered in a database. Exits\nwith 3 if there are any. In files one common name is taken for one client."},
	}}
}

func runInspect(c *command.Call) error {
	files, err := c.Parse()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return command.Usage("name at least one file")
	}
	var all []report
	bad := 0
	for _, name := range files {
		data, err := c.Read(name)
		if err != nil {
			return err
		}
		cert, err := mtls.ParseCertificate(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r := reportOf(name, cert)
		if len(r.Problems) > 0 {
			bad++
		}
		all = append(all, r)
	}
	err = c.Print(all, func(w io.Writer) {
		for i, r := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			r.text(w)
		}
	})
	if err == nil && bad > 0 {
		return command.Findings("%d of %d certificates may not be registered as they are", bad, len(all))
	}
	return err
}

func runName(c *command.Call) error {
	check := c.Flags.Bool("check", false, "exit with 3 if the file has another name")
	rename := c.Flags.Bool("rename", false, "give the file that name")
	file, err := c.One("file")
	if err != nil {
		return err
	}
	if *check && *rename || *rename && file == "-" || *check && file == "-" {
		return command.Usage("give -check or -rename, and a file that has a name")
	}
	data, err := c.Read(file)
	if err != nil {
		return err
	}
	cert, err := mtls.ParseCertificate(data)
	if err != nil {
		return err
	}
	name, err := mtls.NameOf(cert)
	if err != nil {
		return err
	}
	is := filepath.Base(file)
	out := struct {
		Name    string `json:"name"`
		Is      string `json:"is"`
		Renamed bool   `json:"renamed"`
	}{name.String(), is, false}
	if *rename && is != out.Name {
		if err := move(file, filepath.Join(filepath.Dir(file), out.Name)); err != nil {
			return err
		}
		out.Renamed = true
	}
	if err := c.Print(out, func(w io.Writer) { fmt.Fprintln(w, out.Name) }); err != nil {
		return err
	}
	if *check && is != out.Name {
		return command.Findings("the file is named %s", is)
	}
	return nil
}

// move renames a file, unless there is one of that name.
func move(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

func runImport(c *command.Call) (err error) {
	folder := c.Flags.String("to", "", "write the certificate into this `folder`")
	ecdsa := c.Flags.Bool("ecdsa", false, "accept ECDSA keys, where messages are not sealed")
	anyName := c.Flags.Bool("any-name", false, "do not look at the file's name")
	var to registration
	to.register(c.Flags)
	file, err := c.One("file")
	if err != nil {
		return err
	}
	if *folder == "" && to.client == "" {
		return command.Usage("say where to: -to, -client, or both")
	}
	if file == "-" && !*anyName {
		return command.Usage("standard input has no name to check: say -any-name")
	}
	data, err := c.Read(file)
	if err != nil {
		return err
	}
	cert, err := mtls.Import(data, mtls.Rules{RSAOnly: !*ecdsa})
	if err == nil && !*anyName {
		err = mtls.CheckFileName(filepath.Base(file), cert)
	}
	if err != nil {
		return command.Findings("%s: refused: %w", file, err)
	}
	r := reportOf(file, cert)
	out := struct {
		report
		Written    string `json:"written,omitempty"`
		Registered string `json:"registered,omitempty"`
	}{report: r}
	if to.client != "" { // first, since it can be refused
		if err := to.do(c, data, mtls.Rules{RSAOnly: !*ecdsa}); err != nil {
			return err
		}
		out.Registered = to.client
	}
	if *folder != "" {
		if r.FileName == "" {
			return mtls.ErrNoName
		}
		out.Written = filepath.Join(*folder, r.FileName)
		if err := keep(out.Written, pemOf(cert)); err != nil {
			return err
		}
	}
	return c.Print(out, func(w io.Writer) {
		if out.Registered != "" {
			fmt.Fprintf(w, "registered for %s: %s\n", out.Registered, r.Thumbprint)
		}
		if out.Written != "" {
			fmt.Fprintln(w, "wrote", out.Written)
		}
	})
}

// keep writes a file unless it is there with the same content; another content is
// an error.
func keep(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		there, readErr := os.ReadFile(name)
		if readErr == nil && bytes.Equal(there, data) {
			return nil
		}
		return fmt.Errorf("%s is there with another certificate", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
