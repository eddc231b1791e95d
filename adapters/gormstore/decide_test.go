package gormstore

import (
	"math"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func sampleGrant() storage.Grant {
	return storage.Grant{
		ID: storage.NewID(noon), Client: "client", Organization: "org",
		Epochs:    storage.Epochs{Client: 2, Organization: 3, Member: 4},
		ExpiresAt: noon.Add(time.Hour), IdleAt: noon.Add(time.Hour), AccessUntil: noon.Add(time.Minute),
		Generation: 5, Refresh: []byte("current"), RotatedAt: noon.Add(-10 * time.Second), Graceable: true,
	}
}

func sampleRotation() storage.Rotation {
	return storage.Rotation{
		Client: "client", From: 5, Presented: []byte("current"), Next: []byte("next"), At: noon,
		Grace: 30 * time.Second, IdleAt: noon.Add(2 * time.Hour), AccessUntil: noon.Add(10 * time.Minute),
		Until: noon.Add(3 * time.Hour), Skew: 5 * time.Minute,
	}
}

func sampleStanding() *standing {
	return &standing{
		clients:       map[string]clientStanding{"client": {standingRow: standingRow{storage.Active, 2}, organization: "org"}},
		organizations: map[string]standingRow{"org": {storage.Active, 3}},
		members:       map[[2]string]standingRow{},
	}
}

func TestRotateDecision(t *testing.T) {
	t.Parallel()
	behind := func(g *storage.Grant, r *storage.Rotation) { r.From, r.Presented = 4, []byte("previous") }
	for _, test := range []struct {
		name string
		edit func(g *storage.Grant, r *storage.Rotation, st *standing)
		want storage.Outcome
	}{
		{"Current", func(*storage.Grant, *storage.Rotation, *standing) {}, storage.Done},
		{"NoExpiries", func(g *storage.Grant, _ *storage.Rotation, _ *standing) {
			g.ExpiresAt, g.IdleAt = time.Time{}, time.Time{}
		}, storage.Done},
		{"GracedRetry", func(g *storage.Grant, r *storage.Rotation, _ *standing) { behind(g, r) }, storage.Graced},
		{"UnknownSubject", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.Subject = "stranger" }, storage.Done},
		{"ClientExpiresLater", func(_ *storage.Grant, _ *storage.Rotation, st *standing) {
			c := st.clients["client"]
			c.expiresAt = noon.Add(time.Millisecond)
			st.clients["client"] = c
		}, storage.Done},

		{"GraceOver", func(g *storage.Grant, r *storage.Rotation, _ *standing) {
			behind(g, r)
			g.RotatedAt = noon.Add(-30 * time.Second)
		}, storage.Reused},
		{"NoGrace", func(g *storage.Grant, r *storage.Rotation, _ *standing) { behind(g, r); r.Grace = 0 }, storage.Reused},
		{"NotGraceable", func(g *storage.Grant, r *storage.Rotation, _ *standing) {
			behind(g, r)
			g.Graceable = false
		}, storage.Reused},
		{"TwoBehind", func(_ *storage.Grant, r *storage.Rotation, _ *standing) { r.From = 3 }, storage.Reused},

		{"Ahead", func(_ *storage.Grant, r *storage.Rotation, _ *standing) { r.From = 6 }, storage.Unknown},
		{"LastGeneration", func(g *storage.Grant, r *storage.Rotation, _ *standing) {
			g.Generation, r.From = math.MaxUint32, math.MaxUint32
		}, storage.Unknown},
		{"OtherHash", func(_ *storage.Grant, r *storage.Rotation, _ *standing) { r.Presented = []byte("other") }, storage.Unknown},
		{"NoHash", func(g *storage.Grant, r *storage.Rotation, _ *standing) { g.Refresh, r.Presented = nil, nil }, storage.Unknown},
		{"OtherClient", func(_ *storage.Grant, r *storage.Rotation, _ *standing) { r.Client = "other" }, storage.Unknown},
		{"Ended", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.EndedAt = noon.Add(time.Hour) }, storage.Unknown},
		{"EndedAndBehind", func(g *storage.Grant, r *storage.Rotation, _ *standing) { behind(g, r); g.EndedAt = noon }, storage.Unknown},
		{"Expired", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.ExpiresAt = noon }, storage.Unknown},
		{"Idle", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.IdleAt = noon }, storage.Unknown},
		{"IdleAndBehind", func(g *storage.Grant, r *storage.Rotation, _ *standing) { behind(g, r); g.IdleAt = noon }, storage.Unknown},
		{"ClientEpoch", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.Epochs.Client = 1 }, storage.Unknown},
		{"OrganizationEpoch", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.Epochs.Organization = 2 }, storage.Unknown},
		{"MemberEpoch", func(g *storage.Grant, _ *storage.Rotation, st *standing) {
			g.Subject = "user"
			st.members[[2]string{"org", "user"}] = standingRow{storage.Active, 5}
		}, storage.Unknown},

		{"ClientSuspended", func(_ *storage.Grant, _ *storage.Rotation, st *standing) {
			st.clients["client"] = clientStanding{standingRow: standingRow{storage.Suspended, 2}, organization: "org"}
		}, storage.Inactive},
		{"ClientRevokedAndBehind", func(g *storage.Grant, r *storage.Rotation, st *standing) {
			behind(g, r)
			r.Grace = 0
			st.clients["client"] = clientStanding{standingRow: standingRow{storage.Revoked, 2}, organization: "org"}
		}, storage.Inactive},
		{"ClientExpired", func(_ *storage.Grant, _ *storage.Rotation, st *standing) {
			c := st.clients["client"]
			c.expiresAt = noon
			st.clients["client"] = c
		}, storage.Inactive},
		{"ClientMissing", func(_ *storage.Grant, _ *storage.Rotation, st *standing) { clear(st.clients) }, storage.Inactive},
		{"OrganizationSuspended", func(_ *storage.Grant, _ *storage.Rotation, st *standing) {
			st.organizations["org"] = standingRow{storage.Suspended, 3}
		}, storage.Inactive},
		{"OrganizationMissing", func(_ *storage.Grant, _ *storage.Rotation, st *standing) { clear(st.organizations) }, storage.Inactive},
		{"OtherOrganizationMissing", func(g *storage.Grant, _ *storage.Rotation, _ *standing) { g.Organization = "elsewhere" }, storage.Inactive},
		{"MemberSuspended", func(g *storage.Grant, _ *storage.Rotation, st *standing) {
			g.Subject = "user"
			st.members[[2]string{"org", "user"}] = standingRow{storage.Suspended, 4}
		}, storage.Inactive},
		{"NoStatus", func(_ *storage.Grant, _ *storage.Rotation, st *standing) {
			st.clients["client"] = clientStanding{organization: "org"}
		}, storage.Inactive},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, r, st := sampleGrant(), sampleRotation(), sampleStanding()
			test.edit(&g, &r, st)
			state := &grantState{grant: g}
			if got := state.rotate(&r, st); got != test.want {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			now := state.grant
			switch test.want {
			case storage.Done, storage.Graced:
				if now.Generation != 6 || string(now.Refresh) != "next" || !now.RotatedAt.Equal(noon) ||
					now.Graceable != (test.want == storage.Done) || !now.AccessUntil.Equal(r.AccessUntil) {
					t.Errorf("the grant has become %+v", now)
				}
				if c := state.change; c == nil || c.MinGeneration != 6 || c.Ended || !c.Until.Equal(noon.Add(6*time.Minute)) {
					t.Errorf("the change is %+v", c)
				}
			case storage.Reused:
				if !now.EndedAt.Equal(noon) || now.EndReason != storage.ReasonRefreshReuse || now.Generation != 5 {
					t.Errorf("the grant has become %+v", now)
				}
				if c := state.change; c == nil || !c.Ended || !c.Until.Equal(r.Until) {
					t.Errorf("the change is %+v", c)
				}
			default:
				if state.changed || state.change != nil || now.Generation != g.Generation || !now.EndedAt.Equal(g.EndedAt) {
					t.Errorf("a refusal has changed the grant: %+v", state)
				}
			}
		})
	}
}

