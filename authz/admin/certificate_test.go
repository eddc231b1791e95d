package admin_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage/memory"
)

// accessWorld is a service with two keys, svc and other, of one organization.
func accessWorld(t *testing.T) (*admin.Service, admin.Actor, map[string]string) {
	t.Helper()
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	in, err := authz.Open(t.Context(), authz.Config{Issuer: "https://as.example", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()}, Policy: decider, Profile: authz.Merchant()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s, err := admin.New(admin.Config{Installation: in})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureOrganization(t.Context(), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	host := admin.Host().In("acme")
	ids := map[string]string{}
	for _, name := range []string{"svc", "other"} {
		k, _, err := s.CreateKey(t.Context(), host, admin.NewKey{Name: name, Roles: []string{"viewer"}})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = k.ClientID
	}
	return s, host, ids
}

func TestImportAndRevokeCertificates(t *testing.T) {
	t.Parallel()
	s, host, ids := accessWorld(t)
	ca, err := mtlstest.NewCA("test CA")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(leaf mtlstest.Leaf) *mtlstest.Pair {
		t.Helper()
		p, err := ca.Issue(leaf)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := issue(mtlstest.Leaf{CommonName: "svc.acme"})
	name, err := mtls.NameOf(good.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more changes nothing
		if _, err := s.ImportCertificate(t.Context(), host, ids["svc"], admin.Import{Data: good.PEM(), FileName: name.String()}); err != nil {
			t.Fatal(err)
		}
	}
	for what, i := range map[string]struct {
		key  string
		file admin.Import
		want error
	}{
		"another name":       {"svc", admin.Import{Data: good.PEM(), FileName: "somebody_PublicKey_010130.cer"}, admin.ErrInvalid},
		"nothing":            {"svc", admin.Import{}, admin.ErrInvalid},
		"expired":            {"svc", admin.Import{Data: issue(mtlstest.Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}).PEM()}, admin.ErrInvalid},
		"too weak":           {"svc", admin.Import{Data: issue(mtlstest.Leaf{Key: mtlstest.RSA1024}).PEM()}, admin.ErrInvalid},
		"RSA only":           {"svc", admin.Import{Data: issue(mtlstest.Leaf{}).PEM(), Rules: mtls.Rules{RSAOnly: true}}, admin.ErrInvalid},
		"server certificate": {"svc", admin.Import{Data: issue(mtlstest.Leaf{Usage: mtlstest.ServerAuth}).PEM()}, admin.ErrInvalid},
		"another key's":      {"other", admin.Import{Data: good.PEM()}, admin.ErrExists},
		"nobody's":           {"nobody", admin.Import{Data: issue(mtlstest.Leaf{}).PEM()}, admin.ErrNotFound},
	} {
		id := ids[i.key]
		if id == "" {
			id = i.key
		}
		if _, err := s.ImportCertificate(t.Context(), host, id, i.file); !errors.Is(err, i.want) {
			t.Errorf("%s: %v, want %v", what, err, i.want)
		}
	}
	if _, err := s.RevokeCertificate(t.Context(), host, ids["other"], mtls.ThumbprintOf(good.Certificate)); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("revoking what is another key's: %v", err)
	}
	if _, err := s.RevokeCertificate(t.Context(), host, ids["svc"], mtls.ThumbprintOf(good.Certificate)); err != nil {
		t.Error(err)
	}
}

func TestSetAddresses(t *testing.T) {
	t.Parallel()
	s, host, ids := accessWorld(t)
	if _, err := s.SetAddresses(t.Context(), host, ids["svc"], []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("192.0.2.1/24")} {
		if _, err := s.SetAddresses(t.Context(), host, ids["svc"], []netip.Prefix{bad}); !errors.Is(err, admin.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := s.SetAddresses(t.Context(), admin.Actor{}, ids["svc"], nil); err == nil {
		t.Error("nobody set addresses")
	}
}
