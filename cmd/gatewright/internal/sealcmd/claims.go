package sealcmd

import (
	"strings"
	"time"

	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/jose"
)

// claimFlags are the claims of a strict request.
type claimFlags struct {
	iss, aud, jti, htm, htu string
	lifetime                command.Duration
}

func (f *claimFlags) register(c *command.Call) {
	c.Flags.StringVar(&f.iss, "iss", "", "claim: the client's `id`")
	c.Flags.StringVar(&f.aud, "aud", "", "claim: the bank's `name`")
	c.Flags.StringVar(&f.jti, "jti", "", "claim: the message `id`, as in the MsgId header; a fresh one for \"new\"")
	c.Flags.StringVar(&f.htm, "htm", "", "claim: the HTTP `method`")
	c.Flags.StringVar(&f.htu, "htu", "", "claim: the absolute `URL`")
	f.lifetime = command.Duration(5 * time.Minute)
	c.Flags.Var(&f.lifetime, "lifetime", "how long claims, or a strict account_id, are good for")
}

// make returns nil without claims. Some without the others are refused.
func (f *claimFlags) make() (*jose.Claims, error) {
	all := []string{f.iss, f.aud, f.jti, f.htm, f.htu}
	switch joined := strings.Join(all, ""); {
	case joined == "":
		return nil, nil
	}
	for _, v := range all {
		if v == "" {
			return nil, command.Usage("a strict request has all of -iss, -aud, -jti, -htm and -htu")
		}
	}
	if f.jti == "new" {
		f.jti = jose.NewMsgID()
	}
	now := time.Now().Truncate(time.Second)
	return &jose.Claims{Issuer: f.iss, Audience: f.aud, IssuedAt: now, Expiry: now.Add(time.Duration(f.lifetime)), ID: f.jti, Method: f.htm, URL: f.htu}, nil
}

// claims are named as in the message.
type claims struct {
	Issuer      string    `json:"iss,omitempty"`
	Audience    string    `json:"aud,omitempty"`
	IssuedAt    time.Time `json:"iat,omitzero"`
	Expiry      time.Time `json:"exp,omitzero"`
	ID          string    `json:"jti,omitempty"`
	Method      string    `json:"htm,omitempty"`
	URL         string    `json:"htu,omitempty"`
	InReplyTo   string    `json:"in_reply_to,omitempty"`
	RequestHash string    `json:"request_hash,omitempty"`
	Status      int       `json:"status,omitempty"`
}

func claimsOf(c *jose.Claims) *claims {
	if c == nil {
		return nil
	}
	return &claims{c.Issuer, c.Audience, c.IssuedAt.UTC(), c.Expiry.UTC(), c.ID, c.Method, c.URL, c.InReplyTo, c.RequestHash, c.Status}
}
