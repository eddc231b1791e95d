// Package sealcmd is `gatewright seal`, `open` and `mask`: messages and ids as
// they travel between a bank and its clients.
package sealcmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz/maskedid"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/jose"
)

// Seal is the command seal.
func Seal() command.Command {
	return command.Command{Name: "seal", Args: "-key FILE -to FILE [FILE]", About: "sign and encrypt a message", Run: seal,
		Help: `Signs the JSON in FILE (standard input by default) with the private key of -key, RS256, encrypts the result to the
key of -to, RSA-OAEP-256 and A256CBC-HS512, and writes the envelope in the general JSON serialization. Keys are PEM,
DER, JWK or JWKS; a certificate will do for -to.

With -iss, -aud, -jti, -htm and -htu the message has the signed claims of a strict request. With -account the input is an
account number, which is encrypted as the account_id of an authorization request; -uuid and -client-id make that
strict.`}
}

// Open is the command open.
func Open() command.Command {
	return command.Command{Name: "open", Args: "-key FILE -from FILE [FILE]", About: "decrypt and verify a message", Run: open,
		Help: `Decrypts the envelope in FILE (standard input by default) with the private keys of -key, verifies it with the public
keys of -from, and writes the payload. Claims are told by -json, and not checked: only a server knows the request they
are for. With -account the input is the account_id of an authorization request, and there is no -from: nothing says
who made one.

Exits with 3, and writes no payload, if the message does not open.`}
}

// Mask is the command mask.
func Mask() command.Command {
	return command.Command{Name: "mask", Args: "[-check MASK] [ID]", About: "mask account and customer ids", Run: mask,
		Help: `Writes the mask of each id, one a line: the first four and the last three characters, and x for each between.
Without ID they are read from standard input, which keeps them out of the shell's history. -check exits with 3
unless MASK is the mask of the one id.`}
}

func seal(c *command.Call) error {
	keyFile := c.Flags.String("key", "", "`file` with the sender's private key; - is standard input")
	toFile := c.Flags.String("to", "", "`file` with the recipient's public key")
	contentType := c.Flags.String("content-type", "", "media type of the payload (default application/json)")
	account := c.Flags.Bool("account", false, "make an account_id parameter")
	uuid := c.Flags.String("uuid", "", "the customer, for a strict account_id")
	clientID := c.Flags.String("client-id", "", "the client, for a strict account_id")
	var claims claimFlags
	claims.register(c)
	input, err := optional(c)
	if err != nil {
		return err
	}
	if *toFile == "" || (*keyFile == "") != *account {
		return command.Usage("-to is required, and -key unless -account is given")
	}
	to, err := recipient(*toFile)
	if err != nil {
		return err
	}
	if err := apart(*keyFile, input); err != nil {
		return err
	}
	payload, err := c.Read(input)
	if err != nil {
		return err
	}
	if *account {
		return sealAccount(c, strings.TrimSpace(string(payload)), *uuid, *clientID, to, time.Duration(claims.lifetime))
	}
	from, err := privateKeys(c, *keyFile, input)
	if err != nil {
		return err
	}
	if err := jose.CheckJSON(payload); err != nil && *contentType == "" {
		return fmt.Errorf("the payload is not strict JSON (say what it is with -content-type): %s", jose.ReasonOf(err))
	}
	signed, err := claims.make()
	if err != nil {
		return err
	}
	sealed, err := jose.Seal(nil, payload, from[0], to, jose.SealOptions{ContentType: *contentType, Claims: signed})
	if err != nil {
		return err
	}
	_, err = c.IO.Out.Write(append(sealed, '\n')) // JSON already, whether -json is given or not
	return err
}

// privateKeys reads keys from a file, or from standard input if the message is
// not there.
func privateKeys(c *command.Call, file, input string) ([]*jose.PrivateKey, error) {
	if err := apart(file, input); err != nil {
		return nil, err
	}
	data, err := c.Read(file)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return jose.ParsePrivateKeys(data)
}

func apart(key, input string) error {
	if key == "-" && input == "-" {
		return command.Usage("standard input cannot be both the key and the message")
	}
	return nil
}

