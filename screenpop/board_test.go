package screenpop

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestBoard_FirstPictureHasTheCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{delay: time.Millisecond}
		b := open(t, o)
		w := watch(t, b, neda.ID)
		began := time.Now()
		b.Update(t.Context(), ring("1001"))
		<-w.C()
		if d := time.Since(began); d != time.Millisecond {
			t.Errorf("first picture after %v, want when the look-up was done", d)
		}
		p := only(t, w.Desk())
		if !p.LookedUp || p.Customer == nil || p.Customer.Name != "Sara" || p.Rule != crm.RuleExact || p.State != PopRinging {
			t.Errorf("pop is %+v", p)
		}
		if d := w.Desk(); d.State != crm.Ringing || d.ReceivedAt.IsZero() {
			t.Errorf("desk is %v, received at %v", d.State, d.ReceivedAt)
		}
	})
}

// P1: a reload while it rings shows the pop again, at once.
func TestBoard_P1_ReloadWhileRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		w := watch(t, b, neda.ID)
		b.Update(t.Context(), ring("1001"))
		if !nudged(w) {
			t.Fatal("no nudge")
		}
		w.Close()
		again := watch(t, b, neda.ID)
		if p := only(t, again.Desk()); p.State != PopRinging || p.Customer == nil {
			t.Errorf("after the reload: %+v", p)
		}
	})
}

// P3: several devices of an agent make one pop, cleared everywhere on answer.
func TestBoard_P3_SeveralDevicesOnePop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		w := watch(t, b, neda.ID)
		c := ring("1001", "2001")
		b.Update(t.Context(), c)
		if p := only(t, w.Desk()); p.State != PopRinging {
			t.Errorf("rings as %s", p.State)
		}
		c = answer(c, "2001")
		b.Update(t.Context(), c)
		if p := only(t, w.Desk()); p.State != PopTalking || p.Extension != "2001" || p.AnsweredBy != nil {
			t.Errorf("after the answer on the mobile: %s at %s, answered by %v", p.State, p.Extension, p.AnsweredBy)
		}
	})
}

// P4, P5: a call is shown to those who are rung, and to nobody else.
func TestBoard_P4_P5_OnlyRungDesksSeeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		w, other := watch(t, b, neda.ID), watch(t, b, reza.ID)
		c := ring("1001", "1002", "9999")
		for _, p := range []pbx.Call{c, answer(c, "1001"), hangUp(answer(c, "1001"))} {
			b.Update(t.Context(), p)
			if !nudged(w) {
				t.Error("a rung desk got no nudge")
			}
			if nudged(other) || len(other.Desk().Calls) != 0 || b.Shows(reza.ID, c.ID) {
				t.Error("a desk that was not rung got something")
			}
		}
		waiting := ring()
		waiting.State = pbx.StateQueued
		b.Update(t.Context(), waiting)
		if nudged(w) || nudged(other) {
			t.Error("a call that rings nowhere nudged a desk")
		}
	})
}

// P6: clearing is at once, everywhere, and says who took it.
func TestBoard_P6_AnsweredElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		one, two := watch(t, b, neda.ID), watch(t, b, omid.ID)
		c := ring("1001", "1002")
		b.Update(t.Context(), c)
		if !nudged(one) || !nudged(two) {
			t.Fatal("no nudge")
		}
		c = answer(c, "1001")
		b.Update(t.Context(), c)
		if !nudged(one) || !nudged(two) {
			t.Fatal("no nudge on answer")
		}
		if p := only(t, one.Desk()); p.State != PopTalking || p.AnsweredBy != nil {
			t.Errorf("who answered sees %s", p.State)
		}
		p := only(t, two.Desk())
		if p.State != PopElsewhere || p.AnsweredBy == nil || p.AnsweredBy.Name != "Neda" || p.AnsweredBy.AgentID != neda.ID {
			t.Errorf("the other sees %s, answered by %v", p.State, p.AnsweredBy)
		}
		if s := two.Desk().State; s != crm.Available {
			t.Errorf("the other is %s", s)
		}
		time.Sleep(Linger - time.Millisecond)
		if nudged(two) {
			t.Error("went too early")
		}
		time.Sleep(time.Millisecond)
		if !nudged(two) || len(two.Desk().Calls) != 0 {
			t.Error("did not go after its time")
		}
		b.Update(t.Context(), later(c))
		if nudged(two) || len(two.Desk().Calls) != 0 {
			t.Error("came back")
		}
	})
}

