package calllog

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

func TestMonths_AreMadeAheadAndDroppedWhole(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	months := NewMonths(d, 0, nil)
	now := start
	var want []int
	for n := range 8 { // calls of months for which there is no table yet
		r.Update(ended(answered(beganAt(ringing(n+1, "1001"), now.AddDate(0, -n, 0)))))
		want = append(want, n+1)
	}
	wrong := ended(beganAt(ringing(90, "1001"), time.Date(1970, 1, 3, 0, 0, 0, 0, time.UTC)))
	late := ended(beganAt(ringing(91, "1001"), now.AddDate(60, 0, 0)))
	r.Update(wrong)
	r.Update(late)
	settle(t, r)
	note := "پیگیری"
	if _, err := s.Annotate(deadline(t), admin, beganAt(ringing(8), now.AddDate(0, -7, 0)).ID, Patch{Note: &note}, false); err != nil {
		t.Fatal(err)
	}
	everything := append(append([]int{91}, want...), 90)
	same := func(what string, want []int) {
		t.Helper()
		if got := ids(list(t, s, admin, Filter{})); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
		if got := ids(list(t, s, agentNeda, Filter{Direction: pbx.Inbound})); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s, by an agent: %v, want %v", what, got, want)
		}
	}
	same("without tables of months", everything)
	if err := months.Look(deadline(t), now); err != nil {
		t.Fatal(err)
	}
	same("with them", everything)
	if n := count(t, d, `SELECT count(*) FROM call_rest`); n != 2 {
		t.Errorf("%d calls are of no month", n)
	}
	if n := count(t, d, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'call_leg'::regclass`); n != 8+monthsAhead+1 {
		t.Errorf("%d tables of legs", n)
	}
	r.Update(ended(beganAt(ringing(50, "1001"), now.AddDate(0, monthsAhead, 0))))
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call_rest`); n != 2 {
		t.Errorf("%d calls are of no month, although months were made ahead", n)
	}
	if err := months.Look(deadline(t), now.Add(time.Hour)); err != nil { // nothing to do
		t.Fatal(err)
	}

	// Three months are kept, and the present one. What has no month's table goes with the others of its age.
	r.Update(ended(beganAt(ringing(60, "1001"), now.AddDate(-1, 0, 0))))
	settle(t, r)
	months.keep = 3
	if err := months.drop(deadline(t), monthOf(now).AddDate(0, -months.keep, 0)); err != nil {
		t.Fatal(err)
	}
	same("with what is kept", []int{91, 50, 1, 2, 3, 4, 90})
	for _, table := range []string{"call_leg", "call_agent", "call_annotation", "call_note"} {
		if n := count(t, d, `SELECT count(*) FROM `+table+` WHERE call_id NOT IN (SELECT id FROM call)`); n != 0 {
			t.Errorf("%d rows of %s are left of calls that are gone", n, table)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM audit WHERE action = 'drop' AND entity = 'calls' AND (changes->>'calls')::int = 1`); n != 5 {
		t.Errorf("%d drops in the audit, want 4 months and what was among the rest", n)
	}
	// A call of a month that is gone is not refused.
	r.Update(ended(beganAt(ringing(7, "1001"), now.AddDate(0, -6, 0))))
	settle(t, r)
	same("with one that came late", []int{91, 50, 1, 2, 3, 4, 7, 90})
}

// What else tells of calls goes with them: whom somebody wanted to call, and what agents were doing.
func TestMonths_WhatTellsOfCallsGoesWithThem(t *testing.T) {
	d, _ := callCentre(t)
	months := NewMonths(d, 3, nil)
	for n := range 6 { // in each of six months
		at := start.AddDate(0, -n, 0)
		for _, sql := range []string{
			`INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, state, created_at, settled_at)
				VALUES (gen_random_uuid(), $1, 'main', '1001', '+989121234567', '09121234567', 'placed', $2, $2)`,
			`INSERT INTO agent_wrap_up (agent_id, call_id, leg_id, from_at, until_at) VALUES ($1, gen_random_uuid(), '1', $2, $2)`,
			`INSERT INTO agent_choice (agent_id, since_at, until_at, state, set_by) VALUES ($1, $2, $2::timestamptz + interval '1 hour', 'paused', 'desk')`,
		} {
			if _, err := d.Pool().Exec(deadline(t), sql, neda.ID, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What was chosen long ago and counts still, stays.
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_choice (agent_id, since_at, state, set_by) VALUES ($1, $2, 'offline', 'desk')`, omid.ID, start.AddDate(-2, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := months.Look(deadline(t), start); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"dial_attempt": 4, "agent_wrap_up": 4, "agent_choice": 5} {
		if n := count(t, d, `SELECT count(*) FROM `+table); n != want {
			t.Errorf("%d rows of %s are kept, want %d", n, table, want)
		}
	}
}

// Nobody waits long for a month, and a month that has to wait is made later.
func TestMonths_WaitForWhoReads(t *testing.T) {
	d, _ := callCentre(t)
	tx, err := d.Pool().Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(deadline(t))
	if _, err := tx.Exec(deadline(t), `SELECT FROM call_rest`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- NewMonths(d, 0, nil).Look(deadline(t), start) }()
	until(t, "it waits", func() bool {
		return count(t, d, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'call_rest'::regclass`) == 1
	})
	if err := tx.Rollback(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whoever asks for a call while its month is made, and has planned by the tables that were there before, finds it all the same.
func TestMonths_MakingOneHidesNoCall(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	call := ended(answered(ringing(1, "1001")))
	r.Update(call)
	settle(t, r)
	making, err := d.Pool().Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	defer making.Rollback(deadline(t))
	var moved int
	if err := making.QueryRow(deadline(t), `SELECT make_call_month($1)`, monthOf(call.StartedAt)).Scan(&moved); err != nil {
		t.Fatal(err)
	} else if moved == 0 {
		t.Fatal("nothing was moved")
	}
	type answer struct {
		record Record
		err    error
	}
	alone, listed := make(chan answer, 1), make(chan []int, 1)
	go func() {
		r, err := s.Call(deadline(t), admin, call.ID)
		alone <- answer{r, err}
	}()
	go func() { listed <- ids(list(t, s, admin, Filter{})) }()
	until(t, "both wait", func() bool {
		return count(t, d, `SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND relation::regclass::text LIKE 'call%'`) == 2
	})
	if err := making.Commit(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := <-alone; got.err != nil {
		t.Error(got.err)
	} else if len(got.record.Legs) != len(call.Legs) {
		t.Errorf("%d legs", len(got.record.Legs))
	}
	if got := <-listed; fmt.Sprint(got) != "[1]" {
		t.Errorf("listed are %v", got)
	}
}

func TestIDTime(t *testing.T) {
	at := time.Date(2026, 11, 30, 23, 59, 59, 999e6, time.UTC)
	id := pbx.CallID("main", "1.1", at)
	if got := idTime(id); !got.Equal(at) {
		t.Errorf("an id of %s tells %s", at, got)
	}
	if low, next := idAt(at), idAt(at.Add(time.Millisecond)); string(low[:]) > string(id[:]) || string(next[:]) <= string(id[:]) {
		t.Errorf("%s is not between %s and %s", id, low, next)
	}
	if id := idAt(time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)); id != uuid.Nil {
		t.Errorf("before all ids: %s", id)
	}
}
