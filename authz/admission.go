package authz

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// Demand is what an endpoint asks of a client before anything else.
type Demand struct {
	// Secret demands the client's secret beside its id. A secret that is sent
	// without being demanded must be right all the same.
	Secret bool
	// Basic takes id and secret from HTTP Basic instead of the client headers.
	Basic bool
	// Plain leaves messages as they are, for the one endpoint that is not sealed.
	Plain bool
	// MessageID demands a message id also of a request without a body.
	MessageID bool
}

// Admission is a client that has passed the perimeter. Answer on Writer and call
// Close at the end: what was written is sealed then.
type Admission struct {
	Client  *storage.Client
	Address netip.Addr
	// Certificate is the one presented; nil where there is no mutual TLS.
	Certificate *mtls.Identity
	// Secret tells that the client's secret was shown and is right.
	Secret bool
	// Request is the request with its message opened.
	Request *http.Request
	Writer  http.ResponseWriter

	exchange *jose.Exchange
}

// Close seals and sends what was written. It is to be called once, on a refused
// admission as well.
func (a *Admission) Close() error {
	if a == nil || a.exchange == nil {
		return nil
	}
	return a.exchange.Close()
}

// Discard drops what was written, if Close has not sent it. Defer it: what a
// handler wrote before it panicked must not be sealed as if it were the answer.
func (a *Admission) Discard() {
	if a != nil && a.exchange != nil {
		a.exchange.Discard()
	}
}

// HasPerimeter reports whether clients must pass [Installation.Admit].
func (in *Installation) HasPerimeter() bool { return in.perimeter != nil }

// Admit takes a request through the controls in front of tokens, in this order:
// TLS, the claimed client and its environment, its address list, its
// certificate, its status, its secret, its message, its message id. Until the certificate is
// proven to be the claimed client's, refusals are plain and all alike; from then
// on they belong on the admission's Writer, which seals them. The admission is
// never nil.
func (in *Installation) Admit(w http.ResponseWriter, r *http.Request, d Demand) (*Admission, *Refusal) {
	a := &Admission{Request: r, Writer: w}
	b := in.perimeter
	if b == nil {
		return a, unavailable("perimeter_not_configured", nil)
	}
	if refusal := b.identify(a, r, d); refusal != nil {
		return a, refusal
	}
	// The client is proven: from here on everything is sealed.
	if b.message != nil && !d.Plain {
		if refusal := b.begin(a, w, r); refusal != nil {
			return a, refusal
		}
	}
	return a, b.finish(a, r, d)
}

// identify runs the controls whose refusals must not be told apart.
func (b *perimeter) identify(a *Admission, r *http.Request, d Demand) *Refusal {
	if b.profile.TLSRequired && r.TLS == nil && (b.mtls == nil || !b.mtls.FromProxy(r)) {
		return &Refusal{Status: http.StatusForbidden, Code: "tls_required", Reason: "tls_required", Detail: "Use https."}
	}
	claimed, _, refusal := b.claim(r, d)
	if refusal != nil {
		return refusal
	}
	client, err := b.in.clients.Get(r.Context(), claimed)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return clientRefused("client_unknown")
	case err != nil:
		return unavailable("store_unavailable", err)
	case client.Environment != b.profile.Environment:
		return clientRefused("wrong_environment")
	}
	if b.profile.AddressList {
		if refusal := b.checkAddress(a, r, &client); refusal != nil {
			return refusal
		}
	} else if addr, err := b.clientAddress(r); err == nil {
		a.Address = addr
	}
	if b.mtls != nil {
		identity, err := b.mtls.Check(r)
		if err == nil {
			err = identity.CheckClient(client.ID)
		}
		if err != nil {
			return uniform(err)
		}
		a.Certificate = identity
	}
	a.Client = &client
	return nil
}

func (b *perimeter) checkAddress(a *Admission, r *http.Request, client *storage.Client) *Refusal {
	addr, err := b.address.Resolve(r)
	if err != nil {
		return uniform(err)
	}
	a.Address = addr
	list, err := b.lists.of(client)
	if err == nil {
		err = list.Check(addr)
	}
	if err != nil {
		return uniform(err)
	}
	return nil
}

// uniform hides why a client is not accepted; a failure of our own stays 503.
func uniform(err error) *Refusal {
	refusal := AsRefusal(err)
	if refusal.Status >= 500 {
		return refusal
	}
	hidden := clientRefused(err.Error())
	hidden.Cause = err
	return hidden
}

// claim reads which client a request says it is from, and the secret beside it,
// in each of its readings.
func (b *perimeter) claim(r *http.Request, d Demand) (id string, secrets []string, refusal *Refusal) {
	if d.Basic {
		return b.claimBasic(r)
	}
	ids, secrets := r.Header.Values(b.headers.ClientID), r.Header.Values(b.headers.ClientSecret)
	if len(ids) != 1 || ids[0] == "" || len(secrets) > 1 {
		return "", nil, clientRefused("client_header_missing")
	}
	if len(secrets) == 1 && secrets[0] == "" {
		return "", nil, clientRefused("secret_empty")
	}
	return ids[0], secrets, nil
}

