package screenpop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a directory of fixed agents.
type house map[string]crm.AgentRef

func (h house) ByExtension(_, ext string) (crm.AgentRef, bool) { a, ok := h[ext]; return a, ok }

func (h house) Agents() []crm.AgentRef { return slices.Collect(maps.Values(h)) }

// states are those of agents who have chosen nothing, and whose wrap-ups nobody writes.
func states() *crm.States { return crm.NewStore(nil, crm.Config{}).States() }

func (h house) Agent(id uuid.UUID) (crm.AgentRef, bool) {
	for _, a := range h {
		if a.ID == id {
			return a, true
		}
	}
	return crm.AgentRef{}, false
}

var (
	neda  = crm.AgentRef{ID: uuid.UUID{1}, Name: "Neda", Extensions: []string{"1001", "2001"}}
	omid  = crm.AgentRef{ID: uuid.UUID{2}, Name: "Omid", Extensions: []string{"1002"}}
	reza  = crm.AgentRef{ID: uuid.UUID{3}, Name: "Reza", Extensions: []string{"1003"}}
	staff = house{"1001": neda, "2001": neda, "1002": omid, "1003": reza}
	sara  = crm.Customer{ID: uuid.UUID{9}, Name: "Sara"}
)

// backOffice is a customer database and call log of which a test decides how long they take and what they say.
type backOffice struct {
	mu    sync.Mutex
	delay time.Duration
	err   error
	asked []crm.Query
	note  Annotation
	past  []PastCall
}

func (o *backOffice) set(f func(*backOffice)) { o.mu.Lock(); defer o.mu.Unlock(); f(o) }

func (o *backOffice) questions() int { o.mu.Lock(); defer o.mu.Unlock(); return len(o.asked) }

func (o *backOffice) Match(ctx context.Context, q crm.Query) (crm.Match, error) {
	o.mu.Lock()
	o.asked = append(o.asked, q)
	delay, err := o.delay, o.err
	o.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return crm.Match{}, ctx.Err()
	}
	n := crm.Number{Raw: q.Raw, Plain: q.Raw}
	if (q.Withheld || q.Raw == "") && q.CustomerRef == "" { // nobody is asked
		return crm.Match{Number: n, Rule: crm.RuleWithheld, Candidates: []crm.Customer{}}, nil
	}
	if err != nil {
		return crm.Match{}, err
	}
	rule := crm.RuleExact
	if q.CustomerRef != "" {
		rule = crm.RuleIVR
	}
	return crm.Match{Number: n, Rule: rule, Customer: &sara, Candidates: []crm.Customer{sara}}, nil
}

func (o *backOffice) LastCalls(_ context.Context, _ []uuid.UUID, _ string, limit int) ([]PastCall, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.past[:min(limit, len(o.past))], nil
}

func (o *backOffice) Annotation(context.Context, uuid.UUID) (Annotation, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.note, nil
}

