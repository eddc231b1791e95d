package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/jose"
)

// forgery makes the body of a request for a payload.
type forgery struct {
	name string
	make func(payload string) (string, error)
}

// forgeries are messages that are wrong in one thing each.
func (v *visitor) forgeries() []forgery {
	p := v.partner
	nested := func(sign gojose.SignatureAlgorithm, alg gojose.KeyAlgorithm, enc gojose.ContentEncryption) func(string) (string, error) {
		return func(payload string) (string, error) {
			signed, err := p.sign(sign, payload)
			if err != nil {
				return "", err
			}
			return p.encrypt(alg, enc, signed)
		}
	}
	encrypted := func(content string) (string, error) { return p.encrypt(rightKey, rightContent, content) }
	return []forgery{
		{"plain JSON", func(payload string) (string, error) { return payload, nil }},
		{"a bare JWS", func(payload string) (string, error) { return p.sign(rightSignature, payload) }},
		{"encrypted but not signed", encrypted},
		{"signed by another client", func(payload string) (string, error) {
			signed, err := v.stranger.sign(rightSignature, payload)
			if err != nil {
				return "", err
			}
			return encrypted(signed)
		}},
		{"encrypted, then signed", func(payload string) (string, error) {
			inner, err := encrypted(payload)
			if err != nil {
				return "", err
			}
			return p.sign(rightSignature, inner)
		}},
		{"changed algorithm: signed PS256", nested(gojose.PS256, rightKey, rightContent)},
		{"changed algorithm: signed RS512", nested(gojose.RS512, rightKey, rightContent)},
		{"changed algorithm: signature none", func(payload string) (string, error) { return encrypted(p.unsigned(payload)) }},
		{"changed algorithm: key encryption RSA-OAEP", nested(rightSignature, gojose.RSA_OAEP, rightContent)},
		{"changed algorithm: content encryption A256GCM", nested(rightSignature, rightKey, gojose.A256GCM)},
		{"encrypted to another key than the bank's", func(payload string) (string, error) {
			other := *p
			keys, err := jose.NewPublicKey(p.bank.Encrypting()[0].KeyID(), &v.stranger.pair.PrivateKey.(*rsa.PrivateKey).PublicKey)
			if err != nil {
				return "", err
			}
			if other.bank, err = jose.NewPublicKeys(keys); err != nil {
				return "", err
			}
			signed, err := p.sign(rightSignature, payload)
			if err != nil {
				return "", err
			}
			return other.encrypt(rightKey, rightContent, signed)
		}},
	}
}

// messages: signed, then encrypted, with these keys and these algorithms.
func (v *visitor) messages(ctx context.Context) {
	p := v.partner
	masked, err := client.Mask(p.keys.AccountID)
	if err != nil {
		return
	}
	path := "/customers/" + masked + "/beneficiaries"
	token, err := p.bearer(ctx, p.keys.AccountID)
	post := func(message, id string) (answer, error) {
		return p.send(ctx, "POST", path, []byte(message), append([]string{"MsgId", id}, token...)...)
	}
	var first *answer
	for _, f := range v.forgeries() {
		v.Step("refused: "+f.name, func() (string, error) {
			message, makeErr := f.make(`{"name":"Eve"}`)
			if err := errors.Join(err, makeErr); err != nil {
				return "", err
			}
			// The MsgId of a refused message is not spent: the honest one uses it.
			id := jose.NewMsgID()
			a, err := post(message, id)
			if err := errors.Join(err, a.Want(400, "message_invalid")); err != nil {
				return "", err
			}
			if !a.sealed {
				return "", errors.New("the refusal is not sealed")
			}
			if first != nil && string(first.Body) != string(a.Body) {
				return "", fmt.Errorf("it looks different from the others: %s", a.Body)
			}
			first = &a
			honest, err := p.call(ctx, "POST", path, `{"name":"Grace"}`, append([]string{"MsgId", id}, token...)...)
			return "400 message_invalid, sealed, the same for all; its MsgId is still good", errors.Join(err, honest.Want(201, ""))
		})
	}
	if p.creds.Binding != jose.Compatible.String() {
		return // go-jose knows nothing of the claims of the strict profile
	}
	v.Step("made by the same hand with nothing wrong, it is accepted", func() (string, error) {
		signed, err := p.sign(rightSignature, `{"name":"Grace"}`)
		if err != nil {
			return "", err
		}
		message, err := p.encrypt(rightKey, rightContent, signed)
		if err != nil {
			return "", err
		}
		a, err := post(message, jose.NewMsgID())
		return "201", errors.Join(err, a.Want(201, ""))
	})
}

// replay: a MsgId is good for one message.
func (v *visitor) replay(ctx context.Context) {
	p := v.partner
	body := `{"grant_type":"client_credentials","scope":"send_money","oauth_metadata":` + forAccount(p.keys.AccountID) + `}`
	v.Step("a captured request that is sent again is refused", func() (string, error) {
		id := jose.NewMsgID()
		captured, err := p.seal("POST", "/partner_auth/token", id, body)
		if err != nil {
			return "", err
		}
		send := func() (answer, error) {
			return p.send(ctx, "POST", "/partner_auth/token", captured, "X-IBM-Client-Secret", p.keys.ClientSecret, "MsgId", id)
		}
		a, err := send()
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		a, err = send()
		return "200, then 409 message_replayed", errors.Join(err, a.Want(409, "message_replayed"))
	})
	v.Step("another message under a used MsgId is refused, and the same MsgId of another client is not", func() (string, error) {
		id := jose.NewMsgID()
		for _, try := range []struct {
			c      *caller
			status int
			code   string
		}{{p, 200, ""}, {p, 409, "message_replayed"}, {v.stranger, 200, ""}} {
			a, err := try.c.ask(ctx, "send_money", forAccount(try.c.keys.AccountID), "MsgId", id)
			if err := errors.Join(err, a.Want(try.status, try.code)); err != nil {
				return "", err
			}
		}
		return "409 message_replayed; 200", nil
	})
	v.Step("a request without a MsgId is refused", func() (string, error) {
		message, err := p.seal("POST", "/partner_auth/token", jose.NewMsgID(), body)
		if err != nil {
			return "", err
		}
		a, err := p.send(ctx, "POST", "/partner_auth/token", message, "X-IBM-Client-Secret", p.keys.ClientSecret)
		return "400 message_id_invalid", errors.Join(err, a.Want(400, "message_id_invalid"))
	})
}
