package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http/httptrace"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// leaf keeps the names short in closures.
type leaf = mtlstest.Leaf

// branches is the least that a client can ask for.
func (c *caller) branches(ctx context.Context, headers ...string) (answer, error) {
	return c.send(ctx, "GET", "/branches", nil, headers...)
}

// nobody is the answer to a client id that does not exist: every refusal before
// the certificate is proven to be the client's has to look like it.
func (v *visitor) nobody(ctx context.Context) (answer, error) {
	a, err := v.partner.branches(ctx, "X-IBM-Client-Id", "nobody-0000000000000000")
	if err == nil {
		err = a.Want(401, "invalid_client")
	}
	if err == nil && a.sealed {
		err = errors.New("a refusal was sealed to a client that is not proven")
	}
	return a, err
}

// likeNobody checks that an answer is the one to an unknown client id.
func (v *visitor) likeNobody(ctx context.Context, a answer, err error) (string, error) {
	if err != nil {
		return "", err
	}
	nobody, err := v.nobody(ctx)
	if err != nil {
		return "", err
	}
	said, err := alike(nobody, a)
	return said, err
}

// addresses: a client calls from where it said it would, and only the connection
// tells where that is.
func (v *visitor) addresses(ctx context.Context) {
	var g *guest
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	v.Step("an address that is not on the client's list is refused", func() (_ string, err error) {
		if g, err = v.invite(ctx, nil); err != nil {
			return "", err
		}
		a, err := g.branches(ctx)
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		if _, err := v.keys.SetAddresses(ctx, g.host(), g.keys.ClientID, elsewhere); err != nil {
			return "", err
		}
		a, err = g.branches(ctx)
		return v.likeNobody(ctx, a, err)
	})
	if g == nil {
		return
	}
	v.Step("and so it is if it writes a listed one into every header there is", func() (string, error) {
		refusals := make([]answer, 0, 8)
		for _, spoof := range [][]string{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.1, 192.0.2.1"}, {"X-Real-IP", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"},
			{"True-Client-IP", "192.0.2.1"}, {"X-Client-IP", "192.0.2.1"}, {"CF-Connecting-IP", "192.0.2.1"}} {
			a, err := g.branches(ctx, spoof...)
			if err != nil {
				return "", err
			}
			refusals = append(refusals, a)
		}
		nobody, err := v.nobody(ctx)
		if err != nil {
			return "", err
		}
		return alike(append(refusals, nobody)...)
	})
	v.Step("a listed client is not locked out by what it writes there", func() (string, error) {
		a, err := v.partner.branches(ctx, "X-Forwarded-For", "192.0.2.1")
		return "200", errors.Join(err, a.Want(200, ""))
	})
}

// certificates: one that is registered for this client, good, and not revoked.
func (v *visitor) certificates(ctx context.Context) {
	as := func(pair *tls.Certificate) (*caller, error) { return v.partner.with(pair) }
	v.Step("without a certificate nobody gets in", func() (string, error) {
		c, err := as(nil)
		if err != nil {
			return "", err
		}
		err = c.handshake(ctx)
		var away *turnedAway
		if errors.As(err, &away) {
			return away.Error(), nil
		}
		if err != nil || !v.proxied() {
			return "", fmt.Errorf("it was let in: %w", err)
		}
		a, err := c.branches(ctx) // a proxy may connect without one, but not ask for anything
		return v.likeNobody(ctx, a, err)
	})
	v.Step("another client's certificate is refused exactly as an unknown client id is", func() (string, error) {
		c, err := as(v.stranger.pair)
		if err != nil {
			return "", err
		}
		a, err := c.branches(ctx)
		if _, err := v.likeNobody(ctx, a, err); err != nil {
			return "", err
		}
		// At the token endpoint too, with a message that is sealed as it should be.
		wrong, err := c.ask(ctx, "send_money", forAccount(v.partner.keys.AccountID))
		if err != nil {
			return "", err
		}
		unknown, err := v.partner.ask(ctx, "send_money", forAccount(v.partner.keys.AccountID), "X-IBM-Client-Id", "nobody-0000000000000000")
		if err != nil {
			return "", err
		}
		said, err := alike(unknown, wrong)
		return "the same to the byte, at the routes and at the token endpoint: " + said, errors.Join(err, unknown.Want(401, "invalid_client"))
	})
	v.Step("the client's certificate copied into a header, by somebody who has not its key", func() (string, error) {
		c, err := as(v.stranger.pair)
		if err != nil {
			return "", err
		}
		var refusals []answer
		for _, name := range []string{"Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert"} {
			value := mtlstest.ClientCertHeader(v.partner.pair.Leaf)
			if name != "Client-Cert" {
				value = mtlstest.EscapedPEMHeader(v.partner.pair.Leaf)
			}
			a, err := c.branches(ctx, name, value)
			if err != nil {
				return "", err
			}
			refusals = append(refusals, a)
		}
		nobody, err := v.nobody(ctx)
		if err != nil {
			return "", err
		}
		return alike(append(refusals, nobody)...)
	})
	turned := func(name string, l leaf) {
		v.Step(name, func() (string, error) {
			pair, err := v.vault.CA().Issue(l)
			if err != nil {
				return "", err
			}
			c, err := v.partner.withPair(pair)
			if err != nil {
				return "", err
			}
			return v.turnedAway(ctx, c)
		})
	}
	name := v.partner.pair.Leaf.Subject.CommonName
	turned("a certificate that is not registered, of the same authority and by the same name", leaf{CommonName: name, Key: mtlstest.RSA2048})
	turned("one that its owner has signed itself", leaf{CommonName: name, Key: mtlstest.RSA2048, SelfSigned: true})
	v.weak(ctx)
	v.expiring(ctx)
	v.revoked(ctx)
}

