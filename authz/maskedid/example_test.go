package maskedid_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gatewright/gatewright/authz/maskedid"
)

func ExampleMask() {
	fmt.Println(maskedid.Mask("1234999999567"))
	fmt.Println(maskedid.Mask("7841999999999999567"))
	fmt.Println(maskedid.Mask("1234567"))
	// Output:
	// 1234xxxxxx567 <nil>
	// 7841xxxxxxxxxxxx567 <nil>
	//  maskedid: no id that can be masked
}

func ExampleMatch() {
	const tokenID = "1234999999567" // from the verified token
	fmt.Println(maskedid.Match("1234xxxxxx567", tokenID))
	fmt.Println(maskedid.Match("1234999999567", tokenID))
	fmt.Println(maskedid.Match("1234xxxxx567", tokenID))
	// Output:
	// true
	// false
	// false
}

// A route that carries the mask in its path. The handler gets the full id from
// the context.
func ExampleControl() {
	sources, err := maskedid.NewSources(maskedid.Path("account_id"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fromToken := func(*http.Request) (string, error) { return "1234999999567", nil }
	control, err := maskedid.New(fromToken, sources)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /accounts/{account_id}/transactions", control.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := maskedid.FromContext(r.Context())
		fmt.Fprintln(w, "transactions of", id)
	})))

	for _, path := range []string{"/accounts/1234xxxxxx567/transactions", "/accounts/1234999999567/transactions"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 transactions of 1234999999567
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"code":"masked_id_refused"}
}
