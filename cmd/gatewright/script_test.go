package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/database"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/policy"
)

func TestMain(m *testing.M) {
	helper := func(f func([]string) error) func() {
		return func() {
			if err := f(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	testscript.Main(m, map[string]func(){
		"gatewright": func() {
			os.Exit(run(context.Background(), os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
		"newcert": helper(newCert),
		"newbank": helper(newBank),
		"newsite": helper(newSite),
		"verify":  helper(verify),
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "capture": capture},
	})
}

// TestDatabaseScripts runs the scripts that work on an installation over every
// kind of database. Each script finds the names of two databases of its own in
// site.dsn and empty.dsn, and in missing.dsn that of one that is not there.
func TestDatabaseScripts(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			testscript.Run(t, testscript.Params{
				Dir: "testdata/database", RequireExplicitExec: true,
				Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "capture": capture},
				Condition: func(cond string) (bool, error) { return cond == strings.ToLower(d.name), nil },
				Setup: func(env *testscript.Env) error {
					for file, dsn := range map[string]string{"site": d.make(t, "site.db"), "empty": d.make(t, "empty.db"), "missing": d.missing(t)} {
						if err := os.WriteFile(filepath.Join(env.WorkDir, file+".dsn"), []byte(dsn+"\n"), 0o600); err != nil {
							return err
						}
					}
					return nil
				},
			})
		})
	}
}

// exits runs a command and compares its exit code: exits 3 gatewright ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// capture keeps the last field of the first line of the output in a variable.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	var fields []string
	for i, line := 0, ts.ReadFile("stdout"); i < len(line) && line[i] != '\n'; {
		j := i
		for j < len(line) && line[j] != ' ' && line[j] != '\n' {
			j++
		}
		if j > i {
			fields = append(fields, line[i:j])
		}
		for i = j; i < len(line) && line[i] == ' '; i++ {
		}
	}
	if neg || len(args) != 1 || len(fields) == 0 {
		ts.Fatalf("usage: capture VARIABLE, after a command with output")
	}
	ts.Setenv(args[0], fields[len(fields)-1])
}

// newCert makes a certificate and its key: NAME.cer and NAME.key, or the file of
// -out.
func newCert(args []string) error {
	set := flag.NewFlagSet("newcert", flag.ContinueOnError)
	days := set.Int("days", 365, "")
	out := set.String("out", "", "")
	kind := set.String("kind", "rsa", "")
	server := set.Bool("server", false, "")
	from := set.String("key", "", "")
	der := set.Bool("der", false, "")
	if err := set.Parse(args); err != nil {
		return err
	}
	name := set.Arg(0)
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		return err
	}
	now := time.Now()
	leaf := mtlstest.Leaf{Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(time.Duration(*days) * 24 * time.Hour),
		IPs: []net.IP{net.IPv4(192, 0, 2, 1)}}
	leaf.Key = map[string]mtlstest.Key{"rsa": mtlstest.RSA2048, "weak": mtlstest.RSA1024, "ecdsa": mtlstest.P256}[*kind]
	if *server {
		leaf.Usage = mtlstest.ServerAuth
	}
	if *from != "" {
		data, err := os.ReadFile(*from)
		if err != nil {
			return err
		}
		if leaf.PrivateKey, err = signer(data); err != nil {
			return err
		}
	}
	pair, err := ca.Issue(leaf)
	if err != nil {
		return err
	}
	key, err := pair.KeyPEM()
	if err != nil {
		return err
	}
	if *out == "" {
		*out = name + ".cer"
	}
	if *out == "conventional" {
		n, err := mtls.NameOf(pair.Certificate)
		if err != nil {
			return err
		}
		*out = n.String()
	}
	data := pair.PEM()
	if *der {
		data = pair.Certificate.Raw
	}
	fmt.Println(*out)
	return errors.Join(os.WriteFile(*out, data, 0o644), os.WriteFile(name+".key", key, 0o600))
}

// newBank makes bank.key (decrypting), bank-sig.key and bank.jwks.
func newBank([]string) error {
	var keys []*jose.PrivateKey
	for _, name := range []string{"bank-sig.key", "bank.key"} {
		raw, err := mtlstest.RSA2048.Generate()
		if err != nil {
			return err
		}
		k, err := jose.NewPrivateKey("", raw)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, privatePEM(raw.(*rsa.PrivateKey)), 0o600); err != nil {
			return err
		}
		keys = append(keys, k)
	}
	set, err := jose.MarshalJWKS(keys[0].Public().WithUse(jose.UseSignature), keys[1].Public().WithUse(jose.UseEncryption))
	if err != nil {
		return err
	}
	return os.WriteFile("bank.jwks", set, 0o644)
}

// open opens the installation of the scripts, as its server does: dsnFile holds
// the name of its database.
func open(dsnFile, rootFile string) (*admin.Service, *authz.Installation, func(), error) {
	ctx := context.Background()
	text, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, nil, nil, err
	}
	root, err := keyring.ParseRoot(string(text))
	if err != nil {
		return nil, nil, nil, err
	}
	store, err := openStore(ctx, dsnFile)
	if err != nil {
		return nil, nil, nil, err
	}
	rules, err := policy.Default()
	if err != nil {
		return nil, nil, nil, err
	}
	in, err := authz.Open(ctx, authz.Config{Issuer: "https://api.example.com", Profile: authz.Merchant(), Store: store, Keys: []keyring.Root{root}, Policy: rules})
	if err != nil {
		return nil, nil, nil, err
	}
	service, err := admin.New(admin.Config{Installation: in})
	return service, in, func() { _ = in.Close(ctx); _ = store.Close(ctx) }, err
}

// openStore makes the schema and opens the store, as a server does.
func openStore(ctx context.Context, dsnFile string) (*gormstore.Store, error) {
	text, err := os.ReadFile(dsnFile)
	if err != nil {
		return nil, err
	}
	dsn, err := database.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, err
	}
	if err := dsn.Create(ctx); err != nil {
		return nil, err
	}
	db, closeDB, err := dsn.SQL()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(gormstore.Migrate(ctx, db), closeDB()); err != nil {
		return nil, err
	}
	return dsn.Store(ctx)
}

// newSite makes a database with an organization, as a server does: newsite DSNFILE
// ROOTFILE ORG...
func newSite(args []string) error {
	service, _, done, err := open(args[0], args[1])
	if err != nil {
		return err
	}
	defer done()
	for _, id := range args[2:] {
		if err := service.EnsureOrganization(context.Background(), id, id); err != nil {
			return err
		}
	}
	return nil
}

// verify tells whether the server would accept a secret: verify DSNFILE ROOTFILE
// CLIENT SECRET.
func verify(args []string) error {
	_, in, done, err := open(args[0], args[1])
	if err != nil {
		return err
	}
	defer done()
	client, err := in.Client(context.Background(), args[2])
	if err != nil {
		return err
	}
	for _, s := range client.Secrets {
		if ok, _ := in.Keyring().VerifySecret(args[3], s.Hash); ok && (s.ExpiresAt.IsZero() || time.Now().Before(s.ExpiresAt)) {
			fmt.Println("accepted", client.Status)
			return nil
		}
	}
	return errors.New("not accepted")
}

func privatePEM(k *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}

// signer reads what mtlstest wrote.
func signer(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}