// open is a running board inside a synctest bubble; it is shut down at the end of the test.
func open(t *testing.T, o *backOffice) *Board {
	t.Helper()
	b := NewBoard(BoardConfig{Match: o.Match, History: o, Directory: staff, States: states()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

var numbered byte

// ring is a call from Sara to a queue that rings at the extensions now.
func ring(extensions ...string) pbx.Call {
	numbered++
	now := time.Now()
	c := pbx.Call{
		ID: uuid.UUID{0xca, numbered}, PBX: "main", Version: 1, Direction: pbx.Inbound, State: pbx.StateRinging,
		Caller: pbx.Party{Number: fmt.Sprint("0912", numbered)}, Dialed: "91001234", Queue: "support", StartedAt: now, ReceivedAt: now,
		Legs: []pbx.Leg{{ID: "0", Role: pbx.RoleCustomer, OfferedAt: now, AnsweredAt: now}},
	}
	for i, ext := range extensions {
		c.Legs = append(c.Legs, pbx.Leg{ID: fmt.Sprint(i + 1), Role: pbx.RoleAgent, Extension: ext, OfferedAt: now})
	}
	return c
}

func later(c pbx.Call) pbx.Call {
	c.Version++
	c.ReceivedAt = time.Now()
	c.Legs = append([]pbx.Leg{}, c.Legs...)
	return c
}

// answer is the picture after the agent leg of ext has answered and the others were stopped.
func answer(c pbx.Call, ext string) pbx.Call {
	c = later(c)
	c.State, c.AnsweredAt = pbx.StateTalking, time.Now()
	for i := range c.Legs {
		switch l := &c.Legs[i]; {
		case l.Role != pbx.RoleAgent:
		case l.Extension == ext:
			l.AnsweredAt = time.Now()
		default:
			l.EndedAt, l.End = time.Now(), pbx.EndAnsweredElsewhere
		}
	}
	return c
}

func hangUp(c pbx.Call) pbx.Call {
	c = later(c)
	c.State, c.EndedAt, c.Outcome = pbx.StateEnded, time.Now(), pbx.Answered
	if c.AnsweredAt.IsZero() {
		c.Outcome = pbx.Abandoned
	}
	for i := range c.Legs {
		if l := &c.Legs[i]; l.EndedAt.IsZero() {
			l.EndedAt, l.End = time.Now(), pbx.EndHungUp
		}
	}
	return c
}

func nudged(w *Watch) bool {
	synctest.Wait()
	select {
	case <-w.C():
		return true
	default:
		return false
	}
}

// watch is a Watch whose first nudge is taken.
func watch(t *testing.T, b *Board, agent uuid.UUID) *Watch {
	t.Helper()
	w := b.Watch(agent)
	t.Cleanup(w.Close)
	if !nudged(w) {
		t.Fatal("a new watch has no nudge")
	}
	return w
}

// only is the one pop of a desk.
func only(t *testing.T, d Desk) Pop {
	t.Helper()
	if len(d.Calls) != 1 {
		t.Fatalf("desk of %s has %d calls, want 1", d.Agent.Name, len(d.Calls))
	}
	return d.Calls[0]
}

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

func TestBoard_OutboundAndInternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{}
		b := open(t, o)
		now := time.Now()
		out := ring()
		out.Direction, out.Caller, out.Dialed, out.Queue = pbx.Outbound, pbx.Party{Number: "1001"}, "0912", ""
		out.Legs = []pbx.Leg{{ID: "1", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: now}}
		b.Update(t.Context(), out)
		synctest.Wait()
		if d := b.Desk(neda.ID); only(t, d).State != PopDialing || d.State != crm.Talking || only(t, d).Customer == nil {
			t.Errorf("dialing: %+v", d)
		}
		in := ring()
		in.Direction, in.Caller, in.Dialed, in.Queue = pbx.Internal, pbx.Party{Number: "1002"}, "1003", ""
		in.Legs = []pbx.Leg{
			{ID: "1", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: now},
			{ID: "2", Role: pbx.RoleAgent, Extension: "1003", OfferedAt: now},
		}
		n := o.questions()
		b.Update(t.Context(), in)
		synctest.Wait()
		if p := only(t, b.Desk(omid.ID)); p.State != PopDialing || !p.LookedUp || p.Rule != crm.RuleNone {
			t.Errorf("who calls sees %+v", p)
		}
		if p := only(t, b.Desk(reza.ID)); p.State != PopRinging {
			t.Errorf("who is called sees %s", p.State)
		}
		if o.questions() != n {
			t.Error("a colleague was looked up as a customer")
		}
	})
}

func TestBoard_TransferShowsWhoHandedItOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		b.Update(t.Context(), c)
		c = answer(c, "1001")
		b.Update(t.Context(), c)
		time.Sleep(time.Minute)
		c = later(c)
		c.Transfers = []pbx.Transfer{{Kind: pbx.Blind, At: time.Now(), By: "1001", To: "1002"}}
		c.Legs[1].EndedAt, c.Legs[1].End = time.Now(), pbx.EndTransferred
		c.Legs = append(c.Legs, pbx.Leg{ID: "9", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: time.Now()})
		b.Update(t.Context(), c)
		p := only(t, b.Desk(omid.ID))
		if p.State != PopRinging || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" || p.Customer == nil {
			t.Errorf("receiver sees %s, transferred by %v", p.State, p.TransferredBy)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded || p.TransferredBy != nil {
			t.Errorf("who transferred sees %s", p.State)
		}
	})
}

