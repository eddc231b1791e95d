package proxytest

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// bankClient is what the example's credentials file says of a client.
type bankClient struct {
	ClientID        string   `json:"client_id"`
	ClientSecret    string   `json:"client_secret"`
	CertificateFile string   `json:"certificate_file"`
	KeyFile         string   `json:"key_file"`
	Scopes          []string `json:"scopes"`
	AccountID       string   `json:"account_id"`
}

// bankProcess is the example examples/partnerbank, running.
type bankProcess struct {
	address     string // host:port that it listens on
	credentials struct {
		CAFile       string                `json:"ca_file"`
		BankJWKSFile string                `json:"bank_jwks_file"`
		BankID       string                `json:"bank_id"`
		Clients      map[string]bankClient `json:"clients"`
	}
}

// buildBank compiles the example.
func buildBank(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "partnerbank")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./partnerbank")
	cmd.Dir = filepath.Join("..", "..", "..", "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the example: %v\n%s", err, out)
	}
	return program
}

// startBank runs the example until the test ends, when SIGTERM has to stop it
// with 0.
func startBank(t *testing.T, program string, args ...string) *bankProcess {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	cmd := exec.Command(program, append([]string{"-addr", "127.0.0.1:0", "-data", t.TempDir(), "-credentials", file}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		_, _ = io.Copy(io.Discard, out)
		ended <- cmd.Wait()
	}()
	b := new(bankProcess)
	select {
	case url := <-ready:
		_, b.address, _ = strings.Cut(url, "://")
	case err := <-ended:
		t.Fatalf("the example ended before it was ready: %v\n%s", err, &said)
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("the example was not ready within a minute")
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("SIGTERM: %v\n%s", err, &said)
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("still running 30 seconds after SIGTERM")
		}
	})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b.credentials); err != nil {
		t.Fatal(err)
	}
	return b
}

// pair is a client's certificate and key.
func (b *bankProcess) pair(t *testing.T, name string) *mtlstest.Pair {
	t.Helper()
	c := b.credentials.Clients[name]
	pair, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &mtlstest.Pair{Certificate: pair.Leaf, Key: pair.PrivateKey.(crypto.Signer)}
}