// claimBasic reads HTTP Basic. Credentials ought to be form-encoded (RFC 6749
// section 2.3.1), but many clients, and the bank's own examples, send them raw.
func (b *perimeter) claimBasic(r *http.Request) (id string, secrets []string, refusal *Refusal) {
	id, password, ok := r.BasicAuth()
	if !ok || id == "" || password == "" || len(r.Header["Authorization"]) != 1 {
		return "", nil, clientRefused("authorization_malformed")
	}
	if strings.Contains(id, "%") { // no id has one
		if decoded, err := url.QueryUnescape(id); err == nil {
			id = decoded
		}
	}
	// The header may repeat the id, but not name another.
	if named := r.Header.Values(b.headers.ClientID); len(named) > 1 || len(named) == 1 && named[0] != id {
		return "", nil, clientRefused("client_id_differs")
	}
	secrets = []string{password}
	if strings.ContainsAny(password, "%+") {
		if decoded, err := url.QueryUnescape(password); err == nil && decoded != password && decoded != "" {
			secrets = append(secrets, decoded)
		}
	}
	// A secret in the header on top must be the same one.
	if shown := r.Header.Values(b.headers.ClientSecret); len(shown) > 1 || len(shown) == 1 && !slices.Contains(secrets, shown[0]) {
		return "", nil, clientRefused("secret_differs")
	}
	return id, secrets, nil
}

// standing refuses a client that may not act, or whose organization may not.
func (in *Installation) standing(ctx context.Context, client *storage.Client) *Refusal {
	if !client.ActiveAt(in.cfg.Now()) {
		return clientRefused("client_" + inactiveReason(client))
	}
	organization, err := in.organizations.Get(ctx, client.Organization)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return clientRefused("organization_unknown")
	case err != nil:
		return unavailable("store_unavailable", err)
	case organization.Status != storage.Active:
		return clientRefused("organization_" + organization.Status.String())
	}
	return nil
}

// begin starts the sealed exchange with the proven client.
func (b *perimeter) begin(a *Admission, w http.ResponseWriter, r *http.Request) *Refusal {
	to, err := jose.PublicKeyFromCertificate("", a.Certificate.Certificate)
	if err != nil {
		return uniform(err)
	}
	peer := jose.Peer{ID: a.Client.ID, Encrypt: to, Verify: b.verifying(a.Client)}
	exchange, err := b.message.Begin(w, r, peer)
	if err != nil {
		return unavailable("message_not_configured", err)
	}
	a.exchange, a.Writer = exchange, exchange
	return nil
}

// verifying are the keys of the client's certificates that are good now.
func (b *perimeter) verifying(c *storage.Client) []*jose.PublicKey {
	now := b.in.cfg.Now()
	var keys []*jose.PublicKey
	for i := range c.Certificates {
		stored := &c.Certificates[i]
		if !stored.RevokedAt.IsZero() || !now.Before(stored.NotAfter) || now.Before(stored.NotBefore) {
			continue
		}
		certificate, err := mtls.ParseCertificate(stored.DER)
		if err != nil {
			continue // it was imported by somebody else; nothing verifies with it
		}
		if key, err := jose.PublicKeyFromCertificate(stored.KeyID, certificate); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// finish runs the controls whose refusals the proven client may read.
func (b *perimeter) finish(a *Admission, r *http.Request, d Demand) *Refusal {
	if refusal := b.in.standing(r.Context(), a.Client); refusal != nil {
		return refusal
	}
	_, secrets, refusal := b.claim(r, d)
	if refusal != nil {
		return refusal
	}
	if d.Secret || len(secrets) > 0 {
		if refusal := b.in.ProveSecret(r.Context(), a.Client, a.Client.ID, secrets, a.Address.String()); refusal != nil {
			return refusal
		}
		a.Secret = true
	}
	if a.exchange != nil {
		opened, err := a.exchange.Open()
		if err != nil {
			return messageRefused(err)
		}
		a.Request = opened
	}
	if d.MessageID {
		if refusal := b.demandMessageID(a); refusal != nil {
			return refusal
		}
	}
	b.in.Used(a.Client.ID)
	return nil
}

// demandMessageID spends the message id of a request that had no message to
// spend it.
func (b *perimeter) demandMessageID(a *Admission) *Refusal {
	if _, opened := jose.FromContext(a.Request.Context()); opened || a.exchange == nil {
		return nil
	}
	id := a.exchange.MsgID()
	if id == "" {
		return &Refusal{Status: http.StatusBadRequest, Code: "message_id_required", Reason: "message_id_missing", Detail: "Send a fresh message id in the MsgId header."}
	}
	err := b.spend(a.Request.Context(), a.Client.ID, id, b.in.cfg.Now().Add(messageIDWindow))
	switch {
	case errors.Is(err, jose.ErrReplayed):
		return &Refusal{Status: http.StatusConflict, Code: "message_replayed", Reason: "message_replayed", Detail: messageDetail("message_replayed")}
	case err != nil:
		return unavailable("store_unavailable", err)
	}
	return nil
}

// messageRefused is a refusal by package jose, with a sentence for the caller.
func messageRefused(err error) *Refusal {
	refusal := AsRefusal(err)
	refusal.Reason = "message_" + string(jose.ReasonOf(err))
	refusal.Detail = messageDetail(refusal.Code)
	return refusal
}

// messageDetail says what to do about a refused message. Everything that depends
// on keys, ciphertext or signature is one code, and so one sentence.
func messageDetail(code string) string {
	switch code {
	case "message_replayed":
		return "This message id was used before. Send every request, retries too, under a new one."
	case "message_id_invalid":
		return "Send one message id, in one header line: 1 to 128 visible ASCII characters, new for every request."
	case "message_too_large":
		return "The sealed message is over the limit. Send less in one message."
	case "unsupported_media_type":
		return "Send the sealed message as application/json, in one Content-Type header and without a content encoding."
	case "temporarily_unavailable":
		return "The message could not be checked right now. Try again in a moment, under a new message id."
	}
	return "The message is not accepted. Sign the JSON with your key, encrypt it to the bank's, and send both in the general JSON serialization."
}
