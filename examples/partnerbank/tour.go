package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// visitor plays the story. What it does to the bank it does as a client; the
// bank's own people, who register, suspend and revoke, are played with the
// bank's administration.
type visitor struct {
	*example.Tour
	*bank
	partner, internal, stranger *caller
}

func newVisitor(b *bank) (*visitor, error) {
	v := &visitor{Tour: example.NewTour(os.Stdout), bank: b}
	for name, c := range map[string]**caller{"partner": &v.partner, "internal": &v.internal, "stranger": &v.stranger} {
		var err error
		if *c, err = newCaller(&b.credentials, name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// tour plays the whole story over real connections.
func tour(ctx context.Context, b *bank) error {
	v, err := newVisitor(b)
	if err != nil {
		return err
	}
	if b.sandbox() {
		return errors.Join(v.inTheSandbox(ctx), v.Err())
	}
	v.honestClients(ctx)
	v.documentedSamples(ctx)
	v.transfers(ctx)
	v.addresses(ctx)
	v.certificates(ctx)
	v.messages(ctx)
	v.replay(ctx)
	v.tokenRequests(ctx)
	v.boundTokens(ctx)
	v.twins(ctx)
	v.standing(ctx)
	if err := v.strictly(ctx); err != nil {
		return err
	}
	if err := v.elsewhere(ctx); err != nil {
		return err
	}
	return v.Err()
}

// guest is one more partner, for what would do harm to the others.
type guest struct {
	*caller
	organization string
	pair         *mtlstest.Pair
}

// host is the bank's own people, at the guest's record.
func (g *guest) host() admin.Actor { return admin.Host().In(g.organization) }

// invite registers a guest with an account of its own.
func (v *visitor) invite(ctx context.Context, change func(*registration, *mtlstest.Leaf)) (*guest, error) {
	number := fmt.Sprintf("55%011d", rand.Int64N(1e11))
	r := registration{name: "guest-" + number[5:], kind: authz.Partner, accounts: []string{number}, products: partnerAccess}
	leaf := mtlstest.Leaf{CommonName: r.name + ".example", Key: mtlstest.RSA2048}
	if change != nil {
		change(&r, &leaf)
	}
	own := *v.partner
	if err := v.book.open(ctx, r); err != nil {
		return nil, err
	}
	var err error
	if v.sandbox() {
		own.keys, err = v.register(ctx, r, nil)
		return &guest{&own, r.name, nil}, err
	}
	pair, err := v.vault.CA().Issue(leaf)
	if err != nil {
		return nil, err
	}
	if own.keys, err = v.register(ctx, r, &bankdemo.ClientFiles{Pair: pair}); err != nil {
		return nil, err
	}
	with, err := own.withPair(pair)
	return &guest{with, r.name, pair}, err
}

// alike checks that refusals cannot be told apart, and says what they are.
func alike(refusals ...answer) (string, error) {
	for _, a := range refusals[1:] {
		if err := a.Same(refusals[0].Answer); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d %s", refusals[0].Status, strings.TrimSpace(string(refusals[0].Body))), nil
}
