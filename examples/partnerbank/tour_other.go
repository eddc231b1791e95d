package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/jose"
)

// beside opens another bank over the same data, with other settings, and lets a
// visitor in who tells in this tour.
func (v *visitor) beside(ctx context.Context, change func(*settings)) (*visitor, func() error, error) {
	s := *v.settings
	s.public = ""
	change(&s)
	web, err := example.Listen("127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	other, err := v.house.open(ctx, &s, web)
	if err != nil {
		return nil, nil, err
	}
	o, err := newVisitor(other)
	if err != nil {
		return nil, nil, errors.Join(err, other.close())
	}
	o.Tour = v.Tour
	return o, other.close, nil
}

// strictly: the strict profile ties a message to its exchange.
func (v *visitor) strictly(ctx context.Context) (err error) {
	o, end := v, func() error { return nil }
	if v.binding != jose.Strict {
		if o, end, err = v.beside(ctx, func(s *settings) { s.binding = jose.Strict }); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, end()) }()
	p := o.partner
	const path = "/customers/1234xxxxxx567/beneficiaries"
	bearer, tokenErr := p.bearer(ctx, p.keys.AccountID)
	refused := func(name string, send func(captured []byte, id string) (answer, error)) {
		v.Step("strict profile: "+name, func() (string, error) {
			id := jose.NewMsgID()
			captured, err := p.seal("POST", path, id, `{"name":"Ada"}`)
			if err := errors.Join(err, tokenErr); err != nil {
				return "", err
			}
			a, err := send(captured, id)
			if err := errors.Join(err, a.Want(400, "message_invalid")); err != nil {
				return "", err
			}
			a, err = p.send(ctx, "POST", path, captured, append([]string{"MsgId", id}, bearer...)...)
			return "400 message_invalid; where it belongs: 201", errors.Join(err, a.Want(201, ""))
		})
	}
	refused("a captured body under a new MsgId", func(captured []byte, _ string) (answer, error) {
		return p.send(ctx, "POST", path, captured, append([]string{"MsgId", jose.NewMsgID()}, bearer...)...)
	})
	refused("a captured body on another path", func(captured []byte, id string) (answer, error) {
		return p.send(ctx, "POST", "/customers/1234xxxxxx567/transfers", captured, append([]string{"MsgId", id, "Idempotency-Key", id}, bearer...)...)
	})
	refused("a captured body with a query added", func(captured []byte, id string) (answer, error) {
		return p.send(ctx, "POST", path+"?urgent=1", captured, append([]string{"MsgId", id}, bearer...)...)
	})
	refused("a message without claims", func([]byte, string) (answer, error) {
		loose := *p.creds
		loose.Binding = jose.Compatible.String()
		other := *p
		other.creds = &loose
		return other.call(ctx, "POST", path, `{"name":"Ada"}`, bearer...)
	})
	v.Step("strict profile: an honest client notices nothing", func() (string, error) {
		a, err := p.honestly(ctx, p.application(p.keys.AccountID), "POST", "customers/1234xxxxxx567/beneficiaries", `{"name":"Ada"}`)
		return "201", errors.Join(err, a.Want(201, ""))
	})
	return nil
}

// elsewhere: credentials belong to one environment.
func (v *visitor) elsewhere(ctx context.Context) (err error) {
	name := authz.UAT
	if v.environment == authz.UAT {
		name = authz.Production
	}
	o, end, err := v.beside(ctx, func(s *settings) { s.environment = name })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	at := func(to *visitor, from *visitor) (*caller, error) {
		c := *from.partner
		c.creds, c.bank = to.partner.creds, to.partner.bank
		return c.with(from.partner.pair)
	}
	v.Step(fmt.Sprintf("credentials of %s in %s, and the other way round", name, v.environment), func() (string, error) {
		for _, way := range [][2]*visitor{{v, o}, {o, v}} {
			to, from := way[0], way[1]
			c, err := at(to, from)
			if err != nil {
				return "", err
			}
			if _, err := to.turnedAway(ctx, c); err != nil {
				return "", err
			}
			// With a certificate that is good here, the client id is nobody's.
			c, err = c.with(to.partner.pair)
			if err != nil {
				return "", err
			}
			a, err := c.branches(ctx, "X-IBM-Client-Secret", from.partner.keys.ClientSecret)
			if _, err := to.likeNobody(ctx, a, err); err != nil {
				return "", err
			}
			a, err = to.partner.branches(ctx, "X-IBM-Client-Secret", from.partner.keys.ClientSecret)
			if err := errors.Join(err, a.Want(401, "invalid_client")); err != nil {
				return "", err
			}
		}
		return "the certificate is turned away, the client id unknown, the secret wrong", nil
	})
	v.Step("a token of one environment in the other", func() (string, error) {
		bearer, err := o.partner.bearer(ctx, o.partner.keys.AccountID)
		if err != nil {
			return "", err
		}
		masked, err := client.Mask(v.partner.keys.AccountID)
		if err != nil {
			return "", err
		}
		path := "/customers/" + masked + "/beneficiaries"
		if _, err := o.partner.want(ctx, 200, "", "GET", path, "", bearer...); err != nil {
			return "", err
		}
		_, err = v.partner.want(ctx, 401, "invalid_token", "GET", path, "", bearer...)
		return "200 where it comes from, 401 invalid_token here", err
	})
	return nil
}
