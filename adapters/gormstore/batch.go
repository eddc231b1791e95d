package gormstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// batch is a set of commands on its way through one transaction. All batches
// take their locks in one order, artifacts, grants, new rows, changes, and rows of
// a kind by their key, so that two of them do not wait for each other.
//
// Commands are decided in Go on rows that are locked, one after the other as
// they came, so that two that want the same thing can be in one batch.
type batch struct {
	ctx     context.Context
	session *session

	rotations   []*rotate
	ends        []*endGrant
	redemptions []*redeem
	creates     []*createGrant
	puts        []*putArtifact
	claims      []*claim
	touches     []*touch
	appends     []*appendEvents

	grants    map[storage.ID]*grantState
	artifacts map[artifactKey]*artifactState
	standing  *standing
}

type artifactKey struct {
	kind storage.ArtifactKind
	key  string
}

func newBatch(ctx context.Context, s *session, commands []command) *batch {
	b := &batch{ctx: ctx, session: s}
	for _, c := range commands {
		c.shared().err = nil // of an attempt that was undone
		switch c := c.(type) {
		case *rotate:
			b.rotations = append(b.rotations, c)
		case *endGrant:
			b.ends = append(b.ends, c)
		case *redeem:
			b.redemptions = append(b.redemptions, c)
		case *createGrant:
			b.creates = append(b.creates, c)
		case *putArtifact:
			b.puts = append(b.puts, c)
		case *claim:
			b.claims = append(b.claims, c)
		case *touch:
			b.touches = append(b.touches, c)
		case *appendEvents:
			b.appends = append(b.appends, c)
		default:
			panic(fmt.Sprintf("gormstore: %T is no command of a batch", c))
		}
	}
	return b
}

