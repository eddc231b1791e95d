package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/jose"
)

// A partner that moves money for an account. The same program works in UAT with
// another Config.
func Example() {
	ctx := context.Background()
	bank := startBank() // stands for the bank; see the end of this file
	defer bank.close()

	certificate, err := tls.LoadX509KeyPair(bank.file("partner.cer"), bank.file("partner.key"))
	if err != nil {
		log.Fatal(err)
	}
	bankKeys, err := jose.ReadPublicKeys(bank.file("bank.jwks")) // or jose.NewRemote
	if err != nil {
		log.Fatal(err)
	}
	partner, err := client.New(client.Config{
		Environment:  client.Production,
		BaseURL:      bank.url + "/rb/api/v1",
		ClientID:     "partner",
		ClientSecret: "from-a-secret-manager",
		Certificate:  certificate,
		BankKeys:     bankKeys,
		Binding:      jose.Compatible,
		RootCAs:      bank.roots,
	})
	if err != nil {
		log.Fatal(err)
	}

	const account = "1234999999567"
	api, err := partner.HTTPClient(client.Application(client.Metadata{AccountID: account}, "send_money"))
	if err != nil {
		log.Fatal(err)
	}
	masked, err := client.Mask(account)
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, partner.URL("customers", masked, "transfers"), strings.NewReader(`{"amount":"10.00"}`))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := api.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if err := client.CheckResponse(response); err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	fmt.Println(request.URL.Path)
	fmt.Println(string(body))
	// Output:
	// /rb/api/v1/customers/1234xxxxxx567/transfers
	// {"accepted":"10.00"}
}

// A customer signs in: a link, a callback, and requests on their behalf.
func ExampleClient_AuthorizeURL() {
	bank := startBank()
	defer bank.close()
	config := bank.config()
	config.SignIn = &client.SignIn{
		Store: new(client.MemoryStore), // or NewFileStore, or your database
		Keys:  [][]byte{[]byte("32 random bytes from a KMS, please")[:32]},
	}
	app, err := client.New(config)
	if err != nil {
		log.Fatal(err)
	}

	who := client.Customer{UUID: "7f1f2ac2-0a52-4c9e-9f7c-2f2b7c1f6d11", AccountID: "1234999999567"}
	state := client.NewState() // keep it in the browser's session
	link, err := app.AuthorizeURL(context.Background(), client.AuthorizeRequest{Customer: who, Scopes: []string{"account_transactions"}, State: state})
	if err != nil {
		log.Fatal(err)
	}

	query := bank.customerConsents(link) // the query of the redirect URI
	code, err := client.Callback(query, state)
	if err != nil {
		log.Fatal(err)
	}
	consent, err := app.Exchange(context.Background(), client.ExchangeRequest{Customer: who, Code: code})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(consent.Scopes, consent.ConsentedOn.Format("2006-01-02"))

	api, err := app.HTTPClient(client.OnBehalfOf(who)) // from now on, after restarts too
	if err != nil {
		log.Fatal(err)
	}
	masked, _ := client.Mask(who.AccountID)
	response, err := api.Get(app.URL("accounts", masked, "transactions"))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// [account_transactions] 2019-07-08
	// 200 OK
}

// A customer who has not signed in, or whose consent is over.
func ExampleOnBehalfOf() {
	bank := startBank()
	defer bank.close()
	config := bank.config()
	config.SignIn = &client.SignIn{Store: new(client.MemoryStore), Keys: [][]byte{[]byte("32 random bytes from a KMS, please")[:32]}}
	app, err := client.New(config)
	if err != nil {
		log.Fatal(err)
	}
	api, err := app.HTTPClient(client.OnBehalfOf(client.Customer{UUID: "somebody", AccountID: "1234999999567"}))
	if err != nil {
		log.Fatal(err)
	}
	_, err = api.Get(app.URL("accounts", "1234xxxxxx567", "transactions"))
	fmt.Println(errors.Is(err, client.ErrSignInAgain))
	// Output: true
}

// Refusals of an API, as errors.
func ExampleCheckResponse() {
	bank := startBank()
	defer bank.close()
	partner, err := client.New(bank.config())
	if err != nil {
		log.Fatal(err)
	}
	api, err := partner.HTTPClient(client.KeyID())
	if err != nil {
		log.Fatal(err)
	}
	response, err := api.Get(partner.URL("fx_rates")) // which demands the secret too
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var refused *client.Error
	if errors.As(client.CheckResponse(response), &refused) {
		fmt.Println(refused.Status, refused.Code)
	}
	// Output: 401 invalid_client
}

func ExampleMask() {
	fmt.Println(client.Mask("1234999999567"))
	fmt.Println(client.Mask("1234"))
	// Output:
	// 1234xxxxxx567 <nil>
	//  maskedid: no id that can be masked
}
