package jose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Peer is the authenticated client of one request.
type Peer struct {
	// ID is the client's id. Required.
	ID string
	// Verify are the client's active keys; a message of its must be signed with
	// one of them. At most 16. Empty: nothing that it sends is opened.
	Verify []*PublicKey
	// Encrypt is the key of the certificate that was presented on this request:
	// the answer is encrypted to it. Required.
	Encrypt *PublicKey
	// Binding overrides ServerConfig.Binding for this client, so that clients
	// can move from one profile to the other one by one. Zero: no override.
	Binding Binding
}

func (p *Peer) check() error {
	if p.ID == "" || p.Encrypt == nil || p.Encrypt.use == UseSignature {
		return errors.New("jose: the resolver named no client, or no key to answer to")
	}
	return nil
}

// ServerConfig configures a [Server]. [Bank] returns one with the bank's values.
type ServerConfig struct {
	// Keys are the bank's own. Required.
	Keys *Keyring
	// Binding is the profile. Required.
	Binding Binding
	// Resolve returns the client of a request, proven by then to be whom it
	// claims to be (by its certificate). While it fails, refusals are plain and
	// no key is used; its error goes to Refuse as it is. Required for
	// [Server.Handler]; a host that calls [Server.Begin] itself needs none.
	Resolve func(*http.Request) (Peer, error)
	// Spend marks a message id of a client as used until the given time, in
	// one atomic step that holds on every instance. It returns an error that is
	// [ErrReplayed] if the id was used before; any other error means that the
	// store did not answer. It runs only for messages that were opened and
	// verified, before the handler does. Required.
	Spend func(ctx context.Context, client, msgID string, until time.Time) error

	// Issuer is the bank's name in claims: the aud of requests and the iss of
	// responses. Required for Strict.
	Issuer string
	// Origin is scheme and host that clients call, for htu, for example
	// "https://api.example.com". Required for Strict.
	Origin string
	// TargetURL overrides Origin where a proxy rewrites paths: it returns the
	// absolute URL that the client called.
	TargetURL func(*http.Request) string

	// AcceptFlattened accepts the flattened serialization in requests.
	AcceptFlattened bool
	// MsgIDHeader is the header of the message id. "": [DefaultMsgIDHeader].
	MsgIDHeader string
	// MsgIDOptional says for which sealed requests of the compatible profile
	// the message id may be absent; those can be replayed. Nil: for none.
	MsgIDOptional func(*http.Request) bool
	// MsgIDWindow is how long an id stays used. 0: 24 h.
	MsgIDWindow time.Duration
	// MaxRequest limits the sealed request body, in bytes. 0: [DefaultMaxMessage].
	MaxRequest int
	// MaxResponse limits the response before sealing, in bytes. 0: 8 MiB.
	MaxResponse int
	// Skew is the difference between clocks that is forgiven. 0: 1 min.
	Skew time.Duration
	// Lifetime is exp minus iat: of responses, and at most of requests. 0: 5 min.
	Lifetime time.Duration

	// Refuse writes a refusal. The writer seals what it writes from the moment
	// the client is proven. The error has Refusal() (status int, code string)
	// unless the resolver's own has not. Nil: application/problem+json with
	// the code, and the cause to Logger.
	Refuse func(http.ResponseWriter, *http.Request, error)
	// Logger receives causes where Refuse is nil. Nil: slog.Default().
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Bank returns the configuration for the bank's documented message profile:
// general serialization only, the MsgId header alone as binding, required on
// every sealed request and used for 24 hours, 2 MiB a message. The caller adds
// Spend, and Resolve for use as middleware; to bind messages as well, Binding
// Strict with Issuer and Origin.
func Bank(keys *Keyring) ServerConfig {
	return ServerConfig{
		Keys:        keys,
		Binding:     Compatible,
		MsgIDHeader: DefaultMsgIDHeader,
		MsgIDWindow: 24 * time.Hour,
		MaxRequest:  DefaultMaxMessage,
	}
}

// Server opens requests and seals responses. Safe for concurrent use.
type Server struct {
	cfg ServerConfig
}

// NewServer checks the configuration, fills in defaults, and names the field
// that is wrong in its error.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Keys.state() == nil {
		return nil, errors.New("jose: ServerConfig.Keys is missing")
	}
	if cfg.Binding != Compatible && cfg.Binding != Strict {
		return nil, errors.New("jose: ServerConfig.Binding is neither Compatible nor Strict")
	}
	if cfg.Spend == nil {
		return nil, errors.New("jose: ServerConfig.Spend is missing")
	}
	if cfg.Origin != "" {
		u, err := url.Parse(cfg.Origin)
		if err != nil || normalURL(cfg.Origin) == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery {
			return nil, errors.New("jose: ServerConfig.Origin is not scheme and host alone")
		}
		cfg.Origin = normalURL(cfg.Origin)
		cfg.Origin = cfg.Origin[:len(cfg.Origin)-1]
	}
	if cfg.Binding == Strict {
		if cfg.Issuer == "" {
			return nil, errors.New("jose: ServerConfig.Issuer is missing for the strict profile")
		}
		if cfg.Origin == "" && cfg.TargetURL == nil {
			return nil, errors.New("jose: ServerConfig.Origin is missing for the strict profile")
		}
	}
	if cfg.MsgIDHeader == "" {
		cfg.MsgIDHeader = DefaultMsgIDHeader
	}
	if err := positive("ServerConfig.MsgIDWindow", &cfg.MsgIDWindow, 24*time.Hour); err != nil {
		return nil, err
	}
	if err := positive("ServerConfig.MaxRequest", &cfg.MaxRequest, DefaultMaxMessage); err != nil {
		return nil, err
	}
	if err := positive("ServerConfig.MaxResponse", &cfg.MaxResponse, 8<<20); err != nil {
		return nil, err
	}
	if err := positive("ServerConfig.Skew", &cfg.Skew, time.Minute); err != nil {
		return nil, err
	}
	if err := positive("ServerConfig.Lifetime", &cfg.Lifetime, 5*time.Minute); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Refuse == nil {
		cfg.Refuse = (&problemWriter{log: cfg.Logger}).refuse
	}
	return &Server{cfg: cfg}, nil
}

