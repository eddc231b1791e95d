package issuer_test

import (
	"testing"
)

func TestClientCredentialsIssueCallRefreshRevoke(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		access, refresh := w.issue("viewer")
		if access == "" || refresh == "" {
			t.Fatal("want both tokens")
		}
		w.want(w.call("GET", "/v1/transactions", access), 200, "")
		w.want(w.call("POST", "/v1/transfers", access), 403, "permission_denied")

		next := w.refresh("viewer", refresh)
		w.want(next, 200, "")
		w.want(w.call("GET", "/v1/transactions", access), 401, "invalid_token")
		newAccess := next.str(t, "access_token")
		w.want(w.call("GET", "/v1/transactions", newAccess), 200, "")

		// Replaying the first refresh token ends the whole family.
		w.want(w.refresh("viewer", refresh), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", newAccess), 401, "invalid_token")
		w.want(w.refresh("viewer", next.str(t, "refresh_token")), 400, "invalid_grant")

		access, refresh = w.issue("viewer")
		w.want(w.post("/oauth2/revoke", "viewer", "token", access), 200, "")
		w.want(w.call("GET", "/v1/transactions", access), 401, "invalid_token")
		w.want(w.refresh("viewer", refresh), 400, "invalid_grant")
	})
}
