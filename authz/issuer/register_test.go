package issuer_test

import (
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage/memory"
)

// A registered app gets what its subscriptions permit, from the moment it has them.
func TestRegisteredAppGetsTokensForItsSubscriptions(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, memory.New(), keyring.NewRoot())
	keys, err := admin.New(admin.Config{Installation: s.server.Installation()})
	if err != nil {
		t.Fatal(err)
	}
	host := admin.Host().In("partners")
	app, secret, err := keys.RegisterApp(t.Context(), host, admin.NewApp{Name: "New", Type: authz.Partner, TestIDs: map[string]string{"account_id": bankAccount}})
	if err != nil {
		t.Fatal(err)
	}
	const body = "grant_type=client_credentials&scope=send_money"
	if a := s.token(app.ClientID, secret, body); a.Status == 200 {
		t.Errorf("a token without a subscription: %s", a.Body)
	}
	if _, err := keys.Subscribe(t.Context(), host, app.ClientID, []string{"partner-authentication"}); err != nil {
		t.Fatal(err)
	}
	issued := s.token(app.ClientID, secret, body)
	if issued.Status != 200 {
		t.Fatalf("%d %s", issued.Status, issued.Body)
	}
	a := s.do("GET", "/customers/1234xxxxxx567", "", "Authorization", "Bearer "+issued.str(t, "access_token"), "X-IBM-Client-Id", app.ClientID)
	if a.Status != 200 || a.Body != bankAccount {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.token(app.ClientID, "wrong"+secret, body); a.Status != 401 {
		t.Errorf("a wrong secret: %d", a.Status)
	}
}
