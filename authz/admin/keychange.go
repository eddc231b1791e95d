package admin

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// KeyPatch says what of a key is to change; nil members stay as they are.
type KeyPatch struct {
	Name  *string
	Roles *[]string
	// Boundary, where it points to nil, is taken off.
	Boundary *[]string
	// ExpiresAt, where it points to the zero time, is taken off.
	ExpiresAt *time.Time
	// IfVersion, where not zero, is the version that the key must have.
	IfVersion uint64
}

// PatchKey changes name, roles, boundary or expiry of a key.
func (s *Service) PatchKey(ctx context.Context, a Actor, clientID string, p KeyPatch) (Key, error) {
	return s.changeKey(ctx, a, clientID, "patched", p.IfVersion, func(k *keyRecord, now time.Time) error {
		if p.Name != nil {
			if err := checkName(*p.Name); err != nil {
				return err
			}
			k.Name = *p.Name
		}
		if p.Roles != nil {
			if err := checkRoles(*p.Roles); err != nil {
				return err
			}
			k.Roles = slices.Clone(*p.Roles)
		}
		if p.Boundary != nil {
			if err := checkBoundary(*p.Boundary); err != nil {
				return err
			}
			k.Boundary = slices.Clone(*p.Boundary)
		}
		if p.ExpiresAt != nil {
			at := p.ExpiresAt.UTC().Truncate(time.Millisecond)
			if err := checkExpiry(at, now); err != nil {
				return err
			}
			k.ExpiresAt = at
		}
		return nil
	})
}

// SuspendKey stops a key and every token issued to it at once, until it is
// resumed.
func (s *Service) SuspendKey(ctx context.Context, a Actor, clientID string, o Options) (Key, error) {
	return s.changeKey(ctx, a, clientID, verbSuspended, o.IfVersion, turn[*keyRecord](storage.Suspended, o.EndTokens))
}

// ResumeKey lets a suspended key act again, and with it every token that has not
// expired meanwhile, unless o.EndTokens.
func (s *Service) ResumeKey(ctx context.Context, a Actor, clientID string, o Options) (Key, error) {
	return s.changeKey(ctx, a, clientID, verbResumed, o.IfVersion, turn[*keyRecord](storage.Active, o.EndTokens))
}

// RevokeKey ends a key and every token issued to it, for good. To revoke it
// again changes nothing.
func (s *Service) RevokeKey(ctx context.Context, a Actor, clientID string, o Options) (Key, error) {
	return s.changeKey(ctx, a, clientID, verbRevoked, o.IfVersion, turn[*keyRecord](storage.Revoked, o.EndTokens))
}

// EndKeyTokens ends every token, code and pushed request issued to a key so far;
// the key itself goes on.
func (s *Service) EndKeyTokens(ctx context.Context, a Actor, clientID string, o Options) (Key, error) {
	return s.changeKey(ctx, a, clientID, verbTokensEnded, o.IfVersion, endTokens[*keyRecord]())
}

// Rotation asks for a new secret.
type Rotation struct {
	// Overlap is how long the secrets before it live on, at most
	// [Config.MaxOverlap]; zero ends them now. One that is to end sooner does.
	Overlap time.Duration
	// EndTokens also ends every token issued so far.
	EndTokens bool
	// IfVersion, where not zero, is the version that the key must have.
	IfVersion uint64
}

// RotateKey gives a key a new secret and returns it, shown this once.
func (s *Service) RotateKey(ctx context.Context, a Actor, clientID string, r Rotation) (Key, string, error) {
	secret := token.NewSecret()
	k, err := s.changeKey(ctx, a, clientID, "rotated", r.IfVersion, func(k *keyRecord, now time.Time) error {
		switch {
		case r.Overlap < 0 || r.Overlap > s.cfg.MaxOverlap:
			return invalid("overlap", "a duration from 0 to "+s.cfg.MaxOverlap.String())
		case k.Public:
			return &Refused{Err: ErrNoSecret, Status: 409, Code: "key_has_no_secret", Reason: "public", Detail: "This key is a public client, which has no secret to rotate."}
		}
		k.Secrets = overlapping(k.Secrets, now, r.Overlap)
		if len(k.Secrets) >= s.cfg.MaxSecrets {
			return &Refused{Err: ErrTooManySecrets, Status: 409, Code: "too_many_secrets", Reason: "too_many_secrets",
				Detail: "Too many rotated secrets are still alive. Wait for one to end, or rotate without overlap."}
		}
		k.Secrets = append(k.Secrets, storage.Secret{ID: storage.NewID(now).String(), Hash: s.in.Keyring().HashSecret(secret), CreatedAt: now})
		if r.EndTokens {
			k.Epoch++
		}
		return nil
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, secret, nil
}

// overlapping returns the secrets that live on for the overlap.
func overlapping(secrets []storage.Secret, now time.Time, overlap time.Duration) []storage.Secret {
	if overlap == 0 {
		return nil
	}
	end := now.Add(overlap).Truncate(time.Millisecond)
	var live []storage.Secret
	for _, secret := range secrets {
		if !secret.ExpiresAt.IsZero() && !secret.ExpiresAt.After(now) {
			continue
		}
		if secret.ExpiresAt.IsZero() || secret.ExpiresAt.After(end) {
			secret.ExpiresAt = end
		}
		live = append(live, secret)
	}
	return live
}

func (s *Service) changeKey(ctx context.Context, a Actor, clientID, verb string, ifVersion uint64, apply func(*keyRecord, time.Time) error) (Key, error) {
	k, err := change(ctx, s, a, edit[*keyRecord]{verb: verb, object: keyObject(clientID), target: keyTarget(clientID), ifVersion: ifVersion,
		read:  func(ctx context.Context) (*keyRecord, error) { return s.readKey(ctx, a, clientID) },
		apply: apply})
	if err != nil {
		return Key{}, err
	}
	return keyOf(&k.Client), nil
}