func (v *visitor) turnedAway(ctx context.Context, c *caller) (string, error) {
	err := c.handshake(ctx)
	var away *turnedAway
	if !errors.As(err, &away) {
		return "", fmt.Errorf("it was let in: %w", err)
	}
	return away.Error(), nil
}

// weak: a key of 1024 bits cannot be registered, and is turned away.
func (v *visitor) weak(ctx context.Context) {
	v.refusedTwice(ctx, "a certificate with an RSA key of 1024 bits", leaf{Key: mtlstest.RSA1024})
	past := time.Now().Add(-2 * time.Hour)
	v.refusedTwice(ctx, "a certificate that has expired", leaf{Key: mtlstest.RSA2048, NotBefore: past, NotAfter: past.Add(time.Hour)})
}

func (v *visitor) refusedTwice(ctx context.Context, name string, l leaf) {
	v.Step(name+" is not registered for anybody, and turned away", func() (string, error) {
		l.CommonName = v.partner.pair.Leaf.Subject.CommonName
		pair, err := v.vault.CA().Issue(l)
		if err != nil {
			return "", err
		}
		err = v.certify(ctx, v.partner.keys.ClientID, "partner", pair.Certificate)
		var refused *admin.Refused
		if !errors.As(err, &refused) || refused.Code != "certificate_refused" {
			return "", fmt.Errorf("registering it: %w", err)
		}
		c, err := v.partner.withPair(pair)
		if err != nil {
			return "", err
		}
		said, err := v.turnedAway(ctx, c)
		return refused.Code + "; " + said, err
	})
}

// expiring: a registered certificate that ends while its connection is open.
func (v *visitor) expiring(ctx context.Context) {
	v.Step("a certificate that expires while the client is connected", func() (string, error) {
		g, err := v.invite(ctx, nil)
		if err != nil {
			return "", err
		}
		brief, err := v.vault.CA().Issue(leaf{CommonName: g.organization + ".example", PrivateKey: g.pair.Key, NotAfter: time.Now().Add(3 * time.Second)})
		if err != nil {
			return "", err
		}
		if err := v.certify(ctx, g.keys.ClientID, g.organization, brief.Certificate); err != nil {
			return "", err
		}
		c, err := g.withPair(brief)
		if err != nil {
			return "", err
		}
		a, err := c.branches(ctx)
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", fmt.Errorf("while it is good: %w", err)
		}
		time.Sleep(time.Until(brief.Certificate.NotAfter) + 1100*time.Millisecond)
		said, err := v.onTheSameConnection(ctx, c)
		if err != nil {
			return "", err
		}
		fresh, err := g.withPair(brief)
		if err != nil {
			return "", err
		}
		away, err := v.turnedAway(ctx, fresh)
		return "the next request: " + said + "\n    a new connection: " + away, err
	})
}

// revoked: a revocation ends what is open already.
func (v *visitor) revoked(ctx context.Context) {
	v.Step("a certificate that is revoked while the client is connected", func() (string, error) {
		g, err := v.invite(ctx, nil)
		if err != nil {
			return "", err
		}
		a, err := g.branches(ctx)
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", fmt.Errorf("while it is good: %w", err)
		}
		if _, err := v.keys.RevokeCertificate(ctx, g.host(), g.keys.ClientID, mtls.ThumbprintOf(g.pair.Certificate)); err != nil {
			return "", err
		}
		said, err := v.onTheSameConnection(ctx, g.caller)
		if err != nil {
			return "", err
		}
		fresh, err := g.withPair(g.pair)
		if err != nil {
			return "", err
		}
		away, err := v.turnedAway(ctx, fresh)
		return "the next request: " + said + "\n    a new connection: " + away, err
	})
}

// onTheSameConnection makes another request, which has to be refused as that of
// an unknown client is.
func (v *visitor) onTheSameConnection(ctx context.Context, c *caller) (string, error) {
	reused := false
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
	a, err := c.branches(httptrace.WithClientTrace(ctx, trace))
	if err == nil && !reused {
		err = errors.New("it made another connection; the step tells nothing")
	}
	return v.likeNobody(ctx, a, err)
}
