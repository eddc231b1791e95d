package memory

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

type (
	memberKey      struct{ organization, subject string }
	certificateKey struct {
		environment string
		key         [32]byte
	}
	artifactKey struct {
		kind storage.ArtifactKind
		key  string
	}
	claimKey   struct{ namespace, key string }
	historyKey struct {
		organization string
		revision     uint64
	}
	mark = struct{}
)

// state is all data, or (where base is set) what one transaction has changed.
type state struct {
	base *state

	clients       table[string, storage.Client]
	certificates  table[certificateKey, string] // client id
	organizations table[string, storage.Organization]
	members       table[memberKey, storage.Member]
	grants        table[storage.ID, storage.Grant]
	artifacts     table[artifactKey, storage.Artifact]
	claims        table[claimKey, time.Time]
	changes       table[storage.ChangeKey, storage.Change]
	unstamped     table[storage.ChangeKey, mark]
	keys          table[uint32, storage.Key]
	rules         table[string, storage.RuleSet]
	history       table[historyKey, storage.RuleChange]
	events        table[storage.ID, storage.Event]
	unsealed      table[storage.ID, mark]

	// Only the state without a base has the following.

	// stamps lists given numbers in order; one is void if its change has
	// another number by now.
	stamps []stamp
	head   uint64
	chain  []storage.ID // sealed events, that of Seq n at n-1
}

type stamp struct {
	seq uint64
	key storage.ChangeKey
}

func newState() *state {
	return &state{
		clients:       newTable[string, storage.Client](),
		certificates:  newTable[certificateKey, string](),
		organizations: newTable[string, storage.Organization](),
		members:       newTable[memberKey, storage.Member](),
		grants:        newTable[storage.ID, storage.Grant](),
		artifacts:     newTable[artifactKey, storage.Artifact](),
		claims:        newTable[claimKey, time.Time](),
		changes:       newTable[storage.ChangeKey, storage.Change](),
		unstamped:     newTable[storage.ChangeKey, mark](),
		keys:          newTable[uint32, storage.Key](),
		rules:         newTable[string, storage.RuleSet](),
		history:       newTable[historyKey, storage.RuleChange](),
		events:        newTable[storage.ID, storage.Event](),
		unsealed:      newTable[storage.ID, mark](),
	}
}

// over returns a state that sees s and keeps its own writes.
func (s *state) over() *state {
	return &state{
		base:          s,
		clients:       s.clients.over(),
		certificates:  s.certificates.over(),
		organizations: s.organizations.over(),
		members:       s.members.over(),
		grants:        s.grants.over(),
		artifacts:     s.artifacts.over(),
		claims:        s.claims.over(),
		changes:       s.changes.over(),
		unstamped:     s.unstamped.over(),
		keys:          s.keys.over(),
		rules:         s.rules.over(),
		history:       s.history.over(),
		events:        s.events.over(),
		unsealed:      s.unsealed.over(),
	}
}

// merge writes everything into the base.
func (s *state) merge() {
	s.clients.merge()
	s.certificates.merge()
	s.organizations.merge()
	s.members.merge()
	s.grants.merge()
	s.artifacts.merge()
	s.claims.merge()
	s.changes.merge()
	s.unstamped.merge()
	s.keys.merge()
	s.rules.merge()
	s.history.merge()
	s.events.merge()
	s.unsealed.merge()
}

// root returns the committed state below any transactions.
func (s *state) root() *state {
	for s.base != nil {
		s = s.base
	}
	return s
}
