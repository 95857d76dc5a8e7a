package calllog

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

func TestRecorder_L1_L2_RingAllIsOneRowWithALegForEach(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	c := ringing(1, "1001", "1002", "1003", "1004", "1005")
	for _, p := range []pbx.Call{c, answered(c), ended(answered(c))} {
		r.Update(p)
		settle(t, r)
	}
	if n := count(t, d, "SELECT count(*) FROM call"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE outcome = 'missed'"); n != 0 {
		t.Errorf("%d missed calls, want none", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call_leg WHERE role = 'agent' AND ended_as = 'answered_elsewhere'"); n != 4 {
		t.Errorf("%d legs answered elsewhere, want 4", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call_agent"); n != 2 {
		t.Errorf("%d agents, want the two whose extensions rang", n)
	}
}

func TestRecorder_L8_LatePicturesNeverUndo(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	ring := ringing(1, "1001")
	talk := answered(ring)
	end := ended(talk)
	r.Update(end)
	settle(t, r)
	want := stored(t, d, end.ID)

	late := ended(ring) // says "missed", later than the true end
	late.Version = end.Version + 1000
	again := next(talk, time.Hour) // "talking" once more, later
	for _, p := range []pbx.Call{ring, talk, again, end} {
		r.Update(p)
		settle(t, r)
	}
	if diff := cmp.Diff(want, stored(t, d, end.ID)); diff != "" {
		t.Errorf("an older or impossible picture changed the row:\n%s", diff)
	}
	r.Update(late)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE outcome = 'answered' AND state = 'ended' AND answered_at IS NOT NULL"); n != 1 {
		t.Error("answered became something else")
	}
}

func TestRecorder_PartialErasesNothing(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	full := answered(ringing(1, "1001", "1002"))
	part := next(full, 20*time.Second)
	part.Partial, part.Queue, part.Caller, part.Direction = true, "", pbx.Party{}, pbx.Internal
	part.StartedAt, part.AnsweredAt = when(part), when(part)
	part.Legs = part.Legs[1:2]
	end := ended(part)
	for _, p := range []pbx.Call{full, part, end} {
		r.Update(p)
		settle(t, r)
	}
	var c struct {
		Direction, Queue, Number, State, Outcome string
		Started, Answered                        time.Time
		Partial                                  bool
		Legs                                     int
	}
	if err := d.Pool().QueryRow(deadline(t), `SELECT direction, queue, number, state, outcome, started_at, answered_at, partial,
		(SELECT count(*) FROM call_leg) FROM call`).Scan(&c.Direction, &c.Queue, &c.Number, &c.State, &c.Outcome,
		&c.Started, &c.Answered, &c.Partial, &c.Legs); err != nil {
		t.Fatal(err)
	}
	if c.Direction != "inbound" || c.Queue != "support" || c.Number == "" || c.State != "ended" || c.Outcome != "answered" ||
		!c.Started.Equal(full.StartedAt) || !c.Answered.Equal(full.AnsweredAt) || !c.Partial || c.Legs != 3 {
		t.Errorf("the partial pictures took something away: %+v", c)
	}
}

// Any order, repetition and loss of a beginning of a call's pictures gives the same row, in whatever batches.
func TestRecorder_AnyOrderGivesTheSameRow(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n += 2
		life := func(n int) []pbx.Call {
			c := ringing(n, "1001", "1002", "1003")
			pictures := []pbx.Call{c}
			if rapid.Bool().Draw(rt, "answered") {
				c = answered(c)
				pictures = append(pictures, c)
				for range rapid.IntRange(0, 2).Draw(rt, "holds") {
					c = next(c, time.Second)
					c.State, c.Hold = pbx.StateHeld, c.Hold+time.Second
					span(&c.Legs[1], pbx.SpanHold, when(c))
					pictures = append(pictures, c)
				}
				if rapid.Bool().Draw(rt, "transferred") {
					c = next(c, time.Second)
					c.Transfers = append(c.Transfers, pbx.Transfer{Kind: pbx.Blind, At: when(c), By: "1001", To: "1004"})
					c.Legs[1].EndedAt, c.Legs[1].End = when(c), pbx.EndTransferred
					c.Legs[1].Talk = when(c).Sub(c.AnsweredAt)
					span(&c.Legs[1], "", when(c))
					c.Legs = append(c.Legs, pbx.Leg{ID: "x", Role: pbx.RoleAgent, Extension: "1004", OfferedAt: when(c), AnsweredAt: when(c), Parent: c.Legs[1].ID})
					pictures = append(pictures, c)
				}
			}
			return append(pictures, ended(c))
		}
		pictures := life(n)
		last := len(pictures) - 1
		restarted := false
		if joined := rapid.IntRange(1, last+1).Draw(rt, "joined again"); joined <= last {
			// After a restart in the middle: what it says less, it must not erase. Each of the two processes has
			// its own recorder, so that the pictures meet in the database only.
			restarted, last = true, 0 // the first picture is the one that knows
			for i := joined; i < len(pictures); i++ {
				pictures[i].Partial, pictures[i].Queue, pictures[i].Caller.Name = true, "", ""
				pictures[i].Legs = append([]pbx.Leg{}, pictures[i].Legs...)
				for j := range pictures[i].Legs {
					// It does not know the talk of before.
					l := &pictures[i].Legs[j]
					l.Talk /= 2
					if n := len(l.Spans); n > 0 {
						l.Spans = l.Spans[n-1:]
					}
				}
			}
		}
		for _, p := range pictures {
			r.Update(p)
			if restarted {
				settle(t, r)
			}
		}
		settle(t, r)
		want := stored(t, d, pictures[0].ID)

		if _, err := d.Pool().Exec(deadline(t), "DELETE FROM call WHERE id = $1", pictures[0].ID); err != nil {
			rt.Fatal(err)
		}
		from := rapid.IntRange(0, last).Draw(rt, "lost")
		kept := pictures[from:]
		order := rapid.Permutation(append(append([]pbx.Call{}, kept...), kept[:rapid.IntRange(0, len(kept)).Draw(rt, "doubled")]...)).Draw(rt, "order")
		for _, p := range order {
			r.Update(p)
			if restarted || rapid.Bool().Draw(rt, "batch ends") {
				settle(t, r)
			}
		}
		settle(t, r)
		if diff := cmp.Diff(want, stored(t, d, pictures[0].ID)); diff != "" {
			rt.Fatalf("the row depends on the order:\n%s", diff)
		}
	})
}

