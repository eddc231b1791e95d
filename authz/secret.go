package authz

import (
	"context"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/storage"
)

// unknownSecret stands in where there is nothing to compare with, so that an
// unknown client takes as long as a wrong secret.
const unknownSecret = "gws_unknown"

// ProveSecret checks the secret that a client shows, in any of its readings,
// from an address. It returns nil for the right one. A wrong one is a refusal
// with 401, after too many of them from that address for that client with 429; a
// right one is never refused for it. A nil client is an unknown one.
func (in *Installation) ProveSecret(ctx context.Context, client *storage.Client, clientID string, readings []string, address string) *Refusal {
	key := address + " " + clientID
	if client == nil {
		for _, secret := range readings {
			in.ring.VerifySecret(secret, in.ring.HashSecret(unknownSecret))
		}
		return in.wrongSecret(key, "client_unknown")
	}
	if client.Public {
		if len(readings) > 0 {
			return in.wrongSecret(key, "secret_from_public_client")
		}
		return nil
	}
	if len(readings) == 0 {
		return clientRefused("secret_missing")
	}
	now := in.cfg.Now()
	for _, stored := range client.Secrets {
		if !stored.ExpiresAt.IsZero() && !now.Before(stored.ExpiresAt) {
			continue
		}
		if id, own := keyring.SecretKey(stored.Hash); own {
			// Another instance may have hashed it under a key made a moment ago.
			if _, err := in.ring.Learn(ctx, id); err != nil {
				return unavailable("keys_unavailable", err)
			}
		}
		if keyring.Costly(stored.Hash) {
			// A slow hash is checked only while the guesses are few: the check
			// itself is what an attacker could make us pay for.
			if wait, over := in.guesses.Over(key); over {
				return tooManyGuesses(wait)
			}
		}
		for _, secret := range readings {
			if ok, rehash := in.ring.VerifySecret(secret, stored.Hash); ok {
				if rehash {
					in.rehash(ctx, client.ID, stored.ID, secret)
				}
				return nil
			}
		}
	}
	return in.wrongSecret(key, "secret_wrong")
}

// wrongSecret counts a wrong secret and says how it is refused.
func (in *Installation) wrongSecret(key, reason string) *Refusal {
	if wait, over := in.guesses.Over(key); over {
		return tooManyGuesses(wait)
	}
	in.guesses.Failed(key)
	return clientRefused(reason)
}

// clientRefused is how everything looks that is wrong with a client.
func clientRefused(reason string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "invalid_client", Reason: reason,
		Detail: "The client is not accepted. Check its id, secret, certificate and address, and that it is active in this environment."}
}

func tooManyGuesses(wait time.Duration) *Refusal {
	return &Refusal{Status: http.StatusTooManyRequests, Code: "invalid_client", Reason: "too_many_wrong_secrets", RetryAfter: wait,
		Detail: "Too many wrong secrets. Wait before you try again."}
}

// rehash replaces a hash that was imported, or made under an old key, once its
// secret has been seen. Failing to do so costs nothing: it will be tried again.
func (in *Installation) rehash(ctx context.Context, clientID, secretID, secret string) {
	client, err := in.cfg.Store.Client(ctx, clientID)
	if err != nil {
		return
	}
	for i := range client.Secrets {
		if client.Secrets[i].ID != secretID {
			continue
		}
		client.Secrets[i].Hash = in.ring.HashSecret(secret)
		now := in.cfg.Now()
		change, err := in.cfg.Store.UpdateClient(ctx, client, storage.Quorum{}, in.Until(), storage.Event{ID: storage.NewID(now), At: now,
			Type: "key.secret_rehashed", Outcome: "ok", Organization: client.Organization, Actor: "host", Target: "key:" + client.ID})
		if err == nil {
			in.feed.Apply(change)
		}
		return
	}
}
