package calllog

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/pbx"
)

// The figures of a day are those of the calls that began in it where the business is, each counted for the last queue it came
// to, against that queue's own target; what became part of another call, and what agents dialled, does not count.
func TestDay_IsWhatTheCallsSay(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		t.Fatal(err)
	}
	at := ringing(1).StartedAt
	from := midnight(at, zone)
	if from.After(at) || at.Sub(from) > 25*time.Hour || from.In(zone).Hour() != 0 {
		t.Fatalf("the day of %v begins at %v", at, from)
	}
	// put makes a call that began at a moment, waited so long in a queue and was answered, or not.
	put := func(n int, start time.Time, queue string, wait time.Duration, answered bool, outcome pbx.Outcome) pbx.Call {
		c := ringing(n)
		c.ID, c.StartedAt, c.Queue = pbx.CallID("main", c.Legs[0].ID, start), start, queue
		c.State, c.EndedAt, c.Wait, c.Outcome = pbx.StateEnded, start.Add(wait+time.Minute), wait, outcome
		if answered {
			c.AnsweredAt = start.Add(wait)
		}
		r.Update(c)
		return c
	}
	for i := range 6 { // four within 20 s, and two after
		put(10+i, from.Add(time.Hour+time.Duration(i)*time.Minute), "support", time.Duration(5+5*i)*time.Second, true, pbx.Answered)
	}
	put(20, from.Add(2*time.Hour), "support", 30*time.Second, false, pbx.Abandoned)
	put(21, from.Add(3*time.Hour), "support", 60*time.Second, false, pbx.Missed)
	put(22, from.Add(-time.Second), "support", 5*time.Second, true, pbx.Answered) // yesterday
	put(23, from, "sales", 40*time.Second, true, pbx.Answered)                    // at midnight
	put(24, from.Add(48*time.Hour), "support", 5*time.Second, true, pbx.Answered) // not yet
	put(25, from.Add(time.Hour), "", 5*time.Second, true, pbx.Answered)           // to no queue
	waits := ringing(26)                                                          // waits now
	waits.ID, waits.StartedAt, waits.State = pbx.CallID("main", "26", from.Add(4*time.Hour)), from.Add(4*time.Hour), pbx.StateQueued
	waits.Queue = "sales"
	r.Update(waits)
	out := ringing(27)
	out.ID, out.StartedAt, out.Direction, out.Queue = pbx.CallID("main", "27", from.Add(time.Hour)), from.Add(time.Hour), pbx.Outbound, "sales"
	r.Update(ended(out))
	settle(t, r)
	if err := s.crm.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	level := 60
	if _, err := s.crm.UpdateQueue(context.Background(), crm.System, crm.QueueID("main", "sales"), crm.QueuePatch{ServiceLevelS: &level}); err != nil {
		t.Fatal(err)
	}

	day, err := s.Day(context.Background(), from.Add(20*time.Hour), zone)
	if err != nil {
		t.Fatal(err)
	}
	if !day.From.Equal(from) {
		t.Errorf("the day began at %v, want %v", day.From, from)
	}
	want := map[string]QueueDay{
		"support": {Offered: 8, Answered: 6, Abandoned: 1, InTime: 4, Decided: 8, Wait: (5 + 10 + 15 + 20 + 25 + 30 + 30 + 60) * time.Second},
		"sales":   {Offered: 2, Answered: 1, InTime: 1, Decided: 1, Wait: 40 * time.Second},
	}
	for name, w := range want {
		if got := day.Queues[crm.QueueID("main", name)]; got != w {
			t.Errorf("%s: %+v, want %+v", name, got, w)
		}
	}
	if len(day.Queues) != len(want) {
		t.Errorf("figures of %d queues, want %d", len(day.Queues), len(want))
	}
	if w := want["sales"]; w.AverageWait() != 40*time.Second || (QueueDay{}).AverageWait() != 0 {
		t.Errorf("the average wait is %v", w.AverageWait())
	}
}

// Figures are read while somebody wants them, and by one reading for all who do.
func TestDays_ReadsForAllTogether(t *testing.T) {
	_, s := callCentre(t)
	told := make(chan struct{}, 100)
	days := NewDays(s, time.UTC, slog.New(slog.DiscardHandler), func() { told <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- days.Run(ctx) }()
	for range 1000 {
		days.Today()
	}
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("no figures within a minute")
	}
	if now := days.Today(); now == nil || !now.From.Equal(midnight(time.Now(), time.UTC)) {
		t.Errorf("the figures of today: %+v", now)
	}
	if n := len(told); n != 0 {
		t.Errorf("a thousand questions had %d more readings made at once", n)
	}
	days.mu.Lock()
	days.now.From = days.now.From.Add(-24 * time.Hour)
	days.mu.Unlock()
	if days.Today() != nil {
		t.Error("yesterday's figures are told as today's")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