// P10: a browser that was away, or slow, ends with the right picture.
func TestBoard_P10_SlowBrowserEndsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		w := watch(t, b, neda.ID)
		c := ring("1001")
		for range 1000 {
			c = later(c)
			b.Update(t.Context(), c)
		}
		c = hangUp(answer(c, "1001"))
		b.Update(t.Context(), c)
		if !nudged(w) {
			t.Fatal("no nudge")
		}
		if nudged(w) {
			t.Error("more than one nudge waits")
		}
		if p := only(t, w.Desk()); p.State != PopEnded || p.Call.Version != c.Version {
			t.Errorf("ends as %s, version %d", p.State, p.Call.Version)
		}
	})
}

// P13: the pop has queue, dialed number and how long the caller waited.
func TestBoard_P13_QueueDialedAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		c.StartedAt = c.StartedAt.Add(-42 * time.Second)
		b.Update(t.Context(), c)
		p := only(t, b.Desk(neda.ID))
		if p.Call.Queue != "support" || p.Dialed.Raw != "91001234" || p.Waited() != 42*time.Second {
			t.Errorf("queue %q, dialed %q, waited %v", p.Call.Queue, p.Dialed.Raw, p.Waited())
		}
	})
}

func TestBoard_FinishedCallStaysForItsNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		w := watch(t, b, neda.ID)
		one := ring("1001")
		b.Update(t.Context(), one)
		one = answer(one, "1001")
		b.Update(t.Context(), one)
		if b.Dismiss(neda.ID, one.ID) {
			t.Error("a live call was dismissed")
		}
		one = hangUp(one)
		b.Update(t.Context(), one)
		time.Sleep(crm.WrapUpMost / 2)
		if d := w.Desk(); only(t, d).State != PopEnded || d.State != crm.WrapUp || !d.Since.Equal(one.EndedAt) {
			t.Errorf("desk is %s since %v, want since %v", d.State, d.Since, one.EndedAt)
		}
		time.Sleep(crm.WrapUpMost)
		if d := w.Desk(); only(t, d).State != PopEnded || d.State != crm.Available {
			t.Errorf("when nobody has ended the wrap-up for long the desk is %s", d.State)
		}
		two := ring("1001")
		b.Update(t.Context(), two)
		if d := w.Desk(); len(d.Calls) != 2 || d.Calls[0].State != PopRinging || d.State != crm.Ringing {
			t.Errorf("while the next rings the desk is %s with %d calls", d.State, len(d.Calls))
		}
		two = hangUp(answer(two, "1001"))
		b.Update(t.Context(), two)
		if p := only(t, w.Desk()); p.Call.ID != two.ID {
			t.Error("the older finished call stayed")
		}
		if !b.Dismiss(neda.ID, two.ID) || len(w.Desk().Calls) != 0 || w.Desk().State != crm.Available {
			t.Error("cannot be dismissed")
		}
		synctest.Wait()
		if len(b.cards) != 0 || len(b.jobs) != 0 {
			t.Errorf("%d cards and %d jobs are left", len(b.cards), len(b.jobs))
		}
	})
}

func TestBoard_MissedCallLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		b.Update(t.Context(), c)
		c = hangUp(c)
		b.Update(t.Context(), c)
		if p := only(t, b.Desk(neda.ID)); p.State != PopMissed || p.AnsweredBy != nil {
			t.Errorf("state %s", p.State)
		}
		time.Sleep(Linger)
		synctest.Wait()
		if len(b.Desk(neda.ID).Calls) != 0 || len(b.cards) != 0 || len(b.desks) != 0 {
			t.Error("something is left")
		}
	})
}

// A queue that rings its members in turn: a desk that is rung again has it again.
func TestBoard_RungAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		b.Update(t.Context(), c)
		c = later(c)
		c.Legs[1].EndedAt, c.Legs[1].End = time.Now(), pbx.EndNoAnswer
		b.Update(t.Context(), c)
		if p := only(t, b.Desk(neda.ID)); p.State != PopMissed {
			t.Errorf("state %s", p.State)
		}
		time.Sleep(Linger / 2)
		c = later(c)
		c.Legs = append(c.Legs, pbx.Leg{ID: "9", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: time.Now()})
		b.Update(t.Context(), c)
		time.Sleep(2 * Linger)
		if p := only(t, b.Desk(neda.ID)); p.State != PopRinging {
			t.Errorf("state %s", p.State)
		}
	})
}