// laterDesks is a directory that knows nobody until it is loaded.
type laterDesks struct {
	desks
	loaded atomic.Bool
}

func (d *laterDesks) Loaded() bool { return d.loaded.Load() }

func (d *laterDesks) ByExtension(pbx, ext string) (crm.AgentRef, bool) {
	if !d.Loaded() {
		return crm.AgentRef{}, false
	}
	return d.desks.ByExtension(pbx, ext)
}

// Calls that ended before the agents were known wait for them, on disk and through a restart, and are written with them.
func TestRecorder_CallsBeforeTheDirectory(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	later := &laterDesks{desks: desks{"1001": neda}}
	c.Directory = later
	agents := func(n int) int {
		return count(t, d, `SELECT count(*) FROM call_leg l JOIN call_agent a USING (call_id, agent_id) WHERE call_id = $1 AND agent_id = $2`, callID(n), neda.ID)
	}

	r, stop := record(t, c)
	r.Update(ended(answered(ringing(1, "1001"))))
	until(t, "the call is left to the spool", func() bool { b := r.Backlog(); return b.Pending == 0 && b.SpoolBytes > 0 })
	stop()
	r, _ = record(t, c)
	r.Update(ended(answered(ringing(2, "1001"))))
	r.Update(answered(ringing(3, "1001")))
	until(t, "the recorder waits", func() bool { return r.Backlog().Away })
	if n := count(t, d, `SELECT count(*) FROM call`); n != 0 {
		t.Errorf("%d calls were written without their agents", n)
	}
	later.loaded.Store(true)
	settle(t, r)
	for n := 1; n <= 3; n++ {
		if agents(n) != 1 {
			t.Errorf("call %d is not Neda's", n)
		}
	}
}

// Whatever a PBX says about its caller, the call is in the log.
func TestRecorder_M13_M14_NoCallVanishes(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	parties := []pbx.Party{
		{},
		{Withheld: true},
		{Number: "anonymous"},
		{Number: "unavailable"},
		{Number: "+989121234567"},
		{Number: "Restricted", Withheld: true},
		{Number: strings.Repeat("9", 40)},
		{Number: "sip:alice@example.com"},
		{Number: "\x00\xff\xfe", Name: "a\x00b\xff"},
		{Number: "+", Name: strings.Repeat("ش", 3<<20)},
		{Number: "IR-BANK"},
		{Number: "؀۰۹۱۲"},
		{Number: "'; DROP TABLE call; --"},
	}
	for i, party := range parties {
		c := ringing(i, "1001")
		c.Caller, c.Queue, c.Dialed = party, party.Name, party.Number
		c.Hangup.Text = party.Name
		c.Legs[1].Channel = party.Name
		r.Update(ended(c))
	}
	odd := ended(ringing(100, "1001"))
	odd.StartedAt, odd.Legs[0].OfferedAt = time.Time{}, time.Date(292277, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Update(odd)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != len(parties)+1 {
		t.Errorf("%d rows, want %d", n, len(parties)+1)
	}
	if n := count(t, d, "SELECT count(*) FROM customer"); n != 0 {
		t.Errorf("%d customers were created", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE id = $1 AND started_at = $2", odd.ID, start.Add(100*time.Second)); n != 1 {
		t.Error("a call without a start has not the time of its id")
	}
}

func TestRecorder_OnePoisonedCallBlocksNoOther(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	if _, err := d.Pool().Exec(deadline(t), "ALTER TABLE call ADD CHECK (queue <> 'poison')"); err != nil {
		t.Fatal(err)
	}
	r, _ := record(t, c)
	for n := range 10 {
		call := ended(ringing(n, "1001"))
		if n == 4 {
			call.Queue = "poison"
		}
		r.Update(call)
	}
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
	line, err := os.ReadFile(filepath.Join(c.Spool, "quarantine.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Error string
		picture
	}
	if err := json.Unmarshal(line, &kept); err != nil || kept.Call.ID != callID(4) || kept.Error == "" {
		t.Errorf("quarantine holds %s (%v)", line, err)
	}
}

func TestRecorder_LookUpThatFailedIsRepaired(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	broken := true
	c.Match = func(ctx context.Context, q crm.Query) (crm.Match, error) {
		if broken {
			return crm.Match{}, errors.New("no rules")
		}
		return nobody(ctx, q)
	}
	r, stop := record(t, c)
	r.Update(ended(ringing(1, "1001")))
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE match_rule = ''"); n != 1 {
		t.Fatal("the call was not written without its match")
	}
	stop()
	broken = false
	if err := r.rematch(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE match_rule = 'none'"); n != 1 {
		t.Error("the match was not repaired")
	}
}
