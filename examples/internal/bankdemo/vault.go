package bankdemo

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// Vault is the folder in which a demo bank keeps its certification authority,
// certificates and keys, all of which it makes itself when they are not there
// yet. A real bank has its server certificate from a public authority, its keys
// in a hardware module or a secret manager, and never sees a client's key.
type Vault struct {
	dir string
	ca  *mtlstest.CA
}

// OpenVault opens the vault in a folder, and makes the authority at first.
func OpenVault(dir string) (*Vault, error) {
	dir, err := filepath.Abs(dir) // the credentials file names files for readers elsewhere
	if err != nil {
		return nil, err
	}
	v := &Vault{dir: dir}
	pair, err := v.keep("ca.pem", "ca.key", nil, func() (*mtlstest.Pair, error) {
		ca, err := mtlstest.NewCA("Demo Bank CA")
		if err != nil {
			return nil, err
		}
		return ca.Pair(), nil
	})
	if err != nil {
		return nil, err
	}
	v.ca = mtlstest.OpenCA(pair)
	return v, nil
}

// CA is the demo's authority.
func (v *Vault) CA() *mtlstest.CA { return v.ca }

// CAFile holds the authority's certificate, for clients to trust.
func (v *Vault) CAFile() string { return filepath.Join(v.dir, "ca.pem") }

// ServerCertificate is the bank's own, for loopback and further hosts.
func (v *Vault) ServerCertificate(hosts ...string) (*mtls.ServerCertificate, error) {
	names := append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	good := func(c *x509.Certificate) bool {
		for _, name := range names {
			if c.VerifyHostname(verifiable(name)) != nil {
				return false
			}
		}
		return current(c) && c.CheckSignatureFrom(v.ca.Certificate) == nil
	}
	_, err := v.keep("server.pem", "server.key", good, func() (*mtlstest.Pair, error) { return v.ca.IssueServer(names...) })
	if err != nil {
		return nil, err
	}
	return mtls.LoadServerCertificate(filepath.Join(v.dir, "server.pem"), filepath.Join(v.dir, "server.key"))
}

// verifiable is how x509.VerifyHostname wants an IPv6 address.
func verifiable(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// current tells whether a certificate is good for another day.
func current(c *x509.Certificate) bool { return time.Now().Add(24 * time.Hour).Before(c.NotAfter) }

// ClientFiles are a client's certificate and key, in PEM. The certificate's file
// is named as the bank asks: {CN}_PublicKey_{ExpiryDDMMYY}.cer.
type ClientFiles struct {
	CertificateFile string
	KeyFile         string
	Pair            *mtlstest.Pair
}

// Client returns the certificate and key of a client of an environment, RSA with
// 2048 bits, and makes them if there are none or they are about to expire.
func (v *Vault) Client(environment, commonName string) (*ClientFiles, error) {
	folder := filepath.Join("clients", environment)
	key := filepath.Join(folder, commonName+".key")
	files, err := filepath.Glob(filepath.Join(v.dir, folder, commonName+"_PublicKey_*.cer"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		pair, err := readPair(file, filepath.Join(v.dir, key))
		if err == nil && current(pair.Certificate) && mtls.CheckFileName(filepath.Base(file), pair.Certificate) == nil {
			return &ClientFiles{file, filepath.Join(v.dir, key), pair}, nil
		}
	}
	pair, err := v.ca.Issue(mtlstest.Leaf{CommonName: commonName, Key: mtlstest.RSA2048})
	if err != nil {
		return nil, err
	}
	name, err := mtls.NameOf(pair.Certificate)
	if err != nil {
		return nil, err
	}
	made := &ClientFiles{filepath.Join(v.dir, folder, name.String()), filepath.Join(v.dir, key), pair}
	return made, v.write(filepath.Join(folder, name.String()), key, pair)
}

// keep reads a pair, or makes and writes one if there is none that is good.
func (v *Vault) keep(certFile, keyFile string, good func(*x509.Certificate) bool, issue func() (*mtlstest.Pair, error)) (*mtlstest.Pair, error) {
	pair, err := readPair(filepath.Join(v.dir, certFile), filepath.Join(v.dir, keyFile))
	if err == nil && (good == nil || good(pair.Certificate)) {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if pair, err = issue(); err != nil {
		return nil, err
	}
	return pair, v.write(certFile, keyFile, pair)
}

func readPair(certFile, keyFile string) (*mtlstest.Pair, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: the key does not sign", keyFile)
	}
	return &mtlstest.Pair{Certificate: pair.Leaf, Key: key}, nil
}

func (v *Vault) write(certFile, keyFile string, pair *mtlstest.Pair) error {
	key, err := pair.KeyPEM()
	if err != nil {
		return err
	}
	if err := v.put(keyFile, key); err != nil {
		return err
	}
	return v.put(certFile, pair.PEM())
}

// put writes a file whole or not at all, readable by its owner only.
func (v *Vault) put(name string, data []byte) error {
	path := filepath.Join(v.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".vault-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
