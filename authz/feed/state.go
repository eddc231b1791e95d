package feed

import (
	"math"

	"github.com/gatewright/gatewright/storage"
)

// state is what is known of one thing that has changed.
type state struct {
	version uint64
	epoch   uint64
	until   int64 // Unix milliseconds; never is math.MaxInt64
	minGen  uint32
	status  storage.Status
	ended   bool
}

func stateOf(c *storage.Change) state {
	s := state{version: c.Version, epoch: c.Epoch, until: math.MaxInt64, minGen: c.MinGeneration, status: c.Status, ended: c.Ended}
	if !c.Until.IsZero() {
		s.until = c.Until.UnixMilli()
	}
	return s
}

// merge returns the union of two states of one thing: nothing is lowered, and
// the status is that of the higher version, so that changes may come twice and
// in any order.
func (s state) merge(o state) state {
	if o.version > s.version {
		s.version, s.status = o.version, o.status
	} else if o.version == s.version && o.status > s.status {
		s.status = o.status
	}
	s.epoch = max(s.epoch, o.epoch)
	s.until = max(s.until, o.until)
	s.minGen = max(s.minGen, o.minGen)
	s.ended = s.ended || o.ended
	return s
}

// Where a state of this kind has no epoch, or no generation, these pass.
const (
	anyEpoch      = math.MaxUint64
	anyGeneration = math.MaxUint32
)

// verdict says whether a token of this epoch and generation is good, as far as
// this state goes.
func (s state) verdict(epoch uint64, generation uint32) error {
	switch {
	case s.ended:
		return ErrEnded
	case s.status == storage.Revoked:
		return ErrRevoked
	case s.status != storage.Active && s.status != 0: // 0 says nothing, as of a grant
		return ErrSuspended
	case epoch < s.epoch:
		return ErrEpoch
	case generation < s.minGen:
		return ErrSuperseded
	default:
		return nil
	}
}

// membership is verdict for a member. A token of an epoch to come is of another
// membership of a person whose last one was revoked; of that this has not heard,
// and it is not final.
func (s state) membership(epoch uint64) error {
	err := s.verdict(epoch, anyGeneration)
	if err == ErrRevoked && epoch > s.epoch {
		return ErrSuspended
	}
	return err
}