// positive fills in a default for zero and refuses less.
func positive[N ~int | ~int64](field string, v *N, fallback N) error {
	if *v < 0 {
		return fmt.Errorf("jose: %s is negative", field)
	}
	if *v == 0 {
		*v = fallback
	}
	return nil
}

// Handler opens the requests to next and seals its responses, refusals and
// error bodies included. Bodies of POST, PUT and PATCH must be sealed, and so
// must any body of another method; the handler reads the verified payload and
// finds the message with [FromContext]. A response without a body stays empty.
//
// The writer that next gets keeps the whole response until next returns:
// flushing, hijacking, pushing and trailers are not there, and net/http reports
// them as unsupported.
func (s *Server) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, err := s.begin(w, r)
		if err != nil {
			s.cfg.Refuse(w, r, err)
			return
		}
		defer x.Discard()
		opened, err := x.Open()
		if err != nil {
			s.cfg.Refuse(x, r, err)
		} else {
			next.ServeHTTP(x, opened)
		}
		if err := x.Close(); err != nil {
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "sealed response not sent",
				slog.String("client", x.peer.ID), slog.Any("error", err))
		}
	})
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) (*Exchange, error) {
	if s.cfg.Resolve == nil {
		return nil, errors.New("jose: ServerConfig.Resolve is missing")
	}
	peer, err := s.cfg.Resolve(r)
	if err != nil {
		return nil, err
	}
	return s.Begin(w, r, peer)
}

// binding is the profile that holds for a client.
func (s *Server) binding(p *Peer) Binding {
	if p.Binding != 0 {
		return p.Binding
	}
	return s.cfg.Binding
}

// target is the absolute URL that the client called, in normal form, or "".
func (s *Server) target(r *http.Request) string {
	if s.cfg.TargetURL != nil {
		return normalURL(s.cfg.TargetURL(r))
	}
	if s.cfg.Origin == "" {
		return ""
	}
	// RequestURI is as the client wrote it; r.URL may have lost a prefix.
	path := r.RequestURI
	if path == "" || path[0] != '/' {
		path = r.URL.RequestURI()
	}
	return normalURL(s.cfg.Origin + path)
}

// covers reports whether a method's body must be sealed, even if it is empty.
func covers(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

type messageKey struct{}

// FromContext returns the message that the request of this context carried. A
// request without a body has none.
func FromContext(ctx context.Context) (*Message, bool) {
	m, ok := ctx.Value(messageKey{}).(*Message)
	return m, ok
}