// direct reports whether the commands are a single statement, which needs no
// transaction around it.
func direct(d dialect, commands []command) bool {
	first := commands[0]
	switch first.(type) {
	case *putArtifact, *createGrant:
	default:
		return false
	}
	if len(commands) > 1 && d != postgres {
		return false
	}
	for _, c := range commands {
		switch c.(type) {
		case *putArtifact:
			if _, ok := first.(*putArtifact); !ok {
				return false
			}
		case *createGrant:
			if _, ok := first.(*createGrant); !ok {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// runBatch carries out commands in the session's transaction. Errors of single
// commands are left in them; an error that is returned undoes all.
func runBatch(ctx context.Context, s *session, commands []command) error {
	return newBatch(ctx, s, commands).run()
}

// runEach carries commands out one by one, so that each stands for itself.
func runEach(ctx context.Context, s *session, commands []command) error {
	for _, c := range commands {
		err := runAlone(ctx, s, c)
		if _, broken := errors.AsType[*brokenError](err); broken || err != nil && fatal(err) {
			return err
		}
		c.shared().err = err
	}
	return nil
}

// runAlone carries a command out so that nothing of it stays if it fails. A
// command that another process was quicker with is decided anew.
func runAlone(ctx context.Context, s *session, c command) (err error) {
	for range attempts {
		err = s.savepoint(ctx, func() error { return runBatch(ctx, s, []command{c}) })
		if !errors.Is(err, errAlone) {
			break
		}
	}
	if err == nil {
		err = c.shared().err
	}
	return err
}

func (b *batch) run() error {
	steps := []func() error{
		b.lockArtifacts, b.lockGrants, b.learn, b.decide,
		b.insertClaims, b.insertArtifacts, b.insertGrants, b.insertEvents,
		b.writeGrants, b.writeArtifacts, b.writeTouches, b.writeChanges,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) lockArtifacts() error {
	if len(b.redemptions) == 0 {
		return nil
	}
	b.artifacts = make(map[artifactKey]*artifactState, len(b.redemptions))
	keys := make([]artifactKey, len(b.redemptions))
	for i, c := range b.redemptions {
		keys[i] = artifactKey{c.redemption.Kind, string(c.redemption.Key)}
	}
	slices.SortFunc(keys, func(x, y artifactKey) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.key, y.key))
	})
	keys = slices.Compact(keys)
	rows := make([][]any, len(keys))
	for i, k := range keys {
		rows[i] = []any{int64(k.kind), []byte(k.key)}
	}
	return b.session.find(b.ctx, artifactTable, rows, true, func(r *sql.Rows) error {
		a, err := scanArtifact(r)
		b.artifacts[artifactKey{a.Kind, string(a.Key)}] = &artifactState{artifact: a}
		return err
	})
}

func (b *batch) lockGrants() error {
	var ids []storage.ID
	for _, c := range b.rotations {
		ids = append(ids, c.rotation.ID)
	}
	for _, c := range b.ends {
		ids = append(ids, c.end.ID)
	}
	for _, a := range b.artifacts {
		if !a.artifact.Grant.IsZero() {
			ids = append(ids, a.artifact.Grant)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.SortFunc(ids, func(x, y storage.ID) int { return bytes.Compare(x[:], y[:]) })
	ids = slices.Compact(ids)
	b.grants = make(map[storage.ID]*grantState, len(ids))
	rows := make([][]any, len(ids))
	for i := range ids {
		rows[i] = []any{ids[i][:]}
	}
	return b.session.find(b.ctx, grantTable, rows, true, func(r *sql.Rows) error {
		g, err := scanGrant(r)
		b.grants[g.ID] = &grantState{grant: g, before: g.Generation}
		return err
	})
}

// learn reads the standing of whom rotations and redemptions depend on.
func (b *batch) learn() (err error) {
	if len(b.rotations) == 0 && len(b.redemptions) == 0 {
		return nil
	}
	parties := make([]party, 0, len(b.rotations)+len(b.redemptions))
	for _, c := range b.rotations {
		if g, ok := b.grants[c.rotation.ID]; ok {
			parties = append(parties, party{g.grant.Client, g.grant.Organization, g.grant.Subject})
		} else if v := c.rotation.Virtual; v != nil {
			parties = append(parties, party{v.Client, v.Organization, v.Subject})
		}
	}
	for _, a := range b.artifacts {
		parties = append(parties, party{a.artifact.Client, a.artifact.Organization, a.artifact.Subject})
	}
	b.standing, err = b.session.standing(b.ctx, parties)
	return err
}

func (b *batch) decide() error {
	for _, c := range b.rotations {
		b.decideRotation(c)
	}
	for _, c := range b.redemptions {
		if err := b.decideRedemption(c); err != nil {
			return err
		}
	}
	for _, c := range b.ends {
		if err := b.decideEnd(c); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) decideRotation(c *rotate) {
	r := &c.rotation
	c.state = nil
	c.answer = storage.Rotated{Outcome: storage.Unknown}
	state, ok := b.grants[r.ID]
	if !ok {
		if r.Virtual == nil {
			return
		}
		state = candidate(*r.Virtual, r.ID)
		state.grant.Generation = 0
	}
	c.answer.Outcome = state.rotate(r, b.standing)
	switch c.answer.Outcome {
	case storage.Done, storage.Graced:
		c.answer.Grant = copyGrant(state.grant)
	case storage.Reused:
	default:
		return
	}
	b.keep(state)
	c.state = state
}

func (b *batch) decideRedemption(c *redeem) error {
	r := &c.redemption
	c.state = nil
	c.answer = storage.Redeemed{Outcome: storage.Unknown}
	a, ok := b.artifacts[artifactKey{r.Kind, string(r.Key)}]
	if !ok {
		return nil
	}
	c.answer.Outcome = a.redeem(r, b.standing)
	switch c.answer.Outcome {
	case storage.Done:
		c.answer.Grant = a.artifact.Grant
		if r.Next != nil {
			b.puts = append(b.puts, &putArtifact{artifact: *r.Next, follows: true})
		}
		if r.Grant != nil {
			return b.create(*r.Grant)
		}
	case storage.Reused:
		c.answer.Grant = a.artifact.Grant
		if g, ok := b.grants[a.artifact.Grant]; ok && g.grant.EndedAt.IsZero() {
			g.end(r.At, storage.ReasonCodeReuse, r.Until)
			c.state = g
		}
	}
	return nil
}

// create adds a grant that comes of a redemption and must be new.
func (b *batch) create(g storage.Grant) error {
	if _, there := b.grants[g.ID]; there {
		return storage.ErrExists
	}
	b.keep(&grantState{grant: copyGrant(g), fresh: true, created: true})
	return nil
}

func (b *batch) keep(g *grantState) {
	if b.grants == nil {
		b.grants = make(map[storage.ID]*grantState)
	}
	b.grants[g.grant.ID] = g
}

func (b *batch) decideEnd(c *endGrant) error {
	e := &c.end
	c.state, c.again = nil, false
	state, ok := b.grants[e.ID]
	if !ok && e.Virtual != nil {
		state, ok = candidate(*e.Virtual, e.ID), true
		state.grant.EndedAt, state.grant.EndReason = time.Time{}, ""
	}
	switch {
	case !ok, e.Client != "" && e.Client != state.grant.Client:
		c.err = storage.ErrNotFound
		return nil
	case !state.grant.EndedAt.IsZero():
		c.again = state.change == nil
		c.state = state
		if !c.again {
			return nil
		}
		return b.recall(c)
	}
	b.keep(state)
	state.end(e.At, e.Reason, e.Until)
	c.state = state
	return nil
}

// recall reads the change of a grant that had ended before.
func (b *batch) recall(c *endGrant) error {
	g := &c.state.grant
	// What was recorded may have been swept.
	c.change = storage.Change{Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, Until: milli(c.end.Until)}
	return b.session.query(b.ctx, func(r *sql.Rows) (err error) {
		c.change, err = scanRecorded(r)
		return err
	}, lookupQuery, int64(storage.GrantChange), g.ID[:])
}
