package jose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// RemoteConfig are the optional settings of a [Remote].
type RemoteConfig struct {
	// RootCAs verify the server's certificate. Nil: the system's.
	RootCAs *x509.CertPool
	// AllowPrivate permits loopback, private, link-local and other addresses
	// that are not on the public internet. Without it a URL, or a name that
	// resolves to such an address, is never connected to.
	AllowPrivate bool
	// InsecureAllowHTTP permits http URLs. Whoever can change the traffic then
	// chooses the keys; for tests inside one machine.
	InsecureAllowHTTP bool
	// MaxBytes limits the document. 0: 64 KiB.
	MaxBytes int64
	// Timeout limits one fetch, connection and all. 0: 5 s.
	Timeout time.Duration
	// RefreshAfter is the age at which the keys are fetched again. 0: 5 min.
	RefreshAfter time.Duration
	// RetryAfter is the least time between two fetches, whatever an unknown kid
	// or a failing server asks for. 0: 10 s.
	RetryAfter time.Duration
	// StaleFor is how long keys stay in use after the last good fetch while new
	// fetches fail. A key that was withdrawn may count for as long. 0: 1 h.
	StaleFor time.Duration
}

// Remote follows a JWK Set at a URL: fetched when first needed, again when it
// is old, and once more when a kid is missing, never more often than
// RetryAfter, and by one caller at a time. Redirects and proxies are not
// followed. Safe for concurrent use.
type Remote struct {
	url    string
	cfg    RemoteConfig
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    *PublicKeys
	fetched time.Time     // last good fetch
	tried   time.Time     // last attempt
	flight  chan struct{} // closed when the running fetch is over
	failure error         // of the last attempt
}

var _ KeySource = (*Remote)(nil)

// NewRemote checks the URL and returns a Remote; nothing is fetched yet.
func NewRemote(rawURL string, cfg RemoteConfig) (*Remote, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("jose: the JWKS URL is not an absolute URL without user and fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !cfg.InsecureAllowHTTP) {
		return nil, errors.New("jose: the JWKS URL is not https")
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.Timeout, 5 * time.Second}, {&cfg.RefreshAfter, 5 * time.Minute},
		{&cfg.RetryAfter, 10 * time.Second}, {&cfg.StaleFor, time.Hour},
	} {
		if *d.field < 0 {
			return nil, errors.New("jose: RemoteConfig has a negative duration")
		}
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 64 << 10
	}
	r := &Remote{url: u.String(), cfg: cfg, now: time.Now}
	dialer := &net.Dialer{Timeout: cfg.Timeout}
	if !cfg.AllowPrivate {
		dialer.Control = refusePrivate
	}
	r.client = &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true, // no bomb behind a small body
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

var errPrivateAddress = errors.New("jose: the JWKS URL leads to an address that is not public")

// refusePrivate runs after the name was resolved, for each address that is
// tried, so that no answer of a name server gets around it.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// notPublic are the ranges that netip's predicates leave out.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// PublicKeys returns the current keys, fetching them if that is due. It fails
// when there are none, or the last good ones are older than StaleFor.
func (r *Remote) PublicKeys(ctx context.Context, missing string) (*PublicKeys, error) {
	for {
		r.mu.Lock()
		now := r.now()
		fresh := r.keys != nil && now.Sub(r.fetched) < r.cfg.RefreshAfter
		if fresh && (missing == "" || r.keys.hasVerifying(missing)) || now.Sub(r.tried) < r.cfg.RetryAfter && r.flight == nil {
			defer r.mu.Unlock()
			return r.usable(now)
		}
		wait := r.flight
		if wait == nil {
			wait = make(chan struct{})
			r.flight = wait
			r.tried = now
			go r.refresh(wait)
		}
		// Keys that are merely due stay in use while the fetch runs.
		if missing == "" && r.keys != nil && now.Sub(r.fetched) < r.cfg.RefreshAfter+r.cfg.StaleFor {
			defer r.mu.Unlock()
			return r.keys, nil
		}
		r.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("jose: JWKS: %w", ctx.Err())
		}
	}
}

// usable returns the keys that are held; mu is locked.
func (r *Remote) usable(now time.Time) (*PublicKeys, error) {
	if r.keys == nil || now.Sub(r.fetched) >= r.cfg.RefreshAfter+r.cfg.StaleFor {
		if r.failure != nil {
			return nil, r.failure
		}
		return nil, errors.New("jose: no current JWKS")
	}
	return r.keys, nil
}

// refresh fetches once, for whoever waits, and not longer than Timeout.
func (r *Remote) refresh(done chan struct{}) {
	keys, err := r.fetch()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
	if err == nil {
		r.keys, r.fetched = keys, r.now()
	}
	r.flight = nil
	close(done)
}

func (r *Remote) fetch() (*PublicKeys, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, fmt.Errorf("jose: JWKS: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("jose: JWKS: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jose: JWKS: the server answered %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, r.cfg.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("jose: JWKS: %w", err)
	}
	if int64(len(data)) > r.cfg.MaxBytes {
		return nil, fmt.Errorf("jose: JWKS: the document is over %d bytes", r.cfg.MaxBytes)
	}
	return ParseJWKS(data)
}
