package bankdemo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// BankKeys are the bank's own keys for messages: one signs, another decrypts,
// and neither is that of the TLS certificate. The file holds the public halves
// as a JWK Set, for clients.
func (v *Vault) BankKeys() (keys *jose.Keyring, publicFile string, err error) {
	signing, err := v.messageKey("bank-signing.key")
	if err != nil {
		return nil, "", err
	}
	decryption, err := v.messageKey("bank-decryption.key")
	if err != nil {
		return nil, "", err
	}
	keys, err = jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{signing}, Decryption: []*jose.PrivateKey{decryption}})
	if err != nil {
		return nil, "", err
	}
	return keys, filepath.Join(v.dir, "bank.jwks.json"), v.put("bank.jwks.json", keys.JWKS())
}

func (v *Vault) messageKey(name string) (*jose.PrivateKey, error) {
	keys, err := jose.ReadPrivateKeys(filepath.Join(v.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		key, err := mtlstest.RSA2048.Generate()
		if err != nil {
			return nil, err
		}
		pem, err := (&mtlstest.Pair{Key: key}).KeyPEM()
		if err != nil {
			return nil, err
		}
		if err := v.put(name, pem); err != nil {
			return nil, err
		}
		return jose.NewPrivateKey("", key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return keys[0], nil
}