// Neda asks Omid about Sara's call and hands it over to him: his desk shows Neda while they talk about it, then Sara,
// whom Neda sent, with Neda's note; of the question nothing stays on either desk.
func TestBoard_P12_AttendedTransferShowsTheCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{}
		b := open(t, o)
		ctx := context.Background()
		call := answer(ring("1001"), "1001")
		b.Update(ctx, call)
		time.Sleep(time.Second)

		question := ring("1001", "1002")
		question.Direction, question.Queue, question.Dialed, question.Caller = pbx.Internal, "", "1002", pbx.Party{Number: "1001"}
		question.Legs = question.Legs[1:]
		b.Update(ctx, question)
		question = answer(question, "1002")
		b.Update(ctx, question)
		time.Sleep(time.Second)
		if p := only(t, b.Desk(omid.ID)); p.State != PopTalking || p.Customer != nil || p.Call.ID != question.ID {
			t.Errorf("while he is asked Omid sees %s of %s", p.State, p.Call.Caller.Number)
		}
		if d := b.Desk(neda.ID); len(d.Calls) != 2 {
			t.Errorf("Neda sees %d calls, want the customer's and hers", len(d.Calls))
		}

		o.set(func(o *backOffice) { o.note.Note = "wants to cancel" })
		b.Refresh(call.ID)
		question = later(question)
		question.State, question.EndedAt, question.Outcome, question.MergedInto = pbx.StateEnded, time.Now(), pbx.Answered, call.ID
		b.Update(ctx, question)
		call = later(call)
		call.Transfers = []pbx.Transfer{{Kind: pbx.Attended, At: time.Now(), By: "1001", To: "1002"}}
		call.Legs[1].EndedAt, call.Legs[1].End = time.Now(), pbx.EndTransferred
		moved := question.Legs[1]
		moved.Parent, moved.EndedAt, moved.End = call.Legs[1].ID, time.Time{}, ""
		moved.ID = "9"
		call.Legs = append(call.Legs, moved)
		b.Update(ctx, call)
		time.Sleep(time.Second)
		p := only(t, b.Desk(omid.ID))
		if p.State != PopTalking || p.Call.ID != call.ID || p.Customer == nil || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" ||
			p.Note != "wants to cancel" {
			t.Errorf("Omid sees %s, customer %v, sent by %v, note %q", p.State, p.Customer, p.TransferredBy, p.Note)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded || p.Call.ID != call.ID {
			t.Errorf("Neda sees %s of %s", p.State, p.Call.ID)
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

// P12: the same extension may be on two exchanges. Neda has 1001 on the one, Reza on the other, to whom she sends the call.
func TestBoard_P12_TheSameExtensionOnTwoExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		b.cfg.Directory = twoHouses{"main": house{"1001": neda}, "other": house{"1001": reza}}
		c := answer(ring("1001"), "1001")
		b.Update(t.Context(), c)
		time.Sleep(time.Minute)
		c = later(c)
		c.Transfers = []pbx.Transfer{{Kind: pbx.Blind, At: time.Now(), By: "1001", To: "81001"}}
		c.Legs[1].EndedAt, c.Legs[1].End = time.Now(), pbx.EndTransferred
		c.Legs = append(c.Legs, pbx.Leg{ID: "other/9", PBX: "other", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: time.Now()})
		b.Update(t.Context(), c)
		if p := only(t, b.Desk(reza.ID)); p.State != PopRinging || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" {
			t.Errorf("the receiver sees %s, transferred by %v", p.State, p.TransferredBy)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded {
			t.Errorf("who transferred sees %s", p.State)
		}
	})
}

// twoHouses are the directories of several exchanges, by their names.
type twoHouses map[string]house

func (h twoHouses) ByExtension(exchange, ext string) (crm.AgentRef, bool) {
	return h[exchange].ByExtension(exchange, ext)
}

func (h twoHouses) Agents() (all []crm.AgentRef) {
	for _, one := range h {
		all = append(all, one.Agents()...)
	}
	return all
}

func (h twoHouses) Agent(id uuid.UUID) (crm.AgentRef, bool) {
	for _, one := range h {
		if a, ok := one.Agent(id); ok {
			return a, true
		}
	}
	return crm.AgentRef{}, false
}