// recipient is the first key that may encrypt.
func recipient(file string) (*jose.PublicKey, error) {
	keys, err := jose.ReadPublicKeys(file)
	if err != nil {
		return nil, err
	}
	if len(keys.Encrypting()) == 0 {
		return nil, fmt.Errorf("%s has no key to encrypt to", file)
	}
	return keys.Encrypting()[0], nil
}

func sealAccount(c *command.Call, id, uuid, clientID string, to *jose.PublicKey, lifetime time.Duration) (err error) {
	var sealed string
	switch {
	case uuid == "" && clientID == "":
		sealed, err = jose.SealAccount(id, to)
	case uuid == "" || clientID == "":
		return command.Usage("a strict account_id needs -uuid and -client-id")
	default:
		sealed, err = jose.SealAccountStrict(jose.Account{AccountID: id, UUID: uuid, ClientID: clientID, Expiry: time.Now().Add(lifetime)}, to)
	}
	if err != nil {
		return err
	}
	return c.Print(map[string]string{"account_id": sealed}, func(w io.Writer) { fmt.Fprintln(w, sealed) })
}

// opened is what open tells with -json.
type opened struct {
	ContentType string          `json:"content_type"`
	Sender      string          `json:"sender_kid"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	Text        string          `json:"text,omitempty"`
	Claims      *claims         `json:"claims,omitempty"`
}

func open(c *command.Call) error {
	keyFile := c.Flags.String("key", "", "`file` with the recipient's private keys; - is standard input")
	fromFile := c.Flags.String("from", "", "`file` with the sender's public keys or certificate")
	flattened := c.Flags.Bool("flattened", false, "accept the flattened JSON serialization as well")
	account := c.Flags.Bool("account", false, "open an account_id parameter")
	input, err := optional(c)
	if err != nil {
		return err
	}
	if *keyFile == "" || (*fromFile == "") != *account {
		return command.Usage("-key is required, and -from unless -account is given")
	}
	with, err := privateKeys(c, *keyFile, input)
	if err != nil {
		return err
	}
	sealed, err := c.Read(input)
	if err != nil {
		return err
	}
	sealed = bytes.TrimSpace(sealed)
	if *account {
		id, err := jose.OpenCompact(string(sealed), with...)
		if err != nil {
			return command.Findings("refused: %s", jose.ReasonOf(err))
		}
		return c.Print(map[string]string{"account_id": string(id)}, func(w io.Writer) { fmt.Fprintf(w, "%s\n", id) })
	}
	from, err := jose.ReadPublicKeys(*fromFile)
	if err != nil {
		return err
	}
	m, err := jose.Open(sealed, with, from.Verifying(), jose.OpenOptions{AcceptFlattened: *flattened, MaxMessage: 64 << 20})
	if err != nil {
		return command.Findings("refused: %s", jose.ReasonOf(err))
	}
	out := opened{ContentType: m.ContentType, Sender: m.Sender.KeyID(), Claims: claimsOf(m.Claims)}
	if jose.CheckJSON(m.Payload) == nil {
		out.Payload = m.Payload
	} else {
		out.Text = string(m.Payload)
	}
	return c.Print(out, func(w io.Writer) { _, _ = w.Write(append(m.Payload, '\n')) })
}

// optional takes at most one argument, standard input by default.
func optional(c *command.Call) (string, error) {
	rest, err := c.Parse()
	switch {
	case err != nil:
		return "", err
	case len(rest) > 1:
		return "", command.Usage("name one file")
	case len(rest) == 1:
		return rest[0], nil
	}
	return "-", nil
}

func mask(c *command.Call) error {
	check := c.Flags.String("check", "", "compare this `mask` with that of the id")
	ids, err := c.Parse()
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		lines := bufio.NewScanner(c.IO.In)
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				ids = append(ids, id)
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	if len(ids) == 0 || *check != "" && len(ids) != 1 {
		return command.Usage("give an id")
	}
	var masks []string
	for i, id := range ids {
		m, err := maskedid.Mask(id)
		if err != nil {
			return fmt.Errorf("id %d: an id that can be masked has 8 to 64 characters of 0-9 and A-Z", i+1)
		}
		masks = append(masks, m)
	}
	if *check != "" {
		if err := maskedid.Check(*check, ids[0]); err != nil {
			return command.Findings("%w", err)
		}
	}
	return c.Print(masks, func(w io.Writer) {
		for _, m := range masks {
			fmt.Fprintln(w, m)
		}
	})
}
