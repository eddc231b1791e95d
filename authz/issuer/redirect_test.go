package issuer

import "testing"

// TestLoopbackPorts: the port of a loopback redirect URI is the app's to choose,
// and nothing else of it is (RFC 8252 section 7.3).
func TestLoopbackPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		registered, sent string
		want             bool
	}{
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:1/callback", true},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:65535/callback", true},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1/callback", true},
		{"http://127.0.0.1/callback", "http://127.0.0.1:8765/callback", true},
		{"http://[::1]:8765/callback", "http://[::1]:1/callback", true},
		{"http://[::1]/callback", "http://[::1]:11/callback", true},
		{"http://127.0.0.1/a:1", "http://127.0.0.1:1/a:1", true},

		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:0/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:65536/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:99999/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:08765/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:x/callback", false},
		{"http://127.0.0.1:8765/callback", "http://127.0.0.1:-1/callback", false},
		{"http://127.0.0.1:8765/callback", "http://[::1]:8765/callback", false},
		{"http://[::1]:8765/callback", "http://[::1]:0/callback", false},
		{"http://127.0.0.1/a", "http://127.0.0.1:1/a:1", false},
		{"https://shop.example/callback", "https://shop.example:8443/callback", false},
	} {
		if _, got := matchRedirectURI(c.sent, []string{c.registered}); got != c.want {
			t.Errorf("%s, registered %s: %v", c.sent, c.registered, got)
		}
	}
}