// TestOneBatch decides several commands on one grant in a row.
func TestOneBatch(t *testing.T) {
	t.Parallel()
	state := &grantState{grant: sampleGrant()}
	st := sampleStanding()
	first, second, third := sampleRotation(), sampleRotation(), sampleRotation()
	third.Grace = 0
	for i, want := range []storage.Outcome{storage.Done, storage.Graced, storage.Reused, storage.Unknown} {
		r := []*storage.Rotation{&first, &second, &third, &third}[i]
		if got := state.rotate(r, st); got != want {
			t.Fatalf("command %d: got %v, want %v", i, got, want)
		}
	}
	c := state.change
	if c.MinGeneration != 7 || !c.Ended || !c.Until.Equal(third.Until) {
		t.Errorf("the joined change is %+v", c)
	}
}

func TestNoChangeWithoutLivingTokens(t *testing.T) {
	t.Parallel()
	g, r := sampleGrant(), sampleRotation()
	g.AccessUntil = noon
	state := &grantState{grant: g}
	if state.rotate(&r, sampleStanding()) != storage.Done || state.change != nil {
		t.Errorf("a change was made for tokens that are over: %+v", state.change)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	old := storage.Change{Status: storage.Suspended, Version: 4, Epoch: 2, MinGeneration: 9, Ended: true, Until: noon}
	for _, test := range []struct {
		name      string
		next, got storage.Change
	}{
		{"Nothing", storage.Change{}, storage.Change{Status: storage.Suspended, Version: 4, Epoch: 2, MinGeneration: 9, Ended: true}},
		{"Newer", storage.Change{Status: storage.Active, Version: 5, Until: noon.Add(1)}, storage.Change{Status: storage.Active, Version: 5, Epoch: 2, MinGeneration: 9, Ended: true, Until: noon.Add(1)}},
		{"Older", storage.Change{Status: storage.Active, Version: 3, Epoch: 7, Until: noon.Add(-1)}, storage.Change{Status: storage.Suspended, Version: 4, Epoch: 7, MinGeneration: 9, Ended: true, Until: noon}},
	} {
		if got := merge(old, test.next); got != test.got {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.got)
		}
	}
}
