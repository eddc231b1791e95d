package bankdemo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Answer is a response with its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send makes one request. headers are names and values in turn; "Host" among
// them names another host than the URL's.
func Send(ctx context.Context, client *http.Client, method, url, body string, headers ...string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return Answer{resp.StatusCode, resp.Header, read}, err
}

// JSON returns the body as a JSON object; empty if it is none.
func (a Answer) JSON() map[string]any {
	var members map[string]any
	_ = json.Unmarshal(a.Body, &members)
	return members
}

// Member returns a string member of the body, empty if there is none.
func (a Answer) Member(name string) string {
	s, _ := a.JSON()[name].(string)
	return s
}

// Want checks the status and the code: the member error of OAuth answers, code
// of all others, and "" for an answer without either.
func (a Answer) Want(status int, code string) error {
	got := a.Member("error")
	if got == "" {
		got = a.Member("code")
	}
	if a.Status != status || got != code {
		return fmt.Errorf("got %d %s, want %d %s: %s", a.Status, got, status, code, a.Body)
	}
	return nil
}

// Same checks that an answer cannot be told from another one: status, body, and
// every header but the date.
func (a Answer) Same(b Answer) error {
	if a.Status != b.Status || string(a.Body) != string(b.Body) {
		return fmt.Errorf("two refusals can be told apart: %d %s and %d %s", a.Status, a.Body, b.Status, b.Body)
	}
	for name := range a.Header {
		if name != "Date" && a.Header.Get(name) != b.Header.Get(name) {
			return fmt.Errorf("two refusals differ in %s", name)
		}
	}
	if len(a.Header) != len(b.Header) {
		return fmt.Errorf("two refusals differ in their headers")
	}
	return nil
}
