package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz/keyring"
)

func TestRootText(t *testing.T) {
	t.Parallel()
	a, b := keyring.NewRoot(), keyring.NewRoot()
	if a.ID == b.ID || bytes.Equal(a.Secret, b.Secret) {
		t.Fatal("two new roots are one")
	}
	for _, text := range []string{a.Text(), a.Text() + "\n", " " + a.Text() + "\r\n"} {
		got, err := keyring.ParseRoot(text)
		if err != nil || got.ID != a.ID || !bytes.Equal(got.Secret, a.Secret) {
			t.Errorf("ParseRoot(%q) = %v, %v", text, got, err)
		}
	}
}

func TestParseRootRefusals(t *testing.T) {
	t.Parallel()
	text := keyring.NewRoot().Text()
	with := func(body string) string { return string(keyring.AppendChecksum([]byte(body))) }
	enc := base64.RawURLEncoding.EncodeToString
	for name, text := range map[string]string{
		"empty":              "",
		"prefix alone":       "gwk_",
		"checksum of prefix": with("gwk_"),
		"other prefix":       with("gws_" + enc(make([]byte, 32))),
		"upper prefix":       "GWK_" + text[4:],
		"too short":          with("gwk_" + enc(make([]byte, 31))),
		"too long":           with("gwk_" + enc(make([]byte, 65))),
		"padded":             with("gwk_" + base64.URLEncoding.EncodeToString(make([]byte, 32))),
		"standard alphabet":  with("gwk_" + base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 32))),
		"trailing bits":      with("gwk_" + enc(make([]byte, 32))[:42] + "B"),
		"line break inside":  with("gwk_" + enc(make([]byte, 32))[:20] + "\n" + enc(make([]byte, 32))[20:]),
		"wrong checksum":     text[:len(text)-1] + "!",
		"cut short":          text[:len(text)-1],
		"doubled":            text + text,
		"changed character":  text[:10] + string(rune(text[10]^1)) + text[11:],
	} {
		root, err := keyring.ParseRoot(text)
		if err == nil {
			t.Errorf("%s: parsed as %v", name, root)
			continue
		}
		if len(text) > 12 && strings.Contains(err.Error(), text[8:12]) {
			t.Errorf("%s: the error shows the text", name)
		}
	}
}

// Whatever a root is printed with, its secret stays out.
func TestRootIsNotPrinted(t *testing.T) {
	t.Parallel()
	root := keyring.Root{ID: "primary", Secret: []byte("SECRETSECRETSECRETSECRETSECRETSE")}
	config := keyring.Config{Roots: []keyring.Root{root}}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "root", root, "config", config)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "root", root, "roots", config.Roots)
	encoded, err := json.Marshal(map[string]any{"a": root, "b": config.Roots})
	ok(t, err)
	for _, text := range []string{
		fmt.Sprint(root), fmt.Sprintf("%v %+v %#v %s %q %x %d", root, root, root, root, root, root, root),
		fmt.Sprintf("%v %+v %#v", &root, &root, &root), fmt.Sprintf("%v %+v %#v", config, config, config),
		logged.String(), string(encoded),
	} {
		for _, leak := range []string{"SECRET", "534543524554", "83 69 67", "U0VDUkVU", "0x53, 0x45"} {
			if strings.Contains(text, leak) {
				t.Errorf("printed: %s", text)
			}
		}
		if !strings.Contains(text, "root:primary") {
			t.Errorf("without the id: %s", text)
		}
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	text := keyring.AppendChecksum([]byte("gws_something"))
	if body, ok := keyring.TrimChecksum(text); !ok || string(body) != "gws_something" {
		t.Errorf("TrimChecksum = %q, %v", body, ok)
	}
	for i := range text {
		for _, c := range []byte("0aZ_") {
			changed := bytes.Clone(text)
			if changed[i] == c {
				continue
			}
			changed[i] = c
			if _, ok := keyring.TrimChecksum(changed); ok {
				t.Errorf("%q passes for %q", changed, text)
			}
		}
	}
	for _, short := range []string{"", "000000", "00000"} {
		if _, ok := keyring.TrimChecksum([]byte(short)); ok {
			t.Errorf("%q passes", short)
		}
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(keyring.Root{Secret: make([]byte, 32)}.Text())
	f.Add("gwk_")
	f.Fuzz(func(t *testing.T, text string) {
		root, err := keyring.ParseRoot(text)
		if err != nil {
			return
		}
		if root.Text() != strings.TrimSpace(text) {
			t.Errorf("%q is not canonical: %q", text, root.Text())
		}
	})
}

func ExampleParseRoot() {
	made := keyring.NewRoot() // once, for the secret manager
	root, err := keyring.ParseRoot(made.Text())
	fmt.Println(root.ID == made.ID, len(root.Secret), err)
	// Output: true 32 <nil>
}
