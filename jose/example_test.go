package jose_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/jose"
)

// newKey stands for a key that a real program reads with ReadPrivateKeys.
func newKey(kid string) *jose.PrivateKey {
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	key, err := jose.NewPrivateKey(kid, raw)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// memory is a Spend func for one process. Several instances need a store with
// an atomic insert.
type memory struct{ seen sync.Map }

func (m *memory) spend(_ context.Context, client, msgID string, _ time.Time) error {
	if _, twice := m.seen.LoadOrStore(client+" "+msgID, true); twice {
		return jose.ErrReplayed
	}
	return nil
}

// A payload from a client to the bank, and opened there.
func ExampleSeal() {
	client, bank := newKey("client-2026"), newKey("bank-enc-2026")

	sealed, err := jose.Seal(nil, []byte(`{"amount":"10.00"}`), client, bank.Public(), jose.SealOptions{})
	if err != nil {
		log.Fatal(err)
	}
	message, err := jose.Open(sealed, []*jose.PrivateKey{bank}, []*jose.PublicKey{client.Public()}, jose.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.ContentType, string(message.Payload), message.Sender.KeyID())
	// Output: application/json {"amount":"10.00"} client-2026
}

// Every refusal looks the same to the caller; the reason is for the log.
func ExampleOpen_refused() {
	client, stranger, bank := newKey("client"), newKey("stranger"), newKey("bank")

	sealed, err := jose.Seal(nil, []byte(`{}`), stranger, bank.Public(), jose.SealOptions{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = jose.Open(sealed, []*jose.PrivateKey{bank}, []*jose.PublicKey{client.Public()}, jose.OpenOptions{})
	var refused *jose.Error
	if errors.As(err, &refused) {
		status, code := refused.Refusal()
		fmt.Println(err, "/", status, code, "/", refused.Reason)
	}
	// Output: jose: message refused / 400 message_invalid / key
}

// A bank's route and a client that speaks to it, over HTTP.
func ExampleServer_Handler() {
	clientKey := newKey("client-2026")
	keys, err := jose.NewKeyring(jose.Keys{
		Signing:    []*jose.PrivateKey{newKey("bank-sig-2026")},
		Decryption: []*jose.PrivateKey{newKey("bank-enc-2026")},
	})
	if err != nil {
		log.Fatal(err)
	}

	config := jose.Bank(keys)
	config.Spend = new(memory).spend
	config.Resolve = func(r *http.Request) (jose.Peer, error) {
		// A real resolver looks up the client of the certificate in r.TLS.
		return jose.Peer{ID: "partner", Verify: []*jose.PublicKey{clientKey.Public()}, Encrypt: clientKey.Public()}, nil
	}
	server, err := jose.NewServer(config)
	if err != nil {
		log.Fatal(err)
	}
	transfers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"received":%s}`, body)
	})
	bank := httptest.NewServer(server.Handler(transfers))
	defer bank.Close()

	transport, err := jose.NewTransport(jose.TransportConfig{
		Base:    http.DefaultTransport, // a real one presents the client's certificate
		Key:     clientKey,
		Bank:    keys.Public(), // or ReadPublicKeys, or NewRemote
		Binding: jose.Compatible,
	})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	response, err := client.Post(bank.URL+"/v1/transfers", "application/json", strings.NewReader(`{"amount":"10.00"}`))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(response.Status, string(body))
	// Output: 201 Created {"received":{"amount":"10.00"}}
}

// Which profile to take: Compatible is what the bank documents; Strict also
// ties each message to its request, so that a captured body is of no use.
func ExampleServerConfig_strict() {
	keys, err := jose.NewKeyring(jose.Keys{
		Signing:    []*jose.PrivateKey{newKey("sig")},
		Decryption: []*jose.PrivateKey{newKey("enc")},
	})
	if err != nil {
		log.Fatal(err)
	}
	config := jose.Bank(keys)
	config.Spend = new(memory).spend
	config.Binding = jose.Strict
	_, err = jose.NewServer(config)
	fmt.Println(err)

	config.Issuer = "https://api.bank.example"
	config.Origin = "https://api.bank.example"
	_, err = jose.NewServer(config)
	fmt.Println(err)
	// Output:
	// jose: ServerConfig.Issuer is missing for the strict profile
	// <nil>
}

// Rotating the signing key: announce, switch, drop.
func ExampleKeyring_Replace() {
	old, next, enc := newKey("sig-2026"), newKey("sig-2027"), newKey("enc-2026")
	decryption := []*jose.PrivateKey{enc}

	keys, err := jose.NewKeyring(jose.Keys{Signing: []*jose.PrivateKey{old}, Decryption: decryption})
	if err != nil {
		log.Fatal(err)
	}
	for _, signing := range [][]*jose.PrivateKey{{old, next}, {next, old}, {next}} {
		if err := keys.Replace(jose.Keys{Signing: signing, Decryption: decryption}); err != nil {
			log.Fatal(err)
		}
		var published []string
		for _, k := range keys.Public().Verifying() {
			published = append(published, k.KeyID())
		}
		fmt.Println(published)
	}
	// Output:
	// [sig-2026 sig-2027]
	// [sig-2027 sig-2026]
	// [sig-2027]
}

// The account_id parameter of the customer sign-in, in its strict form.
func ExampleAccountOpener_Open() {
	keys, err := jose.NewKeyring(jose.Keys{
		Signing:    []*jose.PrivateKey{newKey("sig")},
		Decryption: []*jose.PrivateKey{newKey("enc")},
	})
	if err != nil {
		log.Fatal(err)
	}
	parameter, err := jose.SealAccountStrict(jose.Account{
		AccountID: "1234999999567", UUID: "customer-1", ClientID: "fintech",
		Expiry: time.Now().Add(5 * time.Minute),
	}, keys.Public().Encrypting()[0])
	if err != nil {
		log.Fatal(err)
	}

	opener, err := jose.NewAccountOpener(jose.AccountConfig{Keys: keys, Binding: jose.Strict, Spend: new(memory).spend})
	if err != nil {
		log.Fatal(err)
	}
	account, err := opener.Open(context.Background(), parameter, "fintech", "customer-1")
	fmt.Println(account, err)
	_, err = opener.Open(context.Background(), parameter, "fintech", "customer-1")
	fmt.Println(err)
	// Output:
	// 1234999999567 <nil>
	// jose: account refused
}

// Keys come as PEM, DER, JWK or JWK Set; the data shows which.
func ExampleParsePrivateKeys() {
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(raw)})

	keys, err := jose.ParsePrivateKeys(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(keys), len(keys[0].KeyID()) == 43, keys[0].Public().RSA().N.BitLen())
	_, err = jose.ParsePublicKeys(file)
	fmt.Println(err)
	// Output:
	// 1 true 2048
	// jose: a private key where only public keys may be
}

// A bank's keys at a URL, followed through rotations.
func ExampleNewRemote() {
	bank, err := jose.NewRemote("https://api.bank.example/jwks.json", jose.RemoteConfig{
		StaleFor: 30 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = jose.NewTransport(jose.TransportConfig{
		Base: http.DefaultTransport, Key: newKey("client"), Bank: bank, Binding: jose.Compatible,
	})
	fmt.Println(err)
	_, err = jose.NewRemote("http://api.bank.example/jwks.json", jose.RemoteConfig{})
	fmt.Println(err)
	// Output:
	// <nil>
	// jose: the JWKS URL is not https
}

// CheckJSON refuses what two readers could read differently.
func ExampleCheckJSON() {
	for _, doc := range []string{`{"amount":1}`, `{"amount":1,"amount":9}`, `{"amount":1,"Amount":9}`} {
		fmt.Println(jose.ReasonOf(jose.CheckJSON([]byte(doc))))
	}
	// Output:
	//
	// duplicate_member
	// duplicate_member
}

// A host that orders its own controls opens and seals by itself.
func ExampleServer_Begin() {
	clientKey := newKey("client")
	keys, err := jose.NewKeyring(jose.Keys{
		Signing:    []*jose.PrivateKey{newKey("sig")},
		Decryption: []*jose.PrivateKey{newKey("enc")},
	})
	if err != nil {
		log.Fatal(err)
	}
	config := jose.Bank(keys)
	config.Spend = new(memory).spend
	server, err := jose.NewServer(config)
	if err != nil {
		log.Fatal(err)
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		peer := jose.Peer{ID: "partner", Verify: []*jose.PublicKey{clientKey.Public()}, Encrypt: clientKey.Public()}
		exchange, err := server.Begin(w, r, peer)
		if err != nil {
			http.Error(w, "refused", http.StatusUnauthorized)
			return
		}
		defer exchange.Close()
		opened, err := exchange.Open()
		if err != nil {
			http.Error(exchange, "refused", http.StatusBadRequest) // sealed, as all from here on
			return
		}
		io.Copy(exchange, opened.Body)
	}

	payload := []byte(`{"hello":"bank"}`)
	sealed, err := jose.Seal(nil, payload, clientKey, keys.Public().Encrypting()[0], jose.SealOptions{})
	if err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest("POST", "/v1/echo", strings.NewReader(string(sealed)))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("MsgId", jose.NewMsgID())
	recorder := httptest.NewRecorder()
	handler(recorder, request)

	answer, err := jose.Open(recorder.Body.Bytes(), []*jose.PrivateKey{clientKey}, keys.Public().Verifying(), jose.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Payload), sha256.Sum256(answer.Payload) == sha256.Sum256(payload))
	// Output: {"hello":"bank"} true
}
