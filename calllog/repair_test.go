package calllog

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

// repair runs a Repair of the exchange "main" until the test ends.
func repair(t *testing.T, d *db.DB, r *Recorder, lease Lease, recall Recall) {
	t.Helper()
	job := NewRepair(RepairConfig{
		DB: d, Store: NewStore(d, crm.NewStore(d, crm.Config{})), Recorder: r, Records: map[string]Recall{"main": recall}, Lease: lease,
		Delay: 10 * time.Millisecond, Every: 10 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- job.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// gapNow makes a gap of a minute that ended a second ago, and returns its beginning in seconds after start.
func gapNow(t *testing.T, d *db.DB) int {
	t.Helper()
	from := int(time.Since(start).Seconds()) - 61
	for _, p := range []pbx.Period{period(float64(from-3600), float64(from), pbx.GapDisconnected), period(float64(from+60), float64(from+61), "")} {
		if _, err := d.Pool().Exec(t.Context(), upsertPeriod, p.ID, p.PBX, "a", p.From, p.Until, nil, string(p.End)); err != nil {
			t.Fatal(err)
		}
	}
	return from
}

func repaired(t *testing.T, d *db.DB) (gaps, added, completed int) {
	t.Helper()
	if err := d.Pool().QueryRow(t.Context(), `SELECT count(*), coalesce(sum(added), 0), coalesce(sum(completed), 0) FROM repair`).Scan(&gaps, &added, &completed); err != nil {
		t.Fatal(err)
	}
	return gaps, added, completed
}

// TestRepair_L10_WhatWasSeenStays: calls of which ringbook saw all, the beginning, the end and nothing; and what the PBX's
// records say of each. One goes on at first: the gap is looked at again.
func TestRepair_L10_WhatWasSeenStays(t *testing.T) {
	d := dbtest.New(t)
	from := gapNow(t, d)
	r, _ := record(t, config(t, d))

	seen := ended(answered(ringing(from-20, "1001")))
	cut := answered(ringing(from-10, "1001", "1002")) // its end was not seen
	cut.Caller.Withheld, cut.Caller.Number, cut.Legs[0].Number = true, "", ""
	assumed := next(cut, time.Second)
	assumed.State, assumed.Outcome, assumed.Reconstructed, assumed.Hold = pbx.StateEnded, pbx.Answered, true, time.Second
	assumed.EndedAt, assumed.EndedBefore = when(assumed), after(float64(from+60))
	assumed.Legs[0].EndedAt, assumed.Legs[0].End = assumed.EndedAt, pbx.EndLost
	assumed.Legs[1].EndedAt, assumed.Legs[1].End = assumed.EndedAt, pbx.EndLost
	joined := ended(answered(ringing(from+50, "1001"))) // seen from the answer on, as the agent's
	whole := joined
	joined.Partial, joined.StartedAt, joined.Caller = true, joined.AnsweredAt, pbx.Party{Number: "1001"}
	joined.Direction, joined.Legs = pbx.Internal, joined.Legs[1:]
	part := ended(answered(ringing(from-5, "1001"))) // of a call that another exchange has too
	r.Update(part)
	settle(t, r)
	merged := next(part, time.Millisecond)
	merged.MergedInto = seen.ID
	for _, c := range []pbx.Call{seen, assumed, joined, merged} {
		r.Update(c)
	}
	settle(t, r)

	// As the PBX tells them.
	otherwise := ended(ringing(from-20, "1001"))
	otherwise.Caller.Name = "another"
	told := ended(cut)
	told.Caller = pbx.Party{Number: "09120000000", Name: "told"}
	told.Queue, told.ID = "", callID(from-9) // its beginning by another clock
	hidden := ended(answered(ringing(from+20, "1002")))
	slow := answered(ringing(from+30, "1001"))
	before := ended(ringing(from-600, "1001"))
	var slowEnds atomic.Bool
	repair(t, d, r, nil, func(_ context.Context, begin, end time.Time) ([]pbx.Recalled, error) {
		if !begin.Equal(after(float64(from))) || !end.Equal(after(float64(from+60))) {
			t.Errorf("asked for %v to %v", begin, end)
		}
		var all []pbx.Recalled
		for _, c := range []pbx.Call{otherwise, told, whole, hidden, before, part} {
			all = append(all, pbx.Recalled{Call: c, Source: pbx.SourceCEL})
		}
		last := slow
		if slowEnds.Load() {
			last = ended(slow)
		}
		return append(all, pbx.Recalled{Call: last, Source: pbx.SourceCDR}), nil
	})
	until(t, "the hidden call is in the log", func() bool { return count(t, d, `SELECT count(*) FROM call WHERE id = $1`, hidden.ID) == 1 })
	if gaps, _, _ := repaired(t, d); gaps != 0 {
		t.Error("the gap is done while one of its calls goes on")
	}
	slowEnds.Store(true)
	until(t, "the gap is done", func() bool { gaps, _, _ := repaired(t, d); return gaps == 1 })
	if _, added, completed := repaired(t, d); added != 2 || completed != 2 {
		t.Errorf("added %d, completed %d; want 2 and 2", added, completed)
	}
	if n := count(t, d, `SELECT count(*) FROM call`); n != 6 {
		t.Errorf("the log has %d calls, want 6", n)
	}
	store := NewStore(d, crm.NewStore(d, crm.Config{}))
	read := func(c pbx.Call) Record {
		rec, err := store.Call(t.Context(), crm.System, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	if c := read(seen); *c.Outcome != pbx.Answered || c.Caller.Name != "Sara" || c.Source != pbx.SourceLive || c.Reconstructed {
		t.Errorf("what was seen is changed: %+v", c)
	}
	if c := read(assumed); !c.EndedAt.Equal(millis(told.EndedAt)) || c.EndedBefore != nil || c.TalkMS != told.Talk.Milliseconds() || c.Source != pbx.SourceCEL ||
		!c.Caller.Withheld || c.Caller.Raw != "" || *c.Queue != "support" || c.HoldMS != 1000 || len(c.Legs) != 3 {
		t.Errorf("the call whose end was not seen: %+v", c)
	} else {
		for _, l := range c.Legs {
			if *l.End == pbx.EndLost {
				t.Errorf("leg %s is lost still", l.ID)
			}
		}
	}
	if c := read(joined); !c.StartedAt.Equal(millis(whole.StartedAt)) || c.Partial || len(c.Legs) != 2 || c.Direction != pbx.Inbound || c.Source != pbx.SourceCEL ||
		!c.EndedAt.Equal(millis(joined.EndedAt)) {
		t.Errorf("the call that was joined in the middle: %+v", c)
	}
	if c := read(slow); c.Source != pbx.SourceCDR || c.State != pbx.StateEnded || !c.Reconstructed {
		t.Errorf("the call that went on: %+v", c)
	}
}

// TestRepair_SourceAwayAndStandby: records that cannot be read are tried again; a node that does not lead leaves gaps alone.
func TestRepair_SourceAwayAndStandby(t *testing.T) {
	d := dbtest.New(t)
	from := gapNow(t, d)
	h := newHand(t, d)
	h.give(t, "a")
	a, leader, _ := standing(t, d, h, "a")
	b, standby, _ := standing(t, d, h, "b")
	hidden := ended(answered(ringing(from+20, "1002")))
	var tries, late atomic.Int64
	repair(t, d, b, standby, func(context.Context, time.Time, time.Time) ([]pbx.Recalled, error) {
		late.Add(1)
		return nil, nil
	})
	repair(t, d, a, leader, func(context.Context, time.Time, time.Time) ([]pbx.Recalled, error) {
		if tries.Add(1) < 3 {
			return nil, errors.New("away")
		}
		return []pbx.Recalled{{Call: hidden, Source: pbx.SourceCDR}}, nil
	})
	until(t, "the gap is done", func() bool { gaps, added, _ := repaired(t, d); return gaps == 1 && added == 1 })
	if late.Load() > 0 {
		t.Error("the node that stands by has read records")
	}
}