func TestBoard_OldPicturesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		talk := answer(c, "1001")
		b.Update(t.Context(), c)
		b.Update(t.Context(), talk)
		b.Update(t.Context(), c)
		if p := only(t, b.Desk(neda.ID)); p.State != PopTalking {
			t.Errorf("went back to %s", p.State)
		}
		end := hangUp(talk)
		b.Update(t.Context(), end)
		b.Update(t.Context(), later(later(later(talk))))
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded {
			t.Errorf("an ended call became %s", p.State)
		}
		unknown := hangUp(ring("1002"))
		b.Update(t.Context(), unknown)
		if len(b.Desk(omid.ID).Calls) != 0 {
			t.Error("a call that was over popped")
		}
	})
}

// Many goroutines at once; the race detector watches.
func TestBoard_ManyAtOnce(t *testing.T) {
	o := &backOffice{past: make([]PastCall, 3)}
	b := NewBoard(BoardConfig{Match: o.Match, History: o, Directory: staff, States: states()})
	ctx, cancel := context.WithCancel(context.Background())
	var run, work sync.WaitGroup
	run.Go(func() { _ = b.Run(ctx) })
	for _, agent := range []crm.AgentRef{neda, omid, reza} {
		run.Go(func() {
			w := b.Watch(agent.ID)
			defer w.Close()
			for {
				select {
				case <-w.C():
					w.Desk()
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for g := range 8 {
		work.Go(func() {
			for n := range 200 {
				c := ring2(g, n)
				b.Update(ctx, c)
				b.Refresh(c.ID)
				c = answer(c, "1002")
				b.Update(ctx, c)
				b.RefreshCustomer(sara.ID)
				b.Update(ctx, hangUp(c))
				b.Dismiss(omid.ID, c.ID)
			}
		})
	}
	work.Wait()
	cancel()
	run.Wait()
	for _, a := range []crm.AgentRef{neda, omid} {
		for _, p := range b.Desk(a.ID).Calls {
			if p.State.live() {
				t.Errorf("a call still lives on the desk of %s", a.Name)
			}
		}
	}
}

func ring2(g, n int) pbx.Call {
	c := pbx.Call{
		ID: uuid.UUID{byte(g), byte(n), byte(n >> 8), 1}, PBX: "main", Version: 1, Direction: pbx.Inbound, State: pbx.StateRinging,
		Caller: pbx.Party{Number: fmt.Sprint("0912", n%7)}, StartedAt: time.Now(), ReceivedAt: time.Now(),
	}
	c.Legs = []pbx.Leg{
		{ID: "1", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: c.StartedAt},
		{ID: "2", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: c.StartedAt},
	}
	return c
}

// BenchmarkBoardUpdate is one picture of a call that rings at five desks among 500 that are watched.
func BenchmarkBoardUpdate(b *testing.B) {
	dir := house{}
	for i := range 500 {
		ext := fmt.Sprint(1000 + i)
		dir[ext] = crm.AgentRef{ID: uuid.UUID{1, byte(i), byte(i >> 8)}, Extensions: []string{ext}}
	}
	board := NewBoard(BoardConfig{Match: (&backOffice{}).Match, Directory: dir, States: states()})
	for _, a := range dir {
		board.Watch(a.ID)
	}
	c := pbx.Call{
		ID: uuid.UUID{7}, PBX: "main", Direction: pbx.Internal, State: pbx.StateRinging,
		Legs: []pbx.Leg{{ID: "0", Role: pbx.RoleAgent, Extension: "1499"}},
	}
	for i := range 5 {
		c.Legs = append(c.Legs, pbx.Leg{ID: fmt.Sprint(i + 1), Role: pbx.RoleAgent, Extension: fmt.Sprint(1000 + i), OfferedAt: time.Now()})
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Version++
		board.Update(b.Context(), c)
	}
}

// BenchmarkBoardDesk is the whole picture of a desk with one call.
func BenchmarkBoardDesk(b *testing.B) {
	board := NewBoard(BoardConfig{Match: (&backOffice{}).Match, Directory: staff, States: states()})
	board.Update(b.Context(), ring2(0, 0))
	b.ReportAllocs()
	for b.Loop() {
		board.Desk(neda.ID)
	}
}
