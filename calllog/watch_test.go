package calllog

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

// radio is a Stream of which the test says what was heard.
type radio struct {
	name     string // empty: main
	mu       sync.Mutex
	periods  []pbx.Period
	standing pbx.Standing
	assumed  map[uuid.UUID]uuid.UUID
}

func (r *radio) Name() string { return cmp.Or(r.name, "main") }

func (r *radio) Periods() []pbx.Period {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]pbx.Period(nil), r.periods...)
}

func (r *radio) Standing() pbx.Standing { return r.standing }

func (r *radio) Assume(_ context.Context, call, earlier uuid.UUID, _ time.Time) {
	if r.assumed == nil {
		r.assumed = map[uuid.UUID]uuid.UUID{}
	}
	r.assumed[call] = earlier
}

// period is one of the exchange "main", in seconds after start.
func period(from, until float64, end pbx.GapReason) pbx.Period {
	return pbx.Period{ID: uuid.New(), PBX: "main", From: after(from), Until: after(until), Started: start.Add(-time.Hour), End: end}
}

func after(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

func gaps(t *testing.T, d *db.DB, f GapFilter) []Gap {
	t.Helper()
	list, err := NewStore(d, crm.NewStore(d, crm.Config{})).Gaps(t.Context(), crm.System, f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// gap is one of "main", in seconds after start.
func gap(from, to float64, why pbx.GapReason) Gap {
	until := after(to)
	return Gap{PBX: "main", From: after(from), To: &until, Reason: why}
}

// What no node heard is a gap, with the reason of the period that ended there; whatever one of them heard is none.
func TestWatch_A1_WhatNobodyHeardIsAGap(t *testing.T) {
	d := dbtest.New(t)
	restarted := period(70, 80, pbx.GapDisconnected)
	restarted.Started = after(65)
	first := &radio{periods: []pbx.Period{
		period(0, 10, pbx.GapDisconnected),
		period(20, 30, pbx.GapDeaf),
		period(30.5, 40, ""), // killed
		period(50, 60, pbx.GapDisconnected),
		restarted,
	}}
	second := &radio{periods: []pbx.Period{period(8, 15, pbx.GapStopped), period(35, 55, pbx.GapOverflow)}}
	for node, r := range map[string]*radio{"a": first, "b": second} {
		w := NewWatch(d, node, []Stream{r}, nil)
		if err := w.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.write(t.Context()); err != nil { // again changes nothing
			t.Fatal(err)
		}
	}
	all := []Gap{
		gap(60, 70, pbx.GapRestarted), gap(30, 30.5, pbx.GapDeaf), gap(15, 20, pbx.GapStopped),
	}
	if diff := gocmp.Diff(all, gaps(t, d, GapFilter{})); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(all[1:2], gaps(t, d, GapFilter{From: after(25), To: after(60)})); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(all[2:], gaps(t, d, GapFilter{From: after(17), To: after(18), Only: "main"})); diff != "" {
		t.Error(diff)
	}
	if got := gaps(t, d, GapFilter{Only: "other"}); len(got) != 0 {
		t.Errorf("gaps of another exchange: %+v", got)
	}
	// The exchange is watched, and nobody hears it now.
	now := append([]Gap{{PBX: "main", From: after(80), Reason: pbx.GapDisconnected}}, all...)
	if diff := gocmp.Diff(now, gaps(t, d, GapFilter{PBX: []string{"main"}})); diff != "" {
		t.Error(diff)
	}
	third := &radio{periods: []pbx.Period{{ID: uuid.New(), PBX: "main", From: time.Now().Add(-time.Minute), Until: time.Now(), Started: after(65)}}}
	if err := NewWatch(d, "c", []Stream{third}, nil).write(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := gaps(t, d, GapFilter{PBX: []string{"main"}})
	if len(got) != 4 || got[0].To == nil || got[0].Reason != pbx.GapDisconnected || !got[0].From.Equal(after(80)) {
		t.Errorf("heard again: %+v", got)
	}
}

// What was heard more than 400 days before the newest is forgotten, and leaves no gap behind.
func TestWatch_ForgetsWhatIsLongAgo(t *testing.T) {
	d := dbtest.New(t)
	const day = 24 * 60 * 60
	r := &radio{periods: []pbx.Period{
		period(-500*day, -450*day, pbx.GapDisconnected), period(-449*day, -300*day, pbx.GapDeaf), period(-299*day, 0, pbx.GapDisconnected),
	}}
	NewWatch(d, "a", []Stream{r}, nil).round(t.Context())
	want := []Gap{gap(-300*day, -299*day, pbx.GapDeaf)}
	got := gaps(t, d, GapFilter{From: after(-600 * day), To: after(0)})
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// A node that was killed said nothing any more: the gap begins with its last heartbeat.
func TestWatch_AKilledNodeLeavesAGap(t *testing.T) {
	d := dbtest.New(t)
	r := &radio{periods: []pbx.Period{period(0, 9, "")}}
	w := NewWatch(d, "a", []Stream{r}, nil)
	w.round(t.Context())
	r.periods[0].Until = after(12)
	w.round(t.Context())
	r.periods = []pbx.Period{period(60, 61, "")}
	NewWatch(d, "a", []Stream{r}, nil).round(t.Context())
	if diff := gocmp.Diff([]Gap{gap(12, 60, pbx.GapKilled)}, gaps(t, d, GapFilter{})); diff != "" {
		t.Error(diff)
	}
}

// The log was left with calls that went on when ringbook was killed. Those that the exchange does not have any more are
// closed, and say between which moments they ended; what goes on goes on; and the true end, should it come to light,
// wins.
func TestWatch_A2_CallsThatEndedWhileNobodyWatched(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	talked, rang, goesOn, elsewhere, over := answered(ringing(1, "1001")), ringing(2, "1001"), answered(ringing(3, "1001")), answered(ringing(4, "1001")), ended(answered(ringing(5, "1001")))
	goesOn.Legs = append(goesOn.Legs, pbx.Leg{
		ID: "3.9/2", Channel: "PJSIP/1002-9", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: goesOn.AnsweredAt,
	})
	talked.Legs[1].Spans = []pbx.Span{
		{Kind: pbx.SpanTalk, From: talked.AnsweredAt, To: talked.AnsweredAt.Add(2 * time.Second)},
		{Kind: pbx.SpanHold, From: talked.AnsweredAt.Add(2 * time.Second)},
	}
	for _, c := range []pbx.Call{talked, rang, goesOn, elsewhere, over} {
		r.Update(c)
	}
	settle(t, r)
	before := stored(t, d, over.ID)
	joined := uuid.New()
	// The one before was heard until 20 s after start and killed; the PBX's clock is a second ahead of ours.
	stream := &radio{
		periods: []pbx.Period{period(-100, 20, ""), period(60, 61, "")},
		standing: pbx.Standing{
			At: after(60), Clock: after(61), Calls: map[uuid.UUID]struct{}{goesOn.ID: {}, joined: {}},
			Channels: map[string]uuid.UUID{"3.0": goesOn.ID, "3.1": goesOn.ID, "4.1": joined},
		},
	}
	w := NewWatch(d, "a", []Stream{stream}, nil)
	w.round(t.Context())
	if w.away {
		t.Fatal("the database did not take it")
	}
	row := func(c pbx.Call) Record {
		t.Helper()
		rec, err := NewStore(d, crm.NewStore(d, crm.Config{})).Call(t.Context(), crm.System, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	for _, c := range []struct {
		call    pbx.Call
		outcome pbx.Outcome
		talk    time.Duration
	}{
		{talked, pbx.Answered, after(21).Sub(talked.AnsweredAt)},
		{rang, pbx.Missed, 0},
	} {
		got := row(c.call)
		if got.State != pbx.StateEnded || !got.Reconstructed || got.Outcome == nil || *got.Outcome != c.outcome {
			t.Fatalf("closed as %+v", got)
		}
		if got.EndedAt == nil || !got.EndedAt.Equal(after(21)) || got.EndedBefore == nil || !got.EndedBefore.Equal(after(61)) {
			t.Errorf("ended between %v and %v, want %v and %v", got.EndedAt, got.EndedBefore, after(21), after(61))
		}
		if got.TalkMS != c.talk.Milliseconds() {
			t.Errorf("talked for %d ms, want %v", got.TalkMS, c.talk)
		}
		for _, l := range got.Legs {
			if l.EndedAt == nil || l.End == nil || slices.ContainsFunc(l.Spans, func(s Span) bool { return s.To == nil }) {
				t.Errorf("leg %s has not ended: %+v", l.ID, l)
			}
		}
	}
	if got, held := row(talked), after(21).Sub(talked.AnsweredAt)-2*time.Second; got.HoldMS != held.Milliseconds() || got.Legs[1].HoldMS != got.HoldMS {
		t.Errorf("held for %d ms, want %v", got.HoldMS, held)
	}
	if got := row(goesOn); got.State != pbx.StateTalking || got.EndedAt != nil {
		t.Errorf("a call that goes on: %+v", got)
	} else {
		for _, l := range got.Legs {
			if gone := l.ID == "3.9/2"; gone != (l.EndedAt != nil) || gone && *l.End != pbx.EndLost {
				t.Errorf("leg %s ended at %v as %v", l.ID, l.EndedAt, l.End)
			}
		}
	}
	if got := row(elsewhere); got.State != pbx.StateTalking || stream.assumed[joined] != elsewhere.ID {
		t.Errorf("a call that goes on under another id is %s; assumed %v", got.State, stream.assumed)
	}
	if diff := gocmp.Diff(before, stored(t, d, over.ID)); diff != "" {
		t.Errorf("a call that had ended changed:\n%s", diff)
	}

	truth := ended(talked)
	r.Update(truth)
	settle(t, r)
	if got := row(talked); got.Reconstructed || got.EndedBefore != nil || !got.EndedAt.Equal(truth.EndedAt) || got.Hangup.By != pbx.ByCaller {
		t.Errorf("the true end came to light: %+v", got)
	}
	// The same standing is not settled twice.
	r.Update(ringing(6, "1001"))
	settle(t, r)
	w.round(t.Context())
	if got := row(ringing(6)); got.State != pbx.StateRinging {
		t.Errorf("a call that began later is %s", got.State)
	}
}

// A call in which two exchanges have part is over when neither has it any more.
func TestWatch_ACallOfTwoExchanges(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	c := answered(ringing(1, "1001"))
	c.Legs[1].PBX = "branch"
	r.Update(c)
	settle(t, r)
	main := &radio{standing: pbx.Standing{At: after(60), Clock: after(60)}}
	branch := &radio{name: "branch", standing: pbx.Standing{
		At: after(60), Clock: after(60), Calls: map[uuid.UUID]struct{}{c.ID: {}}, Channels: map[string]uuid.UUID{"1.1": c.ID},
	}}
	state := func() (state string) {
		t.Helper()
		if err := d.Pool().QueryRow(t.Context(), `SELECT state FROM call WHERE id = $1`, c.ID).Scan(&state); err != nil {
			t.Fatal(err)
		}
		return state
	}
	NewWatch(d, "a", []Stream{main, branch}, nil).round(t.Context())
	if got := state(); got != "talking" {
		t.Fatalf("the branch has it still, and it is %s", got)
	}
	if n := count(t, d, `SELECT count(*) FROM call_leg WHERE ended_at IS NULL`); n != 1 {
		t.Errorf("%d legs go on", n)
	}
	branch.standing = pbx.Standing{At: after(90), Clock: after(90)}
	NewWatch(d, "a", []Stream{main, branch}, nil).round(t.Context())
	if got := state(); got != "ended" {
		t.Errorf("nobody has it, and it is %s", got)
	}
}
