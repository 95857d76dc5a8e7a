package screenpop

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestBoard_SlowLookUpComesInASecondPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{delay: time.Second}
		b := open(t, o)
		w := watch(t, b, neda.ID)
		began := time.Now()
		b.Update(t.Context(), ring("1001"))
		<-w.C()
		if d := time.Since(began); d != Patience {
			t.Errorf("first picture after %v, want %v", d, Patience)
		}
		if p := only(t, w.Desk()); p.LookedUp || p.Customer != nil {
			t.Errorf("unchecked pop is %+v", p)
		}
		<-w.C()
		if d := time.Since(began); d != time.Second {
			t.Errorf("second picture after %v", d)
		}
		if p := only(t, w.Desk()); !p.LookedUp || p.Customer == nil {
			t.Errorf("pop is %+v", p)
		}
	})
}

// The database is away: the phone rings all the same, and the customer comes when it is back.
func TestBoard_DatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{err: errors.New("away")}
		b := open(t, o)
		w := watch(t, b, neda.ID)
		c := ring("1001")
		b.Update(t.Context(), c)
		time.Sleep(10 * time.Minute) // in the bubble's time
		if p := only(t, w.Desk()); p.LookedUp {
			t.Error("claims to have looked up")
		}
		if n := o.questions(); n < 60 || n > 1000 {
			t.Errorf("asked %d times in 10 minutes", n)
		}
		o.set(func(o *backOffice) { o.err = nil })
		time.Sleep(retryMost * 2)
		if p := only(t, w.Desk()); !p.LookedUp || p.Customer == nil {
			t.Error("never looked up again")
		}
		n := o.questions()
		b.Update(t.Context(), hangUp(c))
		o.set(func(o *backOffice) { o.err = errors.New("away") })
		gone := ring("1001")
		b.Update(t.Context(), gone)
		b.Update(t.Context(), hangUp(gone))
		time.Sleep(time.Minute)
		if m := o.questions(); m > n+6 {
			t.Errorf("asked %d times for a call that is over", m-n)
		}
	})
}

func TestBoard_SameCallerIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{delay: time.Second}
		b := open(t, o)
		first := ring("1001")
		b.Update(t.Context(), first)
		for range 20 {
			c := ring("1002")
			c.Caller = first.Caller
			b.Update(t.Context(), c)
		}
		time.Sleep(5 * time.Second)
		if n := o.questions(); n > 2 {
			t.Errorf("asked %d times for one caller", n)
		}
		for _, p := range b.Desk(omid.ID).Calls {
			if !p.LookedUp {
				t.Fatal("a call was forgotten")
			}
		}
	})
}

func TestBoard_M13_WithheldCallerPops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		for _, party := range []pbx.Party{{}, {Withheld: true}, {Number: "anonymous"}, {Number: "sip:x@y"}, {Number: "\xff\x00"}} {
			c := ring("1001")
			c.Caller = party
			b.Update(t.Context(), c)
		}
		synctest.Wait()
		if n := len(b.Desk(neda.ID).Calls); n != 5 {
			t.Errorf("%d pops, want 5", n)
		}
	})
}

// M13: a number that is told but not to be shown brings no history either.
func TestBoard_M13_WithheldCallerHasNoHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{past: []PastCall{{ID: uuid.UUID{7}}}}
		b := open(t, o)
		c := ring("1001")
		c.Caller = pbx.Party{Number: "09124445566", Withheld: true}
		b.Update(t.Context(), c)
		synctest.Wait()
		if p := only(t, b.Desk(neda.ID)); !p.LookedUp || p.Rule != crm.RuleWithheld || len(p.History) != 0 {
			t.Errorf("rule %s, history %v", p.Rule, p.History)
		}
	})
}

// M16: what the dialplan learns about the customer during the call is looked up then.
func TestBoard_M16_CustomerNamedByTheDialplan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		c.Caller = pbx.Party{Withheld: true}
		b.Update(t.Context(), c)
		synctest.Wait()
		if p := only(t, b.Desk(neda.ID)); p.Rule != crm.RuleWithheld || p.Customer != nil {
			t.Errorf("rule %s", p.Rule)
		}
		c = later(c)
		c.CustomerRef = "4711"
		b.Update(t.Context(), c)
		synctest.Wait()
		if p := only(t, b.Desk(neda.ID)); p.Rule != crm.RuleIVR || p.Customer == nil {
			t.Errorf("rule %s", p.Rule)
		}
	})
}

func TestBoard_RefreshShowsNoteAndCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{past: make([]PastCall, 9)}
		b := open(t, o)
		w := watch(t, b, neda.ID)
		c := ring("1001")
		c.Caller = pbx.Party{Withheld: true}
		o.past[0].ID = c.ID
		b.Update(t.Context(), c)
		if !nudged(w) {
			t.Fatal("no nudge")
		}
		o.set(func(o *backOffice) { o.note = Annotation{Note: "call back", CustomerID: sara.ID} })
		b.Refresh(c.ID)
		if !nudged(w) {
			t.Fatal("no nudge after the refresh")
		}
		if p := only(t, w.Desk()); p.Note != "call back" || p.Customer == nil || p.Rule != crm.RuleLinked {
			t.Errorf("pop has note %q, rule %s", p.Note, p.Rule)
		}

		known := ring("1002")
		o.past[0].ID = known.ID
		b.Update(t.Context(), known)
		synctest.Wait()
		if p := only(t, b.Desk(omid.ID)); len(p.History) != historyLength || p.History[0].ID == known.ID {
			t.Errorf("history has %d calls", len(p.History))
		}
		n := o.questions()
		b.RefreshCustomer(sara.ID)
		synctest.Wait()
		if o.questions() == n {
			t.Error("an edited customer was not read again")
		}
		b.RefreshAgents()
		if !nudged(w) {
			t.Error("no nudge after agents were edited")
		}
	})
}

// Joined in the middle, as after a restart: the note that was saved before is there.
func TestBoard_RestartFindsTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{note: Annotation{Note: "typed before"}}
		b := open(t, o)
		c := ring("1001")
		c.Partial = true
		b.Update(t.Context(), c)
		synctest.Wait()
		if p := only(t, b.Desk(neda.ID)); p.Note != "typed before" {
			t.Errorf("note is %q", p.Note)
		}
	})
}
