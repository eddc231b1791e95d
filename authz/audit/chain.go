package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/storage"
)

// Keys are what a chain is linked with: the id of the key in use, and the keyed
// hash over length-framed parts under any key.
type Keys struct {
	Current func() uint32
	MAC     func(keyID uint32, parts ...[]byte) ([32]byte, error)
}

// Chain links stored events: the chain value of each is a keyed hash over the
// one before and over everything the event says. Who can write to the database
// but does not hold the key cannot change, remove or reorder a sealed event
// without it showing, save for cutting off the end of the trail; the sequence
// number of the last event, kept elsewhere, shows that too.
type Chain struct {
	store storage.Audit
	keys  Keys
}

// NewChain returns a chain over a store.
func NewChain(store storage.Audit, keys Keys) (*Chain, error) {
	if store == nil || keys.Current == nil || keys.MAC == nil {
		return nil, errors.New("audit: NewChain needs a store and keys")
	}
	return &Chain{store: store, keys: keys}, nil
}

// Seal links events that are not linked yet, at most limit, and returns how many.
func (c *Chain) Seal(ctx context.Context, limit int) (int, error) {
	key := c.keys.Current()
	return c.store.SealEvents(ctx, limit, func(previous []byte, e storage.Event) []byte {
		link, err := c.link(key, previous, e)
		if err != nil {
			return nil // the key in use is always there; without it nothing would verify
		}
		return link
	})
}

// ErrBroken reports that the trail was tampered with.
var ErrBroken = errors.New("audit: the chain is broken")

// Verify reads the whole sealed trail and returns the number of its events, or
// [ErrBroken] with the sequence number at which it breaks.
func (c *Chain) Verify(ctx context.Context) (uint64, error) {
	var previous []byte
	var seq uint64
	for {
		events, err := c.store.Events(ctx, storage.EventFilter{Sealed: true, AfterSeq: seq, Limit: 500})
		if err != nil {
			return seq, fmt.Errorf("audit: reading the trail: %w", err)
		}
		if len(events) == 0 {
			return seq, nil
		}
		for _, e := range events {
			if e.Seq != seq+1 || !c.holds(previous, e) {
				return seq, fmt.Errorf("%w at event %d", ErrBroken, seq+1)
			}
			previous, seq = e.Chain, e.Seq
		}
	}
}

func (c *Chain) holds(previous []byte, e storage.Event) bool {
	if len(e.Chain) < 4 {
		return false
	}
	want, err := c.link(binary.BigEndian.Uint32(e.Chain), previous, e)
	return err == nil && bytes.Equal(e.Chain, want)
}

// link is the id of the key, then the keyed hash.
func (c *Chain) link(key uint32, previous []byte, e storage.Event) ([]byte, error) {
	var at, seq [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(e.At.UnixMilli()))
	binary.BigEndian.PutUint64(seq[:], e.Seq)
	sum, err := c.keys.MAC(key, previous, seq[:], e.ID[:], at[:], []byte(e.Type), []byte(e.Outcome), []byte(e.Organization), []byte(e.Actor), []byte(e.Target),
		[]byte(e.Client), e.Grant[:], []byte(e.Address), []byte(e.Route), []byte(e.Reason), e.Before, e.After)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 36), key), sum[:]...), nil
}
