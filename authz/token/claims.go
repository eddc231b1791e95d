package token

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Claims are what access and refresh tokens both say. Times are kept to the
// second.
type Claims struct {
	// Grant and Generation name the authorization; every token has them.
	Grant      storage.ID
	Generation uint32
	// Client is required. Subject is empty where the client acts for itself.
	Client       string
	Organization string
	Subject      string
	// Epochs are those of the records when the token was issued.
	Epochs storage.Epochs
	// Revision is the issuing instance's position in the change feed.
	Revision uint64

	IssuedAt  time.Time
	ExpiresAt time.Time
}

// ExpiredAt reports whether the token has expired at the given time.
func (c *Claims) ExpiredAt(now time.Time) bool { return !now.Before(c.ExpiresAt) }

// check refuses what no token may say.
func (c *Claims) check(limit time.Duration) error {
	if c.Grant.IsZero() || c.Client == "" || !validSpan(c.IssuedAt, c.ExpiresAt) {
		return ErrIncomplete
	}
	if exceeds(c.IssuedAt, c.ExpiresAt, limit) {
		return ErrLifetime
	}
	return nil
}

// complete reports whether a token that was read names what each must name.
func (c *Claims) complete() bool { return !c.Grant.IsZero() && c.Client != "" }

// appendState writes the claims that are numbers; what is before them is the
// token's own.
func (c *Claims) appendState(b []byte) []byte {
	b = appendUint(b, uint64(c.Generation))
	b = appendUint(b, c.Epochs.Client)
	b = appendUint(b, c.Epochs.Organization)
	b = appendUint(b, c.Epochs.Member)
	b = appendUint(b, c.Revision)
	b = appendUint(b, uint64(c.IssuedAt.Unix()))
	return appendUint(b, seconds(c.IssuedAt, c.ExpiresAt))
}

// readState reads what appendState wrote. Other times count from issued.
func (c *Claims) readState(r *reader) (issued int64) {
	c.Generation = r.uint32()
	c.Epochs = storage.Epochs{Client: r.uint(), Organization: r.uint(), Member: r.uint()}
	c.Revision = r.uint()
	issued = r.time()
	c.IssuedAt = unix(issued)
	c.ExpiresAt = unix(r.after(issued))
	return issued
}

func (c *Claims) appendParties(b []byte) []byte {
	b = appendString(b, c.Client)
	b = appendString(b, c.Organization)
	return appendString(b, c.Subject)
}

func (c *Claims) readParties(r *reader) {
	c.Client, c.Organization, c.Subject = r.string(), r.string(), r.string()
}
