package memory

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// PutArtifact implements [storage.Artifacts].
func (c commands) PutArtifact(ctx context.Context, a storage.Artifact) error {
	a = keepArtifact(a)
	key := artifactKey{a.Kind, string(a.Key)}
	return c.on.write(ctx, func(s *state) error {
		if s.artifacts.has(key) {
			return storage.ErrExists
		}
		s.artifacts.put(key, a)
		return nil
	})
}

// Artifact implements [storage.Artifacts].
func (c commands) Artifact(ctx context.Context, kind storage.ArtifactKind, key []byte) (a storage.Artifact, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, ok := s.artifacts.get(artifactKey{kind, string(key)})
		if !ok {
			return storage.ErrNotFound
		}
		a = copyArtifact(found)
		return nil
	})
	return a, err
}

// Redeem implements [storage.Artifacts].
func (c commands) Redeem(ctx context.Context, r storage.Redemption) (answer storage.Redeemed, err error) {
	r.At = milli(r.At)
	err = c.on.write(ctx, func(s *state) error {
		answer, err = s.redeem(&r)
		return err
	})
	return answer, err
}

func (s *state) redeem(r *storage.Redemption) (storage.Redeemed, error) {
	key := artifactKey{r.Kind, string(r.Key)}
	a, ok := s.artifacts.get(key)
	if !ok || a.Kind == storage.ReferenceToken || a.Client != r.Client || passed(a.ExpiresAt, r.At) ||
		s.raised(a.Client, a.Organization, a.Subject, a.Epochs) {
		return storage.Redeemed{Outcome: storage.Unknown}, nil
	}
	if !s.active(a.Client, a.Organization, a.Subject, r.At) {
		return storage.Redeemed{Outcome: storage.Inactive}, nil
	}
	if !a.RedeemedAt.IsZero() {
		answer := storage.Redeemed{Outcome: storage.Reused, Grant: a.Grant}
		if g, ok := s.grants.get(a.Grant); ok && g.EndedAt.IsZero() {
			answer.Changes = []storage.Change{s.endGrant(g, r.At, storage.ReasonCodeReuse, r.Until)}
		}
		return answer, nil
	}
	next := artifactKey{}
	if r.Next != nil {
		if next = (artifactKey{r.Next.Kind, string(r.Next.Key)}); s.artifacts.has(next) {
			return storage.Redeemed{}, storage.ErrExists
		}
	}
	a.RedeemedAt = r.At
	if r.Grant != nil {
		if s.grants.has(r.Grant.ID) {
			return storage.Redeemed{}, storage.ErrExists
		}
		a.Grant = r.Grant.ID
		s.grants.put(r.Grant.ID, keepGrant(*r.Grant))
	}
	s.artifacts.put(key, a)
	if r.Next != nil {
		s.artifacts.put(next, keepArtifact(*r.Next))
	}
	return storage.Redeemed{Outcome: storage.Done, Grant: a.Grant}, nil
}

// DropPending implements [storage.Artifacts]. It looks at every artifact.
func (c commands) DropPending(ctx context.Context, p storage.Pending) (n int, err error) {
	if p.Subject == "" && len(p.Account) == 0 {
		return 0, errors.New("memory: name the subject or the account whose artifacts are to be dropped")
	}
	err = c.on.write(ctx, func(s *state) error {
		var keys []artifactKey
		for key, a := range s.artifacts.all() {
			if a.Kind != storage.ReferenceToken && a.RedeemedAt.IsZero() &&
				(p.Subject == "" || p.Subject == a.Subject) && (len(p.Account) == 0 || bytes.Equal(p.Account, a.Account)) {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			s.artifacts.remove(key)
		}
		n = len(keys)
		return nil
	})
	return n, err
}

// Claim implements [storage.Once]. It reads the clock of the process.
func (c commands) Claim(ctx context.Context, namespace string, key []byte, until time.Time) error {
	k := claimKey{namespace, string(key)}
	return c.on.write(ctx, func(s *state) error {
		if spent, ok := s.claims.get(k); ok && !passed(spent, time.Now()) {
			return storage.ErrSeen
		}
		s.claims.put(k, milli(until))
		return nil
	})
}
